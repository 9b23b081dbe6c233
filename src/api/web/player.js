// The sound of a stream from some time on, into now: fetched a stretch at a time, since the token
// goes along as a header, and played in a bar at the foot of the page.
import {blob, get, part} from "./api.js";
import {serverNow} from "./clock.js";
import {PlayerBar} from "./player_bar.js";
import {streams} from "./store.js";
import {makeTeller} from "./teller.js";

const FIRST = 60_000; // ms of the first stretch, which is to begin soon
const STRETCH = 300_000; // of those behind it
const LEAD = 10_000; // before the time that was asked for, so that stepping back is at once
const AHEAD = 20_000; // ms before the end of a stretch at which the next one is asked for
const SHORTEST = 500; // ms that are worth fetching
const SILENCE = 10_000; // ms of which the rest is left out
const LEAD_IN = 1000; // ms of it before the next word
const STEP = 5000; // ms of the arrow keys
const LOOK_AGAIN = 1000; // ms
const TICK = 80; // ms between two looks at which word is spoken

// Sound is kept once its text is final, by a thread of its own: what is younger is not there yet.
const KEEPING = 2500; // ms

const audio = new Audio();
let bar = null;
let playing = null; // {stream, until, stretch, next, isWaiting, stop}

// "time" (stream, wall clock in ms or null when it is over).
const {on, tell} = makeTeller();
export {on};

// --- pure parts ------------------------------------------------------------------------------

// Until when sound can be there: not what is being said, nor what was said a moment ago.
export function soundEnd(now, tailStart) {
  return Math.min(now - KEEPING, tailStart ?? Infinity);
}

// The stretch to fetch so that `time` is in it: [from, to), or null while there is none yet.
export function stretchAround(time, end, {lead = 0, length = STRETCH, until = Infinity} = {}) {
  const from = time - lead;
  const to = Math.min(time + length, end, until);
  return to - time < SHORTEST ? null : {from, to};
}

// --- stretches -------------------------------------------------------------------------------

// Opus in Ogg is a tenth of the size, but not every browser plays it.
const FORMAT = audio.canPlayType('audio/ogg; codecs="opus"') ? "ogg" : "wav";

function endOf(stream) {
  const tail = streams.get(stream)?.tail;
  return soundEnd(serverNow(), tail ? Date.parse(tail.start) : null);
}

const iso = (time) => new Date(time).toISOString();

// The stretch with its sound.
async function fetchStretch(stream, {from, to}, signal) {
  const sound = await blob(`/streams/${part(stream)}/audio`, {from: iso(from), to: iso(to), format: FORMAT}, signal);
  return {from, to, url: URL.createObjectURL(sound)};
}

function dropStretch(stretch) {
  if (stretch?.url) URL.revokeObjectURL(stretch.url);
}

// Where to go on from that time: there, or behind a long silence; null while there is no sound of
// what was said since.
async function soundAt(stream, time, signal) {
  const {rows} = await get(`/streams/${part(stream)}/segments`, {from: iso(time + SHORTEST), limit: 1}, signal);
  const next = rows.length ? Date.parse(rows[0].start) : Infinity;
  if (next > endOf(stream) - SHORTEST) return null;
  return next - time > SILENCE ? next - LEAD_IN : time;
}

// --- playing ---------------------------------------------------------------------------------

function position() {
  return playing?.stretch ? playing.stretch.from + audio.currentTime * 1000 : playing?.at ?? null;
}

function setStretch(stretch, time) {
  dropStretch(playing.stretch);
  playing.stretch = stretch;
  audio.src = stretch.url;
  audio.currentTime = Math.max(0, (time - stretch.from) / 1000);
  if (!playing.isPaused) audio.play().catch(tellTrouble);
  bar.tellTrouble(null);
}

function tellTrouble(error) {
  if (error.name === "AbortError" || !playing) return; // another stretch took its place
  playing.isPaused = true;
  bar.tellTrouble(error);
}

// Fetches what is to be heard at `time`, and plays it. Once something was heard, long silences
// are left out, and at the end of all what is said next is waited for.
async function load(time, shape) {
  const mine = playing;
  mine.fetching?.abort();
  mine.fetching = new AbortController();
  const {signal} = mine.fetching;
  mine.at = time;
  audio.pause();
  try {
    const from = mine.hasHeard && !shape.lead ? await soundAt(mine.stream, time, signal) : time;
    const wanted = from === null ? null
      : stretchAround(from, endOf(mine.stream), {...shape, until: mine.until ?? Infinity});
    if (!wanted) return waitFor(time);
    const stretch = await fetchStretch(mine.stream, wanted, signal);
    if (playing !== mine || signal.aborted) return dropStretch(stretch);
    mine.hasHeard = true;
    setStretch(stretch, from);
  } catch (error) {
    if (playing !== mine || signal.aborted) return;
    // Stepped into a silence of which nothing is kept.
    if (error.status === 404 && mine.hasHeard && shape.lead) load(time, {length: FIRST});
    else tellTrouble(error);
  }
}

function isOver(time) {
  return playing.until !== null && time >= playing.until - SHORTEST;
}

// Nothing is there to be heard at that time yet.
function waitFor(time) {
  const mine = playing;
  if (isOver(time)) return pause();
  bar.setSpeed(1); // who caught up hears it as it is said
  mine.at = time;
  dropStretch(mine.stretch);
  mine.stretch = null;
  clearTimeout(mine.waiting);
  mine.waiting = setTimeout(() => playing === mine && !mine.isPaused && load(time, {length: STRETCH}), LOOK_AGAIN);
}

// The stretch behind this one, before it is needed.
async function fetchNext() {
  const mine = playing;
  const {stretch} = mine;
  if (mine.next || stretch.to - position() > AHEAD * Math.max(1, bar.speed)) return;
  const wanted = stretchAround(stretch.to, endOf(mine.stream), {until: mine.until ?? Infinity});
  // Near now a longer one is had by waiting until this one is over.
  if (!wanted || wanted.to - wanted.from < AHEAD) return;
  mine.next = soundAt(mine.stream, wanted.from)
    .then((from) => (from === wanted.from ? fetchStretch(mine.stream, wanted) : null)).catch(() => null);
}

async function goOn() {
  const mine = playing;
  if (!mine?.stretch) return;
  const {to} = mine.stretch;
  const waited = mine.next;
  const next = await waited;
  if (playing !== mine) return dropStretch(next);
  if (mine.next !== waited || !audio.ended) return; // somebody stepped back meanwhile
  mine.next = null;
  if (next) setStretch(next, to);
  else load(to, {length: STRETCH});
}

function tick() {
  if (!playing) return;
  const time = position();
  bar.drawTime(time, serverNow() - time, {isPaused: playing.isPaused, isWaiting: !playing.stretch});
  if (playing.stretch && !playing.isPaused) {
    fetchNext();
    tell("time", playing.stream, time);
  }
}

audio.addEventListener("ended", goOn);
audio.addEventListener("error", () => audio.src && playing?.stretch && tellTrouble(new Error(audio.error.message)));
setInterval(tick, TICK);

// --- what the reader does --------------------------------------------------------------------

// Plays the sound of the stream from that time (ms, Date or text) on: into now, or to `until`.
export function playFrom(stream, time, {until = null} = {}) {
  const at = new Date(time).getTime();
  if (playing?.stream === stream && playing.until === until && isLoaded(at)) {
    playing.isPaused = false;
    seek(at);
    return;
  }
  drop();
  playing = {stream, until, stretch: null, next: null, at, isPaused: false, hasHeard: false};
  bar ??= new PlayerBar({toggle, step, close, seekNow, setSpeed: (speed) => { audio.playbackRate = audio.defaultPlaybackRate = speed; },
    setMuted: (isMuted) => { audio.muted = isMuted; }});
  bar.open(stream);
  load(at, {lead: LEAD, length: FIRST});
}

function isLoaded(time) {
  const {stretch} = playing;
  return stretch !== null && stretch.from <= time && time < stretch.to;
}

function seek(time) {
  if (isLoaded(time)) {
    audio.currentTime = (time - playing.stretch.from) / 1000;
    if (!playing.isPaused) audio.play().catch(tellTrouble);
  } else {
    dropStretchLater(playing);
    load(time, {lead: LEAD, length: FIRST});
  }
  tell("time", playing.stream, time);
}

function dropStretchLater(mine) {
  mine.next?.then(dropStretch);
  mine.next = null;
}

export function pause() {
  playing.isPaused = true;
  audio.pause();
}

export function toggle() {
  if (!playing) return;
  if (!playing.isPaused) return pause();
  playing.isPaused = false;
  if (playing.stretch && isLoaded(position())) audio.play().catch(tellTrouble);
  else load(position(), {lead: LEAD, length: FIRST});
}

// Back (-1) or on (1).
function step(direction) {
  seek(Math.min(position() + direction * STEP, endOf(playing.stream)));
}

// To what was said last.
function seekNow() {
  playing.until = null;
  playing.isPaused = false;
  seek(endOf(playing.stream) - STEP);
}

function drop() {
  if (!playing) return;
  playing.fetching?.abort();
  clearTimeout(playing.waiting);
  dropStretchLater(playing);
  audio.pause();
  dropStretch(playing.stretch);
  audio.removeAttribute("src");
  tell("time", playing.stream, null);
  playing = null;
}

export function close() {
  drop();
  bar.close();
}
