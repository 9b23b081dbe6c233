// Recordings on their way to the server, one after the other: it makes them text in this order
// anyhow. They go on while their reader looks at other views; whoever leaves the page is asked.
import {upload} from "./api.js";
import {makeTeller} from "./teller.js";

let isRunning = false;

// In order: {file, query, sent and all (bytes; null: it is not its turn yet), error (or null), cut}.
// Those that failed stay until they are dropped.
export const uploads = [];

// "change" (an upload; null, or the job that it became once it is with the server).
const {on, tell} = makeTeller();
export {on};

function remove(one) {
  const at = uploads.indexOf(one);
  if (at >= 0) uploads.splice(at, 1);
}

async function send(one) {
  const onProgress = (sent, all) => {
    Object.assign(one, {sent, all});
    tell("change", one, null);
  };
  const form = new FormData();
  form.append("file", one.file, one.file.name);
  onProgress(0, one.file.size);
  try {
    const job = await upload("/transcriptions", {query: {...one.query, wait: 0}, body: form, signal: one.cut.signal, onProgress});
    remove(one);
    tell("change", one, job);
  } catch (error) {
    if (!uploads.includes(one)) return; // it was dropped
    one.error = error;
    tell("change", one, null);
  }
}

async function run() {
  if (isRunning) return;
  isRunning = true;
  for (let next; (next = uploads.find(({sent}) => sent === null));) await send(next);
  isRunning = false;
}

// Files of the browser, each with what is asked of the server for it.
export function bring(files, query) {
  for (const file of files) {
    const one = {file, query, sent: null, all: null, error: null, cut: new AbortController()};
    uploads.push(one);
    tell("change", one, null);
  }
  run();
}

// It is not wanted any more.
export function drop(one) {
  remove(one);
  one.cut.abort();
}

addEventListener("beforeunload", (event) => {
  if (uploads.some(({error}) => !error)) event.preventDefault();
});
