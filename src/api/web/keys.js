// The keyboard: what a key does, for the whole page and for the view that is shown; `?` lists
// them.
import {ask, element} from "./dom.js";
import {say} from "./texts.js";

const bindings = []; // {key, about, run}, later ones go first

// `key` is KeyboardEvent.key, with "Shift+" before it for keys without a letter of their own;
// `about` is a key of texts.js. Returns what ends it.
export function bindKey(key, about, run) {
  const binding = {key, about, run};
  bindings.unshift(binding);
  return () => bindings.splice(bindings.indexOf(binding), 1);
}

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

function nameOf(event) {
  return event.shiftKey && event.key.length > 1 ? `Shift+${event.key}` : event.key;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  // Space and Enter belong to the button that has the focus.
  if ((event.key === " " || event.key === "Enter") && event.target.closest("button, a, summary, [role=button]")) return;
  const binding = bindings.find(({key}) => key === nameOf(event));
  if (!binding) return;
  event.preventDefault();
  binding.run(event);
});

const SHOWN = {" ": say("keys.space"), ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓"};

export function showKeys() {
  const seen = new Set();
  const rows = bindings.filter(({key}) => !seen.has(key) && seen.add(key)).reverse();
  return ask(say("keys.title"), (close) => [
    element("table", {class: "keys"}, rows.map(({key, about}) =>
      element("tr", {}, element("th", {scope: "row"}, element("kbd", {}, SHOWN[key] ?? key)),
        element("td", {}, say(about))))),
    element("button", {type: "button", onclick: () => close()}, say("close")),
  ]);
}
