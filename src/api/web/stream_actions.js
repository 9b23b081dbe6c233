// What whoever may manage does with a stream: pause, resume, restart, change, remove.
import {may, part, request} from "./api.js";
import {go} from "./app.js";
import {actionButton, ask, element, fill} from "./dom.js";
import {Form} from "./forms.js";
import {on, refresh} from "./store.js";
import {say} from "./texts.js";

const SETTINGS = ["language", "hotwords", "prompt", "pause", "track"];

// The change (a merge patch) from the settings that there are to what stands in the fields:
// what was emptied is taken away; what is as it was is left out.
export function patchOf(settings, values) {
  const patch = {};
  // Fields have their own ends of lines.
  const bare = (text) => text.replace(/\r\n?/g, "\n").trim();
  for (const [key, value] of Object.entries(values)) {
    if (bare(value) === bare(textOf(settings[key]))) continue;
    patch[key] = bare(value) || null;
  }
  return patch;
}

// As it stands in a field.
export function textOf(value) {
  if (value === undefined || value === null) return "";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

const path = (stream) => `/streams/${part(stream.name)}`;

export function askSettings(stream) {
  const settings = stream.settings ?? {};
  const form = new Form();
  const controls = Object.fromEntries(SETTINGS.map((key) => {
    const text = textOf(settings[key]);
    return [key, key === "prompt" ? element("textarea", {rows: 3, dir: "auto"}, text)
      : element("input", {value: text, autocomplete: "off", dir: "auto"})];
  }));
  const url = element("input", {value: textOf(settings.url), autocomplete: "off", spellcheck: "false"});
  return ask(say("manage.settings.title", {name: stream.name}), (close) => element("form", {onsubmit: async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(Object.entries({...controls, url}).map(([key, {value}]) => [key, value]));
    const patch = patchOf(settings, values);
    const isDone = await form.run(async () => {
      if (Object.keys(patch).length) await request("PATCH", path(stream), {json: patch});
    });
    if (isDone) close(true);
  }},
  form.field("url", say("add.url"), url, say("manage.url.hint")),
  SETTINGS.map((key) => form.field(key, say(`add.${key}`), controls[key], say(`add.${key}.hint`))), form.sign,
  element("div", {class: "actions"}, element("button", {class: "primary"}, say("save")),
    element("button", {type: "button", onclick: () => close(false)}, say("cancel")))));
}

// Its name has to be typed: what is removed by mistake is not heard.
export function askRemoval(stream) {
  const form = new Form();
  const remove = element("button", {class: "danger", disabled: true}, say("manage.remove"));
  const typed = element("input", {autocomplete: "off", spellcheck: "false", oninput: () => {
    remove.disabled = typed.value !== stream.name;
  }});
  return ask(say("manage.remove.title", {name: stream.name}), (close) => element("form", {onsubmit: async (event) => {
    event.preventDefault();
    if (typed.value !== stream.name) return;
    if (await form.run(() => request("DELETE", path(stream)))) close(true);
  }},
  element("p", {}, say("manage.remove.about")),
  form.field("name", say("manage.remove.name", {name: stream.name}), typed), form.sign,
  element("div", {class: "actions"}, remove,
    element("button", {type: "button", onclick: () => close(false)}, say("cancel")))));
}

// Buttons, which follow what the stream is; null where there is nothing that may be done. Those of
// the configuration file are changed and removed there.
export function streamActions(stream) {
  if (!may("manage") || (stream.owner !== "file" && stream.owner !== "api")) return null;
  const node = element("div", {class: "actions stream-actions", role: "group",
    "aria-label": say("manage.label", {name: stream.name})});
  const sign = element("p", {class: "bad", role: "alert", hidden: true});
  let drawn = null;

  const act = (label, what, properties) => actionButton(say(label), async (button) => {
    sign.hidden = true;
    try {
      await what();
      await refresh();
    } catch (error) {
      sign.textContent = error.message;
      sign.hidden = false;
    }
    // The keyboard stays where it was, also where another button took this one's place.
    if (!button.isConnected && node.isConnected) node.querySelector("button").focus();
  }, properties);
  const post = (verb) => () => request("POST", `${path(stream)}/${verb}`);

  async function remove() {
    if (!await askRemoval(stream)) return;
    node.closest("dialog")?.close();
    go("wall");
  }

  function draw() {
    const now = `${stream.owner} ${stream.isPaused}`;
    if (now === drawn) return;
    drawn = now;
    const isOwn = stream.owner === "api";
    fill(node,
      stream.isPaused
        ? act("manage.resume", post("resume"))
        : [act("manage.pause", post("pause")), act("manage.restart", post("restart"))],
      isOwn
        ? [act("manage.settings", () => askSettings(stream)), act("manage.remove", remove, {class: "danger"})]
        : null,
      isOwn ? null : element("p", {class: "quiet"}, say("manage.of.file")), sign);
  }

  draw();
  // It is followed as long as it is shown.
  let wasShown = false;
  const end = on("change", (changed) => {
    wasShown ||= node.isConnected;
    if (wasShown && !node.isConnected) end();
    else if (changed.has(stream)) draw();
  });
  return node;
}

// The same behind a button, where there is little room; null for who may not manage.
export function streamMenuButton(stream) {
  const label = say("manage.label", {name: stream.name});
  if (!may("manage")) return null;
  return element("button", {type: "button", class: "icon", "aria-label": label, title: label, "aria-haspopup": "dialog",
    onclick: () => ask(stream.name, (close) => [
      streamActions(stream) ?? element("p", {}, say("manage.none")),
      element("button", {type: "button", onclick: () => close()}, say("close")),
    ])}, "⋯");
}
