// Forms whose mistakes stand beside the field that they are in, in the words of the server; and
// what is copied out of them.
import {ask, element, field, setText} from "./dom.js";
import {say} from "./texts.js";

let counter = 0;

export class Form {
  #fields = new Map(); // name -> {control, sign}
  #isRunning = false;

  constructor() {
    // What concerns no field of the form.
    this.sign = element("p", {class: "bad", role: "alert", hidden: true});
  }

  // A labelled control of the setting `name`, with room for what is wrong with it.
  field(name, label, control, hint) {
    const sign = element("p", {class: "bad", id: `mistake-${++counter}`, role: "alert", hidden: true});
    this.#fields.set(name, {control, sign});
    control.addEventListener("input", () => this.#tell(name, ""));
    return element("div", {class: "form-field"}, field(label, control, hint), sign);
  }

  #tell(name, text) {
    const {control, sign} = this.#fields.get(name);
    setText(sign, text);
    sign.hidden = !text;
    if (text) {
      control.setAttribute("aria-invalid", "true");
      control.setAttribute("aria-describedby", sign.id);
    } else {
      control.removeAttribute("aria-invalid");
      control.removeAttribute("aria-describedby");
    }
  }

  clear() {
    for (const name of this.#fields.keys()) this.#tell(name, "");
    this.sign.hidden = true;
  }

  // Beside the field that the error names ("decoding.hotwords" is in "decoding" where there is no
  // field for it alone), which gets the focus; else in the form's own sign.
  show(error) {
    const name = nameOfField(error.field, [...this.#fields.keys()]);
    if (name === null) {
      setText(this.sign, error.message);
      this.sign.hidden = false;
      return;
    }
    const {control} = this.#fields.get(name);
    this.#tell(name, error.message);
    control.closest("details")?.setAttribute("open", "");
    control.focus();
  }

  // Runs what may be refused, once at a time; true: it was done.
  async run(action) {
    if (this.#isRunning) return false;
    this.#isRunning = true;
    this.clear();
    try {
      await action();
      return true;
    } catch (error) {
      this.show(error);
      return false;
    } finally {
      this.#isRunning = false;
    }
  }
}

// Which of `names` a problem's field means; null: none.
export function nameOfField(asked, names) {
  const parts = (asked ?? "").replace(/^alert\./, "").replace(/\[\d+\]/g, "").split(".");
  for (; parts.length > 0; parts.pop())
    if (names.includes(parts.join("."))) return parts.join(".");
  return null;
}

// The lines of a text that say something.
export function linesOf(text) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}

// Names with commas or blanks between them.
export function namesOf(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}

// A setting that is one text or a list of them.
export function listOf(value) {
  if (value === undefined || value === null || value === "") return [];
  return Array.isArray(value) ? value : [value];
}

// --- copying ---------------------------------------------------------------------------------

// What is selected in a field that nobody sees; false: the browser does not let the page do that.
function copySelected(text) {
  const area = element("textarea", {class: "unseen", readonly: true});
  const focused = document.activeElement;
  area.value = text;
  (focused?.closest("dialog") ?? document.body).append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return isCopied;
}

function showToCopy(text) {
  const area = element("textarea", {rows: 12, cols: 60, readonly: true, "aria-label": say("copy.self")});
  area.value = text;
  return ask(say("copy.self"), (close) => {
    setTimeout(() => area.select()); // once it is shown
    return [area, element("p", {}, element("button", {type: "button", onclick: () => close()}, say("close")))];
  });
}

// True: it was copied. Pages that came without encryption have no clipboard: there the browser
// copies what is selected or, where it does not, the reader does.
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (copySelected(text)) return true;
  }
  await showToCopy(text);
  return false;
}

// Copies what text() gives, and says that it did.
export function copyButton(label, done, text) {
  const button = element("button", {type: "button", onclick: async () => {
    if (!await copyText(text())) return;
    setText(button, done);
    setTimeout(() => setText(button, label), 2000);
  }}, label);
  button.setAttribute("aria-live", "polite");
  return button;
}
