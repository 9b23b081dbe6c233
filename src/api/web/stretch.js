// A stretch of a stream's time: what can be done with it.
import {blob, get, part} from "./api.js";
import {element, fill, saveFile, setText} from "./dom.js";
import {dayAndTime, duration, timeOfDay} from "./clock.js";
import {copyText} from "./forms.js";
import * as player from "./player.js";
import {say} from "./texts.js";

const PAGE = 1000;
const ROWS_MAX = 50_000; // what a tab can hold as text

const iso = (time) => new Date(time).toISOString();

// All segments of the stretch, oldest first.
export async function segmentsOf(stream, from, to) {
  const rows = [];
  let after;
  for (;;) {
    const page = await get(`/streams/${part(stream)}/segments`, {from: iso(from), to: iso(to), limit: PAGE, after});
    rows.push(...page.rows);
    if (page.is_end || page.rows.length === 0 || rows.length >= ROWS_MAX) return rows;
    after = page.next;
  }
}

// What was said, a line each, with the clock's times in front.
export function textWithTimes(rows) {
  return rows.map((row) => `${timeOfDay(row.start)}  ${row.text.trim()}\n`).join("");
}

// A name that every file system takes.
export function fileName(stream, from, ending) {
  const name = stream.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 80) || "stream";
  return `${name}-${iso(from).slice(0, 19).replaceAll(":", "")}Z.${ending}`;
}

async function makeFile(stream, {from, to}, ending) {
  if (ending === "jsonl") {
    const rows = await segmentsOf(stream, from, to);
    return new Blob(rows.map((row) => JSON.stringify(row) + "\n"), {type: "application/jsonl"});
  }
  return blob(`/streams/${part(stream)}/captions.${ending}`, {from: iso(from), to: iso(to)});
}

const FORMATS = ["srt", "vtt", "txt", "jsonl"];

// The line below a time line that tells which stretch is selected, and what to do with it.
export class StretchBar {
  // onRead(time), onClear()
  constructor(stream, {onRead, onClear}) {
    this.stream = stream;
    this.stretch = null;
    this.about = element("span", {class: "stretch-about", role: "status"});
    this.told = element("span", {class: "stretch-told", role: "status"});
    this.buttons = element("span", {class: "stretch-buttons"},
      this.#button("stretch.read", () => onRead(this.stretch.from)),
      this.#button("stretch.play", () => player.playFrom(stream, this.stretch.from, {until: this.stretch.to})),
      this.#button("stretch.copy", async () => {
        const rows = await segmentsOf(stream, this.stretch.from, this.stretch.to);
        if (await copyText(textWithTimes(rows))) setText(this.told, say("stretch.copied", {n: rows.length}));
      }),
      this.#downloads(),
      this.#button("stretch.clear", onClear));
    this.node = element("div", {class: "stretch"}, this.about, this.buttons, this.told);
    this.set(null);
  }

  // What goes wrong is told beside the buttons.
  async #run(action) {
    setText(this.told, "");
    try {
      await action();
    } catch (error) {
      setText(this.told, say("error", {reason: error.message}));
    }
  }

  #button(about, action) {
    return element("button", {type: "button", onclick: () => this.#run(action)}, say(about));
  }

  #downloads() {
    const select = element("select", {"aria-label": say("stretch.download"), onchange: () => {
      const ending = select.value;
      select.value = "";
      if (ending) this.#run(async () => saveFile(fileName(this.stream, this.stretch.from, ending),
        await makeFile(this.stream, this.stretch, ending)));
    }}, element("option", {value: ""}, say("stretch.download")),
    FORMATS.map((ending) => element("option", {value: ending}, say(`stretch.${ending}`))));
    return select;
  }

  // {from, to} in ms, or null.
  set(stretch) {
    this.stretch = stretch;
    this.buttons.hidden = stretch === null;
    setText(this.told, "");
    fill(this.about, stretch ? say("stretch.selected", {from: dayAndTime(stretch.from), to: timeOfDay(stretch.to),
      duration: duration((stretch.to - stretch.from) / 1000)}) : say("stretch.none"));
  }
}
