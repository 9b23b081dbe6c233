// The clock of the server, which is the clock of all times in rows: that of the machine which
// the page is read on may be wrong by a day. Shown are times in the reader's zone.
import {setting} from "./session.js";

let offset = 0; // ms that the reader's clock is ahead of the server's
let isExact = false; // it comes from an event, not from a header in whole seconds

const COARSE = 2000; // ms by which a header's time is wrong at most

// The `Date` of an answer, to the second; an event's time is better, unless the reader's clock was
// set since.
export function clockFromHeader(date) {
  const ahead = Date.now() - (Date.parse(date) + 500);
  if (Number.isNaN(ahead) || (isExact && Math.abs(ahead - offset) < COARSE)) return;
  offset = ahead;
  isExact = false;
}

// An event that is told as it happens. The one that was on its way for the shortest time knows
// best; what changes slowly (a clock that drifts or is set) is followed.
export function clockFromEvent(time) {
  const now = Date.now() - Date.parse(time);
  if (Number.isNaN(now)) return;
  offset = isExact ? Math.min(offset + 0.5, now) : now;
  isExact = true;
}

export function serverNow() {
  return Date.now() - offset;
}

const formats = new Map();

function format(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(setting("locale") ?? undefined, options));
  return formats.get(key);
}

// `time` is a Date, ms, or a row's text.
export function timeOfDay(time) {
  return format({hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23"}).format(new Date(time));
}

export function minuteOfDay(time) {
  return format({hour: "2-digit", minute: "2-digit", hourCycle: "h23"}).format(new Date(time));
}

export function dayAndMinute(time) {
  return format({day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23"}).format(new Date(time));
}

export function day(time) {
  return format({weekday: "long", day: "numeric", month: "long", year: "numeric"}).format(new Date(time));
}

export function dayAndTime(time) {
  return format({day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hourCycle: "h23"}).format(new Date(time));
}

export function isSameDay(a, b) {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

// 75 -> "1:15", 3675 -> "1:01:15"
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, i) => (i ? String(part).padStart(2, "0") : String(part))).join(":");
}
