// Alerts: the words that somebody is to be told of, and what fired.
import {get, may, mayReadAll, part, request} from "./api.js";
import {alertForm} from "./alert_form.js";
import {dayAndTime} from "./clock.js";
import {ask, element, fill, setText} from "./dom.js";
import {firedList} from "./fired_list.js";
import {Form, listOf} from "./forms.js";
import {notificationControl} from "./notifications.js";
import {on} from "./store.js";
import {say} from "./texts.js";

const REFRESH_AFTER = 1000; // ms after an alert fired, since the rules tell how often they did

function summary({settings}) {
  const lists = ["words", "patterns", "streams", "languages"].map((key) => [key, listOf(settings[key]).join(", ")]);
  const others = [["cooldown", settings.cooldown], ["when", settings.when && say(`alerts.when.${settings.when}`)]];
  return element("dl", {class: "pairs"}, [...lists, ...others].filter(([, value]) => value)
    .map(([key, value]) => [element("dt", {}, say(`alerts.${key}`)), element("dd", {dir: "auto"}, String(value))]));
}

function firedText(rule) {
  if (!rule.fired) return say("alerts.never");
  return say("alerts.count", {n: rule.fired}) +
    (rule.last_fired ? ` ${say("alerts.last", {time: dayAndTime(rule.last_fired)})}` : "");
}

async function askRemoval(rule) {
  return ask(say("alerts.remove.title", {name: rule.name}), (close) => {
    const form = new Form();
    const remove = async () => {
      if (await form.run(() => request("DELETE", `/alerts/${part(rule.name)}`))) close(true);
    };
    return [element("p", {}, say("alerts.remove.about")), form.sign, element("div", {class: "actions"},
      element("button", {type: "button", class: "danger", onclick: remove}, say("alerts.remove")),
      element("button", {type: "button", onclick: () => close(false)}, say("cancel")))];
  });
}

class Rules {
  constructor() {
    this.counts = new Map(); // name -> the node that tells how often it fired
    this.list = element("ul", {class: "rules"});
    this.sign = element("p", {class: "quiet", role: "status"});
    this.place = element("div"); // of the form
    this.add = may("manage") ? element("button", {type: "button", class: "primary", hidden: true,
      onclick: () => this.open(null)}, say("alerts.new")) : null;
    this.node = element("section", {"aria-labelledby": "rules-title"},
      element("h2", {id: "rules-title"}, say("alerts.rules")), this.sign, this.list, this.add, this.place);
  }

  async load() {
    try {
      const {alerts} = await get("/alerts");
      this.counts.clear();
      fill(this.list, alerts.map((rule) => this.draw(rule)));
      setText(this.sign, alerts.length === 0 ? say("alerts.rules.none") : "");
      if (this.add) this.add.hidden = false;
    } catch (error) {
      setText(this.sign, error.message);
    }
  }

  // How often they fired, while the reader does something with them.
  async refresh() {
    const {alerts} = await get("/alerts");
    for (const rule of alerts) {
      const node = this.counts.get(rule.name);
      if (node) setText(node, firedText(rule));
    }
  }

  draw(rule) {
    const isOwn = rule.owner === "api";
    const count = element("p", {class: "quiet"}, firedText(rule));
    this.counts.set(rule.name, count);
    return element("li", {class: "panel"},
      element("h3", {dir: "auto"}, rule.name), summary(rule),
      count,
      isOwn ? null : element("p", {class: "quiet"}, say("alerts.of.file")),
      rule.is_shadowed ? element("p", {class: "bad"}, say("alerts.shadowed")) : null,
      isOwn && may("manage") ? element("div", {class: "actions"},
        element("button", {type: "button", "aria-label": say("alerts.change.one", {name: rule.name}),
          onclick: () => this.open(rule)}, say("alerts.change")),
        element("button", {type: "button", class: "danger", "aria-label": say("alerts.remove.title", {name: rule.name}),
          onclick: async () => await askRemoval(rule) && this.load()}, say("alerts.remove"))) : null);
  }

  open(rule) {
    const form = alertForm(rule, {
      onSaved: () => {
        this.close();
        this.load();
      },
      onClosed: () => this.close(),
    });
    fill(this.place, form.node);
    this.add.hidden = true;
    form.node.scrollIntoView({block: "nearest"});
    (rule ? form.fields.words : form.name).focus();
  }

  close() {
    fill(this.place);
    this.add.hidden = false;
    this.add.focus();
  }
}

export function mount(root) {
  // Rules are of all streams: who may read some is told of what fired there.
  const rules = mayReadAll() ? new Rules() : null;
  const fired = firedList();
  let timer = null;

  root.append(element("h1", {}, say("alerts.title")), notificationControl(),
    element("div", {class: "columns"}, rules?.node, fired.node));
  rules?.load();
  const end = on("event", (kind) => {
    if (kind === "alert" && rules) timer ??= setTimeout(() => {
      timer = null;
      rules.refresh().catch(() => {}); // the next one that fires asks again
    }, REFRESH_AFTER);
  });
  return {
    title: say("alerts.title"),
    unmount() {
      end();
      fired.end();
      clearTimeout(timer);
    },
  };
}
