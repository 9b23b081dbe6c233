// A new stream: its address is looked at first, then it gets a name. Cameras that are found in
// the network fill the address in.
import {may, request} from "./api.js";
import {addressOf} from "./app.js";
import {discoverySection} from "./camera_list.js";
import {actionButton, element, fill, setText} from "./dom.js";
import {copyButton, Form} from "./forms.js";
import {reportNode} from "./probe_report.js";
import {refresh} from "./store.js";
import {joinUrl, nameOfUrl, passwordVariable, splitUrl, yamlOf} from "./stream_url.js";
import {say} from "./texts.js";

const text = (properties) => element("input", {autocomplete: "off", spellcheck: "false", ...properties});

// A long line is scrolled, by the keyboard as well.
const yamlNode = (yaml) => element("pre", {class: "yaml", tabindex: "0", role: "group", "aria-label": say("add.yaml")}, yaml);

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// The first step: where the stream is, and what is there.
class AddressStep {
  constructor({onLooked, onChanged}) {
    this.onLooked = onLooked;
    this.form = new Form();
    // What the browser keeps of a form are not the passwords of cameras.
    this.url = text({type: "text", inputmode: "url", required: true, placeholder: "rtsp://192.168.1.20:554/stream1",
      onchange: () => this.takeApart()});
    this.user = text({});
    this.password = text({type: "password", autocomplete: "new-password"});
    this.transport = element("select", {}, ["tcp", "udp"].map((name) =>
      element("option", {value: name}, name.toUpperCase())));
    this.report = element("div", {role: "status"});
    this.look = actionButton(say("add.look"), () => this.probe(), {type: "submit", class: "primary"});
    this.anyhow = element("button", {type: "button", hidden: true, onclick: () => onLooked(null)}, say("add.anyhow"));
    const field = (name, control, hint) => this.form.field(name, say(`add.${name}`), control, hint && say(hint));
    this.node = element("form", {class: "panel", "aria-label": say("add.address"),
      oninput: () => {
        this.drawTransport();
        onChanged();
      }, onsubmit: (event) => event.preventDefault()},
    element("h2", {}, say("add.address")), field("url", this.url, "add.url.hint"),
    element("div", {class: "filters"}, field("user", this.user), field("password", this.password),
      this.transportField = field("transport", this.transport, "add.transport.hint")),
    this.form.sign, element("div", {class: "actions"}, this.look, this.anyhow), this.report);
    this.drawTransport();
  }

  drawTransport() {
    this.transportField.hidden = !/^rtsps?:/i.test(this.url.value);
  }

  // A password in the address goes where it is not shown.
  takeApart() {
    const {url, user, password} = splitUrl(this.url.value);
    this.url.value = url;
    if (user) this.user.value = user;
    if (password) this.password.value = password;
  }

  get parts() {
    return {url: this.url.value.trim(), user: this.user.value, password: this.password.value};
  }

  get settings() {
    return !this.transportField.hidden && this.transport.value === "udp" ? {transport: "udp"} : {};
  }

  // What is to be looked at.
  get wish() {
    return {url: joinUrl(this.parts), ...this.settings};
  }

  async probe() {
    if (!this.node.reportValidity()) return;
    this.takeApart();
    this.anyhow.hidden = true;
    fill(this.report, element("p", {class: "quiet"}, say("add.looking")));
    const asked = this.wish;
    const isAsked = await this.form.run(async () => {
      const report = await request("POST", "/probe", {json: asked});
      if (!isSame(asked, this.wish)) return fill(this.report); // it is of an address that is not meant any more
      fill(this.report, reportNode(report));
      this.anyhow.hidden = report.verdict === "ok";
      if (report.verdict === "ok") this.onLooked(report);
    });
    if (!isAsked) fill(this.report);
  }

  // An address that a camera was found at.
  offer(url) {
    this.url.value = url;
    this.user.value = this.password.value = "";
    this.drawTransport();
    this.anyhow.hidden = true;
    fill(this.report);
    this.node.scrollIntoView({block: "nearest"});
    this.url.focus();
    this.url.setSelectionRange(url.length, url.length);
  }
}

// The second: what it is called, and what is spoken there.
class NameStep {
  constructor(address, onAdded) {
    this.address = address;
    this.onAdded = onAdded;
    this.form = new Form();
    this.name = text({required: true, maxlength: 64, pattern: "[A-Za-z0-9._\\-]+"});
    this.language = text({});
    this.hotwords = text({dir: "auto"});
    this.prompt = element("textarea", {rows: 2, dir: "auto"});
    this.track = element("select");
    this.trackField = this.form.field("track", say("add.track"), this.track);
    this.yaml = yamlNode();
    this.yamlAbout = element("p", {class: "quiet"});
    const field = (name) => this.form.field(name, say(`add.${name}`), this[name], say(`add.${name}.hint`));
    this.node = element("form", {class: "panel", hidden: true, "aria-label": say("add.stream"),
      oninput: () => this.drawYaml(), onsubmit: (event) => {
        event.preventDefault();
        this.add();
      }},
    element("h2", {}, say("add.stream")), field("name"),
    element("div", {class: "filters"}, field("language"), field("hotwords")), field("prompt"), this.trackField,
    this.form.field("url", say("add.shown"), this.shown = text({readonly: true})), this.form.sign,
    element("div", {class: "actions"}, element("button", {class: "primary"}, say("add.add"))),
    element("h3", {}, say("add.yaml")), element("p", {class: "quiet"}, say("add.yaml.about")), this.yaml,
    this.yamlAbout, copyButton(say("add.yaml.copy"), say("copied"), () => this.yaml.textContent));
  }

  // `report` of the address; null: nothing could be heard there.
  open(report) {
    const tracks = report?.tracks ?? [];
    const about = ({number, language, title}) => [number, language, title].filter(Boolean).join(", ");
    fill(this.track, element("option", {value: ""}, say("add.track.speech")),
      tracks.map((track) => element("option", {value: track.number}, about(track))));
    this.trackField.hidden = tracks.length < 2;
    this.name.value ||= nameOfUrl(this.address.parts.url);
    this.shown.value = this.address.parts.url;
    this.node.hidden = false;
    this.drawYaml();
    this.name.select();
  }

  get settings() {
    const settings = {...this.address.settings};
    for (const key of ["language", "hotwords", "prompt", "track"])
      if (this[key].value.trim()) settings[key] = this[key].value.trim();
    return settings;
  }

  drawYaml() {
    const name = this.name.value.trim() || "name";
    const {parts} = this.address;
    setText(this.yaml, yamlOf(name, parts, this.settings));
    setText(this.yamlAbout, parts.password ? say("add.yaml.password", {variable: passwordVariable(name)}) : "");
  }

  async add() {
    const json = {name: this.name.value.trim(), url: joinUrl(this.address.parts), ...this.settings};
    const isAdded = await this.form.run(() => request("POST", "/streams", {json}));
    if (!isAdded) return;
    await refresh().catch(() => {}); // the events tell of it as well
    this.onAdded(json.name, this.yaml.textContent);
  }
}

function addedNode(name, yaml, again) {
  const link = element("a", {class: "button", href: addressOf("stream", [name])}, say("add.added.open"));
  const node = element("div", {class: "panel", role: "status"}, element("h2", {}, say("add.added", {name})),
    element("p", {class: "quiet"}, say("add.yaml.about")), yamlNode(yaml),
    element("div", {class: "actions"}, link, copyButton(say("add.yaml.copy"), say("copied"), () => yaml),
      element("button", {type: "button", onclick: again}, say("add.again"))));
  return {node, link};
}

export function mount(root) {
  if (!may("manage")) {
    root.append(element("h1", {}, say("add.title")), element("p", {class: "empty"}, say("add.forbidden")));
    return {title: say("add.title")};
  }
  const place = element("div", {class: "columns"});

  function begin() {
    const address = new AddressStep({
      onLooked: (report) => name.open(report),
      onChanged: () => {
        name.node.hidden = true; // another address is looked at first
      },
    });
    const name = new NameStep(address, (added, yaml) => {
      const {node, link} = addedNode(added, yaml, begin);
      fill(place, node);
      link.focus();
    });
    const cameras = discoverySection((camera, url) => {
      name.node.hidden = true;
      name.name.value = camera;
      address.offer(url);
    });
    fill(place, element("div", {}, address.node, name.node), cameras);
    address.url.focus();
  }

  root.append(element("h1", {}, say("add.title")), place);
  begin();
  return {title: say("add.title")};
}
