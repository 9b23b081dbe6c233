// The form of an alert: what it looks for, where, and what would have fired in what was said
// before it is saved.
import {part, request} from "./api.js";
import {actionButton, element, fill} from "./dom.js";
import {firedNode} from "./fired_list.js";
import {Form, linesOf, listOf, namesOf} from "./forms.js";
import {serverNow} from "./clock.js";
import {say} from "./texts.js";

const DAY = 24 * 3_600_000; // ms

// The settings as the API takes them, from what stands in the fields. What is as it is by
// default is left out.
export function settingsOf({words, patterns, streams, languages, cooldown, when, sessions}) {
  const settings = {
    words: linesOf(words),
    patterns: linesOf(patterns),
    streams: namesOf(streams),
    languages: namesOf(languages),
  };
  for (const [key, value] of Object.entries(settings)) if (value.length === 0) delete settings[key];
  if (cooldown.trim()) settings.cooldown = cooldown.trim();
  if (when !== "final") settings.when = when;
  if (sessions) settings.sessions = true;
  return settings;
}

const area = (value) => {
  const node = element("textarea", {rows: 3, dir: "auto", spellcheck: "false"});
  node.value = listOf(value).join("\n");
  return node;
};

const input = (value) => element("input", {value: value ?? "", autocomplete: "off", spellcheck: "false", dir: "auto"});

// What would have fired, as a row of the journal.
const rowOf = ({time, ...firing}) => ({kind: "alert", start: time, end: time, ...firing});

// Patterns that take too long are given up.
function limitedNode({patterns_limited: n}) {
  return n ? element("p", {class: "bad"}, say("alerts.try.limited", {n})) : null;
}

class AlertForm {
  constructor(rule, {onSaved, onClosed}) {
    this.rule = rule;
    this.onSaved = onSaved;
    this.form = new Form();
    const {settings = {}} = rule ?? {};
    this.name = element("input", {value: rule?.name ?? "", autocomplete: "off", readonly: Boolean(rule),
      required: true});
    this.fields = {
      words: area(settings.words),
      patterns: area(settings.patterns),
      streams: input(listOf(settings.streams).join(" ")),
      languages: input(listOf(settings.languages).join(" ")),
      cooldown: input(settings.cooldown),
      when: element("select", {}, ["final", "stable"].map((when) =>
        element("option", {value: when, selected: when === settings.when}, say(`alerts.when.${when}`)))),
      sessions: element("input", {type: "checkbox", checked: settings.sessions === true}),
    };
    this.draw(onClosed);
  }

  draw(onClosed) {
    const field = (name) => this.form.field(name, say(`alerts.${name}`), this.fields[name], say(`alerts.${name}.hint`));
    this.node = element("form", {class: "panel", "aria-label": say(this.rule ? "alerts.change" : "alerts.new"),
      onsubmit: (event) => {
        event.preventDefault();
        this.save();
      }},
    element("h3", {}, say(this.rule ? "alerts.change" : "alerts.new")),
    this.form.field("name", say("alerts.name"), this.name), field("words"),
    element("div", {class: "filters"}, field("streams"), field("cooldown")),
    element("details", {}, element("summary", {}, say("alerts.further")),
      field("patterns"), field("languages"), field("when"), field("sessions")),
    this.form.sign, this.drawTrial(),
    element("div", {class: "actions"}, element("button", {class: "primary"}, say("save")),
      element("button", {type: "button", onclick: onClosed}, say("cancel"))));
  }

  get settings() {
    const values = Object.fromEntries(Object.entries(this.fields).map(([name, {type, checked, value}]) =>
      [name, type === "checkbox" ? checked : value]));
    return settingsOf(values);
  }

  async save() {
    const isSaved = await this.form.run(() => (this.rule
      ? request("PUT", `/alerts/${part(this.rule.name)}`, {json: this.settings})
      : request("POST", "/alerts", {json: {name: this.name.value.trim(), ...this.settings}})));
    if (isSaved) this.onSaved();
  }

  // --- what it would have found ---

  drawTrial() {
    this.days = element("select", {}, [1, 7, 30].map((n) =>
      element("option", {value: n}, say("alerts.try.days", {n}))));
    this.text = area("");
    this.trial = element("div", {role: "status"});
    return element("fieldset", {class: "trial"}, element("legend", {}, say("alerts.try")),
      element("div", {class: "filters"},
        element("label", {class: "field"}, element("span", {class: "label"}, say("alerts.try.span")), this.days),
        actionButton(say("alerts.try.said"), () => this.trySaid())),
      element("details", {}, element("summary", {}, say("alerts.try.text")),
        element("label", {class: "field"}, element("span", {class: "label"}, say("alerts.try.text.label")), this.text),
        actionButton(say("alerts.try.text.run"), () => this.tryText())),
      this.trial);
  }

  async ask(json) {
    fill(this.trial);
    let answer = null;
    await this.form.run(async () => {
      answer = await request("POST", "/alerts/test", {json});
    });
    return answer;
  }

  async trySaid() {
    const now = serverNow();
    const answer = await this.ask({
      alert: this.settings,
      from: new Date(now - Number(this.days.value) * DAY).toISOString(),
      to: new Date(now).toISOString(),
    });
    if (!answer) return;
    const {fired, segments} = answer;
    const told = answer.is_more ? "alerts.try.more" : "alerts.try.found";
    fill(this.trial, element("p", {}, say(fired.length === 0 ? "alerts.try.none" : told, {n: fired.length, segments})),
      limitedNode(answer), element("div", {class: "hits"}, fired.map((firing) => firedNode(rowOf(firing), null))));
  }

  async tryText() {
    const answer = await this.ask({alert: this.settings, text: this.text.value});
    if (!answer) return;
    const found = answer.fired.map((firing) => firing.found).join(", ");
    fill(this.trial, element("p", {}, say(found ? "alerts.try.text.found" : "alerts.try.text.none", {found})),
      limitedNode(answer));
  }
}

// `rule` is one of GET /alerts, or null for a new one.
export function alertForm(rule, handlers) {
  return new AlertForm(rule, handlers);
}
