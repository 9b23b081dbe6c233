// What happens, as it happens: server-sent events read by fetch, so that the token goes along as
// a header. A reader that was cut off goes on behind the last row that it had.
import {ApiError, send} from "./api.js";

// A server that says nothing for so long is asked whether it is there, and given up when it does
// not answer in time: together within the five seconds that a reader may be left in the dark.
const QUIET = 2500;
const PATIENCE = 2000;
// A server sends at least a comment each 15 s: without it the connection is dead although the
// server is there, as it is when a laptop wakes up.
const DEAD = 20_000;

const AGAIN_FIRST = 500;
const AGAIN_MAX = 5000;

function wait(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

async function isThere() {
  try {
    await fetch("/healthz", {cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(PATIENCE)});
    return true;
  } catch {
    return false;
  }
}

// Cuts the text of server-sent events into its events, whatever pieces it comes in.
export class EventParser {
  #rest = "";

  // The events that are whole now: {kind, id, data}, data being JSON.
  *take(text) {
    this.#rest += text;
    let end;
    while ((end = this.#rest.indexOf("\n\n")) >= 0) {
      const block = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 2);
      const event = {kind: "message", id: null, data: ""};
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) event.kind = line.slice(7);
        else if (line.startsWith("id: ")) event.id = line.slice(4);
        else if (line.startsWith("data: ")) event.data += line.slice(6);
      }
      if (event.data) yield {...event, data: JSON.parse(event.data)};
    }
  }
}

// Follows events until stop() is called: {streams: [...], kinds: [...], after: cursor}.
// onEvent(kind, data); onState("live" | "away" | "refused", why) when that changes.
export function follow({streams, kinds, after}, {onEvent, onState}) {
  const stopped = new AbortController();
  let cursor = after ?? null;
  let state = null;
  let again = AGAIN_FIRST;

  function setState(next, why) {
    if (state === next) return;
    state = next;
    onState(next, why);
  }

  async function read(cut) {
    let heard = Date.now(); // something of the server
    let readAt = heard; // something of this connection
    const response = await send("GET", "/events", {
      query: {stream: streams?.join(","), kind: kinds?.join(","), after: cursor},
      headers: {Accept: "text/event-stream"},
      signal: cut.signal,
    });
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const watch = setInterval(async () => {
      if (Date.now() - readAt >= DEAD) cut.abort();
      if (Date.now() - heard < QUIET) return;
      if (await isThere()) heard = Date.now();
      else if (Date.now() - heard >= QUIET) cut.abort();
    }, 500);

    setState("live");
    again = AGAIN_FIRST;
    try {
      for (;;) {
        const {done, value} = await reader.read();
        if (done) return;
        heard = readAt = Date.now();
        for (const event of parser.take(value)) {
          if (event.id) cursor = event.id;
          onEvent(event.kind, event.data);
        }
      }
    } finally {
      clearInterval(watch);
      reader.cancel().catch(() => {});
    }
  }

  async function run() {
    while (!stopped.signal.aborted) {
      const cut = new AbortController();
      const onStop = () => cut.abort();
      stopped.signal.addEventListener("abort", onStop, {once: true});
      try {
        await read(cut);
      } catch (error) {
        if (stopped.signal.aborted) return;
        if (error instanceof ApiError && (error.status === 401 || error.status === 403))
          setState("refused", error.message);
        else if (error instanceof SyntaxError) throw error;
      } finally {
        stopped.signal.removeEventListener("abort", onStop);
      }
      if (stopped.signal.aborted) return;
      if (state !== "refused") setState("away");
      await wait(again, stopped.signal);
      again = Math.min(2 * again, AGAIN_MAX);
    }
  }

  run();
  return {
    stop: () => stopped.abort(),
    cursor: () => cursor,
  };
}
