// What is known of all streams, kept up to date by the server's events: the one place that
// follows them. Views look at it, and are told, at most once for each frame that is drawn, which
// streams changed; or of each event as it comes.
import {ApiError, get, may, mayReadAll, part} from "./api.js";
import {clockFromEvent, serverNow} from "./clock.js";
import {follow} from "./events.js";
import {makeTeller} from "./teller.js";

const LINES_KEPT = 30; // of each stream; a view of one stream asks the API for what was before
const HISTORY = 400; // rows that are asked for at first
const LINES_WANTED = 3; // of a stream whose are not among those
const ALERTS_KEPT = 200; // of each stream
const LATENESS_SPAN = 60_000; // ms
const REFRESH_AFTER = 300; // ms
const STATUS_EVERY = 5000; // ms
const SPEAKING_FOR = 3000; // ms after its last sign
const SHOWN_FOR = 3_600_000; // ms after its last words that a stream is shown which is not listed
const REMOVED_FOR = 60_000; // ms in which what a removed stream still says does not bring it back
const LISTED_EVERY = 60_000; // ms

export class Stream {
  constructor(name) {
    this.name = name;
    this.owner = null; // "file", "api", "client"; null: of a session, known by its text only
    this.isListed = false; // the server lists it
    this.knownFrom = serverNow();
    this.state = null;
    this.reason = null;
    this.since = null;
    this.isPaused = false;
    this.level = null; // dBFS, of the last second
    this.peak = null;
    this.tail = null; // {text, stable, language} or null
    this.last = null; // {at, text} of what was said last, as the server lists it
    this.lines = []; // rows of final segments, oldest first
    this.hasOldLines = false; // those from before what is asked for at first were asked for
    this.alerts = []; // rows of alerts that fired, oldest first
    this.lastSpoken = 0; // server's ms
    this.lateness = []; // {at, ms} of finals of the last minute
    this.spokeAt = -Infinity; // performance.now() of the last sign of speech
  }

  get isSpeaking() {
    return this.tail !== null || (this.spokeAt > 0 && performance.now() - this.spokeAt < SPEAKING_FOR);
  }

  // Milliseconds from the end of what was said until its text was here: the median of the last
  // minute, or null.
  get delay() {
    const from = serverNow() - LATENESS_SPAN;
    const late = this.lateness.filter(({at}) => at >= from).map(({ms}) => ms).sort((a, b) => a - b);
    return late.length ? late[late.length >> 1] : null;
  }
}

const dirty = new Set();
const removed = new Map(); // name of a stream that was listed -> performance.now() when it was not any more
let isFlushAsked = false;
let isTellingStreams = false;
let following = null;
let followedFrom = 0; // server's ms since when what happens is told as it happens
let refreshing = null;
let hasFailed = false; // what was asked for did not come

export const streams = new Map(); // name -> Stream
export const connection = {state: "connecting", why: null};
// The last GET /status, for who may see it; and whether the streams that are listed are known.
export const server = {status: null, isListed: false};

// "change" (a set of streams, once a frame), "streams" (some came or went), "event" (kind, data),
// "reset" (what was kept is there, for the first time or, with true, anew: all that is shown is to
// be asked for again), "connection", "status".
const {on, tell} = makeTeller();
export {on};

function flush() {
  isFlushAsked = false;
  const changed = new Set(dirty);
  dirty.clear();
  tell("change", changed);
}

function touch(stream) {
  dirty.add(stream);
  if (isFlushAsked) return;
  isFlushAsked = true;
  if (document.hidden) setTimeout(flush, 250); // frames are not drawn
  else requestAnimationFrame(flush);
}

// Once for all that come or go together.
function tellStreams() {
  if (isTellingStreams) return;
  isTellingStreams = true;
  queueMicrotask(() => {
    isTellingStreams = false;
    tell("streams");
  });
}

export function streamOf(name) {
  let stream = streams.get(name);
  if (!stream) {
    stream = new Stream(name);
    streams.set(name, stream);
    tellStreams();
  }
  return stream;
}

const isLongAgo = (time) => time < serverNow() - SHOWN_FOR;

function isRemoved(name) {
  if (performance.now() - (removed.get(name) ?? -Infinity) < REMOVED_FOR) return true;
  removed.delete(name);
  return false;
}

// --- rows and events -------------------------------------------------------------------------

function addLine(stream, row, isNew) {
  if (stream.lines.some((line) => line.id && line.id === row.id)) return;
  stream.lines.push(row);
  if (stream.lines.length > 1 && stream.lines.at(-2).start > row.start)
    stream.lines.sort((a, b) => (a.start < b.start ? -1 : 1));
  if (stream.lines.length > LINES_KEPT) stream.lines.shift();
  stream.lastSpoken = Math.max(stream.lastSpoken, Date.parse(row.end));
  if (!isNew) return;
  stream.spokeAt = performance.now();
  stream.lateness.push({at: serverNow(), ms: Math.max(0, serverNow() - Date.parse(row.end))});
  if (stream.lateness.length > 100) stream.lateness.shift();
}

// What became of one that fired is told in the list of them.
function addAlert(stream, row) {
  if (row.phase === "withdrawn" || row.phase === "confirmed") return;
  if (stream.alerts.some((alert) => alert.id === row.id)) return;
  stream.alerts.push(row);
  if (stream.alerts.length > 1 && stream.alerts.at(-2).start > row.start)
    stream.alerts.sort((a, b) => (a.start < b.start ? -1 : 1));
  if (stream.alerts.length > ALERTS_KEPT) stream.alerts.shift();
}

function forget(row) {
  const concerned = row.stream ? [streams.get(row.stream)].filter(Boolean) : [...streams.values()];
  const isGone = (line) => (!row.start || line.end >= row.start) && (!row.end || line.start < row.end);
  for (const stream of concerned) {
    stream.lines = stream.lines.filter((line) => !isGone(line));
    stream.alerts = stream.alerts.filter((alert) => !isGone(alert));
    touch(stream);
  }
}

const takers = {
  segment(stream, row) {
    addLine(stream, row, Date.parse(row.end) >= followedFrom); // else it was said while we were away
    stream.tail = null;
  },
  tail(stream, row) {
    stream.tail = row.text ? row : null;
    if (row.text) stream.spokeAt = performance.now();
  },
  level(stream, row) {
    stream.level = row.level;
    stream.peak = row.peak;
    clockFromEvent(row.time);
  },
  status(stream, row) {
    stream.state = row.state;
    stream.reason = row.reason ?? null;
    stream.since = row.start;
    if (row.state !== "online") stream.tail = stream.level = stream.peak = null;
    refreshSoon(); // it may have come, or be gone for good
  },
  alert: addAlert,
};

function take(kind, data) {
  if (kind === "begin") {
    if (data.is_resumed === false) reload();
    return;
  }
  if (kind === "forgotten") forget(data);
  if (data.stream && isRemoved(data.stream)) refreshSoon(); // unless it is back
  else if (data.stream && takers[kind]) {
    const isKnown = streams.has(data.stream);
    const stream = streamOf(data.stream);
    takers[kind](stream, data);
    if (!isKnown) refreshSoon();
    touch(stream);
  }
  tell("event", kind, data);
}

// --- asking ----------------------------------------------------------------------------------

function takeEntry(entry) {
  const stream = streamOf(entry.name);
  Object.assign(stream, {
    isListed: true,
    owner: entry.owner,
    state: entry.state,
    reason: entry.reason,
    since: entry.since,
    isPaused: entry.is_paused,
    settings: entry.settings,
    counters: entry.counters,
    last: entry.last,
  });
  if (entry.last?.at) stream.lastSpoken = Math.max(stream.lastSpoken, Date.parse(entry.last.at));
  touch(stream);
}

function takeListed(listed) {
  const names = new Set(listed.map(({name}) => name));
  const isOther = !server.isListed || listed.some(({name}) => !streams.get(name)?.isListed);

  server.isListed = true;
  for (const entry of listed) {
    removed.delete(entry.name);
    takeEntry(entry);
  }
  // Gone: what was said in it is found by searching.
  for (const [name, stream] of streams) {
    const isOver = stream.isListed || stream.state === "ended" ||
      isLongAgo(Math.max(stream.lastSpoken, stream.knownFrom));
    if (names.has(name) || !isOver) continue;
    if (stream.isListed) removed.set(name, performance.now());
    streams.delete(name);
    tellStreams();
  }
  if (isOther) tellStreams();
}

// The list of streams again, now.
export async function refresh() {
  clearTimeout(refreshing);
  refreshing = null;
  takeListed((await get("/streams")).streams);
}

export function refreshSoon() {
  refreshing ??= setTimeout(() => refresh().catch(() => {}), REFRESH_AFTER);
}

// What was said last, and fired last; of streams that are not listed only what is not long ago.
function takeHistory(rows, fired) {
  for (const row of rows.reverse()) {
    if (!streams.has(row.stream) && isLongAgo(Date.parse(row.end))) continue;
    const stream = streamOf(row.stream);
    addLine(stream, row, false);
    touch(stream);
  }
  for (const row of fired) {
    const stream = streams.get(row.stream);
    if (!stream) continue;
    addAlert(stream, row);
    touch(stream);
  }
}

async function askHistory() {
  try {
    return (await get("/segments", {order: "newest", limit: HISTORY})).rows;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return []; // nothing is kept
    throw error;
  }
}

// Lines of streams that spoke before all that is asked for at first: one stream after the other,
// since there may be hundreds.
const silent = [];
let isAskingLines = false;

async function askLines() {
  isAskingLines = true;
  for (let stream; (stream = silent.shift());) {
    const {rows} = await get(`/streams/${part(stream.name)}/segments`, {order: "newest", limit: LINES_WANTED})
      .catch(() => ({rows: []}));
    if (streams.get(stream.name) !== stream || !rows.length) continue;
    for (const row of rows.reverse()) addLine(stream, row, false);
    touch(stream);
  }
  isAskingLines = false;
}

// The stream is looked at: have its last lines, however long ago they were said.
export function wantLines(stream) {
  if (stream.hasOldLines || stream.lines.length >= LINES_WANTED) return;
  stream.hasOldLines = true;
  silent.push(stream);
  if (!isAskingLines) askLines();
}

async function load() {
  if (!may("read")) return;
  const [listed, rows, fired] = await Promise.all([get("/streams"), askHistory(),
    get("/alerts/fired", {limit: ALERTS_KEPT}).catch(() => ({rows: []}))]);
  takeListed(listed.streams);
  takeHistory(rows, fired.rows);
}

// What does not come is asked for again once the server is back.
async function tryLoad() {
  hasFailed = false;
  await load().catch(() => {
    hasFailed = true;
  });
}

async function reload() {
  for (const stream of streams.values()) {
    stream.lines = [];
    stream.alerts = [];
    stream.hasOldLines = false;
    touch(stream);
  }
  await tryLoad();
  tell("reset", true);
}

async function askStatus() {
  if (!mayReadAll() || document.hidden || connection.state !== "live") return;
  try {
    server.status = await get("/status");
    tell("status");
  } catch {
    // That the server is away is told by the events.
  }
}

// Follow the server from now on; again after another token was given. Of `stream`, or of all: what
// is said in a stream is made text before it is final only for those who follow it.
export async function start(stream) {
  following?.stop();
  streams.clear();
  removed.clear();
  server.isListed = false;
  tell("streams");
  if (!may("read")) {
    Object.assign(connection, {state: "refused", why: null});
    tell("connection");
    return;
  }
  // Events first: what is said between the two is in both, and its id tells so.
  // A client's name may have characters that stand for others where streams are asked for.
  const isPlain = stream && !/[,*?[\]\\]/.test(stream);
  following = follow(isPlain ? {streams: [stream]} : {}, {
    onEvent: take,
    onState(state, why) {
      Object.assign(connection, {state, why});
      if (state === "live") {
        followedFrom = serverNow();
        if (hasFailed) reload();
        else refreshSoon();
        askStatus();
      }
      tell("connection");
    },
  });
  await tryLoad();
  tell("reset", false);
}

setInterval(askStatus, STATUS_EVERY);
setInterval(() => {
  if (connection.state !== "live") return;
  if (hasFailed) reload();
  else refreshSoon();
}, LISTED_EVERY);
// Lights go out and delays grow old also where nothing happens.
setInterval(() => {
  for (const stream of streams.values()) if (stream.spokeAt > 0 || stream.lateness.length) touch(stream);
}, 1000);
