// Files: dropped, made text, taken as text, subtitles or data.
import {actionButton, append, element, field, fill, saveFile, setAttribute, setText} from "./dom.js";
import {announce} from "./app.js";
import {blob, get, part, request} from "./api.js";
import {dayAndTime, duration} from "./clock.js";
import {bring, drop as dropUpload, on, uploads} from "./file_uploads.js";
import {say, sayBytes} from "./texts.js";

const EVERY_BUSY = 1000; // ms
const EVERY_IDLE = 15_000;
const FORMATS = {text: "txt", srt: "srt", vtt: "vtt", json: "json"};
const TEXT_SHOWN = 200_000; // characters; more is to be downloaded

const isOver = ({state}) => state === "done" || state === "failed";
const nameOf = (job) => job.file ?? say("files.unnamed");

// --- taking its text -------------------------------------------------------------------------

async function save(job, format) {
  const content = await blob(`/transcriptions/${part(job.id)}`, {format});
  saveFile(`${nameOf(job).replace(/\.[^.]*$/, "")}.${FORMATS[format]}`, content);
}

// --- one file --------------------------------------------------------------------------------

// A row of the list: first on its way to the server, then as the server has it.
class Row {
  constructor(name, {onGone}) {
    this.onGone = onGone;
    this.job = null; // as the server tells it
    this.upload = null; // while it is on its way, or if it never came to the server
    this.state = element("p", {class: "quiet", role: "status"});
    this.bar = element("progress", {max: 1, "aria-label": say("files.progress", {file: name})});
    this.trouble = element("p", {class: "bad", role: "alert"});
    this.text = element("div", {class: "file-text", dir: "auto", tabindex: "0", role: "region", "aria-label":
      say("files.text", {file: name}), hidden: true});
    this.actions = element("p", {class: "row"});
    this.node = element("article", {class: "file"}, element("h2", {dir: "auto"}, name), this.state, this.bar,
      this.trouble, this.actions, this.text);
    this.drawActions();
  }

  // Runs what a button is for, and tells beside it what went wrong.
  button(label, action, properties) {
    return actionButton(label, async () => {
      try {
        fill(this.trouble);
        await action();
      } catch (error) {
        setText(this.trouble, say("error", {reason: error.message}));
      }
    }, properties);
  }

  drawActions() {
    const {job} = this;
    const isDone = job?.state === "done";
    const isAtEnd = this.upload?.error || (job && isOver(job));
    const wanted = isDone ? "done" : isAtEnd ? "failed" : "waiting";
    if (this.actions.dataset.shows === wanted) return; // a button that has the focus stays
    this.actions.dataset.shows = wanted;
    fill(this.actions,
      isDone ? this.button(say("files.show"), () => this.show(), {"aria-expanded": "false", class: "show-text"}) : null,
      isDone ? Object.keys(FORMATS).map((format) => this.button(say(`files.save.${format}`), () => save(job, format))) : null,
      this.button(say(isAtEnd ? "files.forget" : "files.cancel"), () => this.remove()));
  }

  async show() {
    const button = this.actions.querySelector(".show-text");
    this.text.hidden = !this.text.hidden;
    setAttribute(button, "aria-expanded", String(!this.text.hidden));
    if (this.text.hidden || this.text.childElementCount) return;
    const whole = await (await blob(`/transcriptions/${part(this.job.id)}`, {format: "text"})).text();
    fill(this.text, whole.slice(0, TEXT_SHOWN).split("\n").filter(Boolean).map((line) => element("p", {dir: "auto"}, line)),
      whole.length > TEXT_SHOWN ? element("p", {class: "quiet"}, say("files.long")) : null,
      whole.trim() ? null : element("p", {class: "quiet"}, say("files.silent")));
  }

  async remove() {
    if (this.upload) dropUpload(this.upload);
    if (this.job) await request("DELETE", `/transcriptions/${part(this.job.id)}`).catch((error) => {
      if (error.status !== 404) throw error; // it has gone by itself
    });
    this.onGone(this);
  }

  drawUpload(upload) {
    const {file, sent, all, error} = upload;
    this.upload = upload;
    this.bar.hidden = error !== null;
    this.bar.value = all ? sent / all : 0;
    setText(this.state, error ? "" : sent === null ? say("files.state.waiting", {size: sayBytes(file.size)})
      : say("files.sending", {sent: sayBytes(sent), all: sayBytes(all)}));
    setText(this.trouble, error?.message ?? "");
    this.drawActions();
  }

  draw(job) {
    const wasOver = this.job && isOver(this.job);
    this.upload = null;
    this.job = job;
    const {fraction, seconds, of} = job.progress;
    this.bar.hidden = isOver(job);
    if (fraction === null) this.bar.removeAttribute("value");
    else this.bar.value = fraction;
    setText(this.state, say(`files.state.${job.state}`, {size: sayBytes(job.size), done: duration(seconds), all: of ? duration(of) : "?",
      language: job.language ?? "", created: dayAndTime(job.created), expires: job.expires ? dayAndTime(job.expires) : ""}));
    setText(this.trouble, job.reason ?? job.warning ?? "");
    this.drawActions();
    if (job.state === "done" && wasOver === false) {
      announce(say("files.ready", {file: nameOf(job)}));
      this.show();
    }
  }
}

// --- the view --------------------------------------------------------------------------------

function makeOptions() {
  const inputs = {
    language: element("input", {type: "text", autocomplete: "off", spellcheck: "false", maxlength: 30, placeholder: "en"}),
    task: element("select", {}, ["transcribe", "translate"].map((value) =>
      element("option", {value}, say(`files.task.${value}`)))),
    hotwords: element("input", {type: "text", maxlength: 1000, autocomplete: "off"}),
  };
  const troubles = {};
  const node = element("details", {}, element("summary", {}, say("files.options")),
    element("div", {class: "fields"}, Object.entries(inputs).map(([name, input]) => {
      troubles[name] = element("p", {class: "bad", role: "alert"});
      return element("div", {}, field(say(`files.${name}`), input, say(`files.${name}.hint`)), troubles[name]);
    })));
  return {
    node,
    read() {
      for (const trouble of Object.values(troubles)) fill(trouble);
      return Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value.trim()]));
    },
    // Whether it is one of these that the server has something against.
    takeTrouble(error) {
      if (!(error.field in troubles)) return false;
      setText(troubles[error.field], error.message);
      node.open = true;
      inputs[error.field].focus();
      return true;
    },
  };
}

export function mount(root) {
  const rows = new Map(); // id, or what is on its way -> Row
  const options = makeOptions();
  const list = element("div", {class: "files"});
  const empty = element("p", {class: "empty", hidden: true}, say("files.empty"));
  const trouble = element("p", {class: "bad", role: "alert"});
  const input = element("input", {type: "file", multiple: true, class: "unseen", id: "files-input",
    accept: "audio/*,video/*", onchange: () => take([...input.files])});
  const drop = element("label", {class: "drop", for: "files-input"}, say("files.drop"));
  let timer = null;
  let isShown = true;

  const forget = (row) => {
    for (const [key, value] of rows) if (value === row) rows.delete(key);
    row.node.remove();
    empty.hidden = rows.size > 0;
  };

  function add(key, name) {
    const row = new Row(name, {onGone: forget});
    rows.set(key, row);
    list.prepend(row.node);
    empty.hidden = true;
    return row;
  }

  function drawUpload(upload, job) {
    const row = rows.get(upload) ?? add(upload, upload.file.name);
    if (job) {
      rows.delete(upload);
      rows.get(job.id)?.node.remove(); // the list had it first
      rows.set(job.id, row);
      row.draw(job);
      ask();
    } else if (upload.error && options.takeTrouble(upload.error)) {
      dropUpload(upload);
      forget(row);
    } else row.drawUpload(upload);
  }

  function take(files) {
    bring(files, options.read());
    input.value = "";
  }

  async function ask() {
    clearTimeout(timer);
    let isBusy = false;
    try {
      const jobs = (await get("/transcriptions")).transcriptions;
      fill(trouble);
      for (const job of jobs.toReversed()) (rows.get(job.id) ?? add(job.id, nameOf(job))).draw(job);
      for (const [key, row] of rows) if (row.job && !jobs.some(({id}) => id === key)) forget(row);
      isBusy = jobs.some((job) => !isOver(job));
      empty.hidden = rows.size > 0;
    } catch (error) {
      setText(trouble, say("error", {reason: error.message}));
    }
    clearTimeout(timer);
    if (isShown) timer = setTimeout(ask, isBusy ? EVERY_BUSY : EVERY_IDLE);
  }

  // A file that misses its place would open instead of the page.
  const hold = (event) => {
    event.preventDefault();
    root.classList.toggle("dropping", event.type === "dragover");
    if (event.type === "drop") take([...event.dataTransfer.files]);
  };
  for (const kind of ["dragover", "dragleave", "drop"]) addEventListener(kind, hold);

  append(root, element("h1", {}, say("files.title")), input, drop, options.node, trouble, empty, list);
  for (const upload of [...uploads]) drawUpload(upload, null);
  const end = on("change", drawUpload);
  ask();
  return {
    title: say("files.title"),
    unmount() {
      isShown = false;
      end();
      clearTimeout(timer);
      for (const kind of ["dragover", "dragleave", "drop"]) removeEventListener(kind, hold);
    },
  };
}
