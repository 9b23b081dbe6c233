// The browser's microphone as a stream of the server. It goes on while its reader looks at other
// views; there is one for the whole page.
import {ListenLink} from "./listen_link.js";
import {on as onStore} from "./store.js";
import {makeTeller} from "./teller.js";
import {say} from "./texts.js";

const LINES_KEPT = 500;
const SILENCE = -70; // dBFS: less than that is no microphone that hears something
const SILENT_AFTER = 5000; // ms

// `state`: "off", "starting", "live", "away" (the server is; what is said is kept), "ending",
// "unsent" (stopped while the server was away: what was said is sent when it is back).
export const microphone = {
  state: "off",
  why: null, // in the server's words, or null
  field: null, // what the server has something against: "stream"
  stream: null,
  level: -100, // dBFS of the last 100 ms
  isSilent: false, // nothing was heard for some seconds
  warning: null, // of the server's
  lines: [], // rows of final text
  tail: null,
};

let link = null;
let context = null; // AudioContext
let captured = null; // {media, node}, node being null while the thread of sound is made ready
let worker = null; // AudioWorkletNode
let wakeLock = null;
let heardAt = 0;

// "state", "level", "tail", "segment" (a new line), or "lines" (an older one came late): that changed.
const {on, tell} = makeTeller();
export {on};

function setState(state, why = null, field = null) {
  Object.assign(microphone, {state, why, field});
  tell("state");
}

// A browser has microphones for pages that came encrypted, or from its own machine, only.
export function canHear() {
  return Boolean(navigator.mediaDevices?.getUserMedia && window.AudioWorkletNode);
}

// {id, label}; labels are empty until the microphone was once allowed.
export async function devices() {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.filter(({kind, deviceId}) => kind === "audioinput" && deviceId)
    .map(({deviceId, label}) => ({id: deviceId, label}));
}

// What went wrong, as a key of texts.js.
export function troubleOf(error) {
  return {
    NotAllowedError: "microphone.refused",
    SecurityError: "microphone.refused",
    NotFoundError: "microphone.none",
    NotReadableError: "microphone.taken",
    AbortError: "microphone.taken",
  }[error.name] ?? null;
}

async function capture(device) {
  const wanted = {channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true};
  try {
    return await navigator.mediaDevices.getUserMedia({audio: {...wanted, deviceId: device ? {exact: device} : undefined}});
  } catch (error) {
    // The one that was chosen the last time is not plugged in.
    if (error.name !== "OverconstrainedError") throw error;
    return navigator.mediaDevices.getUserMedia({audio: wanted});
  }
}

function letGo() {
  captured?.node?.disconnect();
  captured?.media.getTracks().forEach((track) => track.stop());
  captured = null;
}

function attach(media) {
  captured = {media, node: context.createMediaStreamSource(media)};
  captured.node.connect(worker);
}

// --- the screen ------------------------------------------------------------------------------

async function keepAwake() {
  try {
    wakeLock = await navigator.wakeLock?.request("screen");
    if (!captured) release(); // it was stopped meanwhile
  } catch {
    // The battery is low, or the page is hidden: it is asked again when it is shown.
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden || !captured) return;
  keepAwake();
  context.resume(); // a phone that was locked may have stopped it
});

// --- sound and text --------------------------------------------------------------------------

function hear({data}) {
  link.add(data.samples);
  microphone.level = data.level;
  if (data.level > SILENCE) heardAt = performance.now();
  const isSilent = performance.now() - heardAt > SILENT_AFTER;
  if (isSilent !== microphone.isSilent) {
    microphone.isSilent = isSilent;
    tell("state");
  }
  tell("level");
}

const takers = {
  segment(row) {
    const {lines} = microphone;
    if (lines.some(({start}) => start === row.start)) return;
    const isLast = !lines.length || lines.at(-1).start < row.start;
    lines.push(row);
    if (!isLast) lines.sort((a, b) => (a.start < b.start ? -1 : 1));
    if (lines.length > LINES_KEPT) lines.shift();
    if (isLast) microphone.tail = null;
    tell(isLast ? "segment" : "lines", row);
  },
  tail(row) {
    microphone.tail = row.text ? row : null;
    tell("tail");
  },
  warning({reason}) {
    microphone.warning = reason;
    tell("state");
  },
};

function onLink(state, why, field) {
  if (state === "ended") setState("off", microphone.state === "unsent" ? say("microphone.lost") : null);
  else if (state === "refused") {
    release();
    setState("off", why, field);
  } else if (state === "connecting") setState("starting");
  else if (captured) setState(state, why);
  else setState(state === "away" ? "unsent" : "ending");
}

function release() {
  letGo();
  if (worker) worker.port.onmessage = null;
  worker?.disconnect();
  worker = null;
  context?.close();
  context = null;
  wakeLock?.release().catch(() => {});
  wakeLock = null;
}

// What became text while the connection was away is told to whoever reads the stream.
onStore("event", (kind, row) => {
  if (kind === "segment" && row.stream === microphone.stream && row.id && microphone.state !== "off") takers.segment(row);
});

// --- what the reader does --------------------------------------------------------------------

// Throws what the browser has against it; then it is off. What the server has against it is told
// by the state.
export async function start({stream, keep, device}) {
  if (microphone.state !== "off") return;
  // Within the click: browsers let no sound begin by itself.
  const ours = context = new AudioContext({latencyHint: "playback"});
  link = null;
  Object.assign(microphone, {stream, lines: [], tail: null, level: -100, isSilent: false, warning: null});
  setState("starting");
  tell("lines");
  tell("tail");
  try {
    captured = {media: await capture(device), node: null};
    setState("starting");
    await context.audioWorklet.addModule("/web/microphone_worklet.js");
    if (context === ours) await context.resume();
    if (context !== ours) return; // it was stopped meanwhile
    worker = new AudioWorkletNode(context, "microphone", {numberOfOutputs: 0});
    attach(captured.media);
  } catch (error) {
    if (context !== ours) return;
    release();
    setState("off");
    throw error;
  }
  link = new ListenLink({stream, keep}, {onState: onLink, onEvent: (event) => takers[event.kind]?.(event)});
  heardAt = performance.now();
  worker.port.onmessage = hear;
  keepAwake();
  link.open();
}

// Whether stop() does something.
export const canStop = () => captured !== null || microphone.state === "unsent";

// What was said becomes text; then it is off. A second time what could not be sent is given up.
export function stop() {
  if (microphone.state === "unsent") {
    setState("ending"); // nothing is lost that was given up
    link.drop();
  }
  if (!captured) return;
  const isAway = microphone.state === "away";
  release();
  if (!link) return setState("off");
  setState(isAway ? "unsent" : "ending");
  link.end();
}

export async function change(device) {
  if (!worker) return;
  const media = await capture(device);
  if (!worker) { // it was stopped meanwhile
    media.getTracks().forEach((track) => track.stop());
    return;
  }
  letGo();
  attach(media);
}

addEventListener("pagehide", stop);
