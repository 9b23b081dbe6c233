// How captions come into OBS or onto a projector: the address, made for the reader.
import {append, element, field, setText} from "./dom.js";
import {readOptions} from "./caption_lines.js";
import {copyButton} from "./forms.js";
import {on, streams} from "./store.js";
import {say} from "./texts.js";

const CHOICES = {
  lines: {type: "number", min: 1, max: 10, value: 2},
  size: {type: "number", min: 8, max: 400, value: 48},
  seconds: {type: "number", min: 0, max: 3600, value: 8},
  background: {type: "text", value: "transparent", spellcheck: "false"},
  color: {type: "text", value: "white", spellcheck: "false"},
};

// Within quotes of a shell.
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function mount(root, {parts, query}) {
  const names = [...streams.keys()].sort();
  const wanted = parts[0] ?? query.get("stream") ?? names[0] ?? "";
  const list = element("datalist", {id: "captions-streams"});
  const stream = element("input", {type: "text", list: "captions-streams", value: wanted, autocomplete: "off"});
  const inputs = Object.fromEntries(Object.entries(CHOICES).map(([name, properties]) => [name, element("input", properties)]));
  const tail = element("input", {type: "checkbox", checked: true});
  const address = element("a", {class: "captions-address", target: "_blank"});
  const command = element("code", {class: "command"});
  const trouble = element("div", {class: "bad", role: "alert"});

  function draw() {
    const url = new URL(`/captions/${encodeURIComponent(stream.value)}`, location.origin);
    for (const [name, input] of Object.entries(inputs))
      if (input.value !== String(CHOICES[name].value)) url.searchParams.set(name, input.value);
    if (!tail.checked) url.searchParams.set("tail", "0");
    const {mistakes} = readOptions(url.searchParams, (color) => CSS.supports("color", color));
    trouble.replaceChildren(...mistakes.map((mistake) => element("p", {}, say(mistake.key, mistake))));
    address.href = url.href;
    setText(address, url.href);
    setText(command, `eavesdrop token new obs --scope read --stream ${quoted(stream.value)}`);
  }

  function drawStreams() {
    list.replaceChildren(...[...streams.keys()].sort().map((name) => element("option", {value: name})));
    if (stream.value || !streams.size) return;
    stream.value = [...streams.keys()].sort()[0];
    draw();
  }

  append(root, element("h1", {}, say("captions.help.title")), element("p", {}, say("captions.help.about")),
    element("form", {class: "fields", oninput: draw, onsubmit: (event) => event.preventDefault()},
      field(say("captions.stream"), stream), list,
      Object.entries(inputs).map(([name, input]) => field(say(`captions.${name}`), input, say(`captions.${name}.hint`))),
      element("label", {class: "check"}, tail, " ", say("captions.tail"))),
    trouble,
    element("h2", {}, say("captions.address")),
    element("p", {class: "row"}, address, copyButton(say("copy"), say("copied"), () => address.href)),
    element("p", {}, say("captions.token")),
    element("p", {class: "row"}, command, copyButton(say("copy"), say("copied"), () => command.textContent)),
    element("p", {}, say("captions.token.where")),
    element("h2", {}, say("captions.obs")),
    element("ol", {}, [1, 2, 3, 4].map((i) => element("li", {}, say(`captions.obs.${i}`)))),
    element("h2", {}, say("captions.projector")), element("p", {}, say("captions.projector.how")));
  drawStreams();
  draw();
  const end = on("streams", drawStreams);
  return {title: say("captions.help.title"), unmount: end};
}
