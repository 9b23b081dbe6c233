// The arithmetic of a time line: which stretch it shows, how it is divided, what its hours are.

export const MINUTE = 60_000; // ms
export const HOUR = 60 * MINUTE;

// What a time line may show, in ms.
export const SPANS = [10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR];

const BAR = 3; // px of a bar and the gap behind it
const TICK_APART = 72; // px that two ticks are apart at least, at a text size of 16 px
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((minutes) => minutes * MINUTE);

const BARS_MAX = 1900; // the server tells of 2000, of which some lie beside what is shown

// Seconds of a bar, so that bars are wide enough to be seen.
export function stepOf(span, width) {
  return Math.max(1, Math.ceil(span / 1000 / Math.min(BARS_MAX, Math.max(20, width / BAR))));
}

// Times that are told below: whole minutes or hours in the reader's zone, which may be half an
// hour from those of UTC.
export function ticks(from, to, width) {
  const apart = TICKS.find((tick) => (tick / (to - from)) * width >= TICK_APART) ?? TICKS.at(-1);
  const zone = new Date(from).getTimezoneOffset() * MINUTE;
  const times = [];
  for (let time = Math.ceil((from - zone) / apart) * apart + zone; time <= to; time += apart) times.push(time);
  return times;
}

// Both ends of a stretch, in order and within what is shown.
export function stretchOf(a, b, from, to) {
  const within = (time) => Math.min(to, Math.max(from, time));
  return {from: within(Math.min(a, b)), to: within(Math.max(a, b))};
}

// What the bins tell, for who does not see them: seconds and numbers.
export function summaryOf(bins) {
  const sum = {speech: 0, outage: 0, alerts: 0};
  for (const bin of bins) {
    sum.speech += bin.speech;
    sum.outage += bin.outage;
    sum.alerts += bin.alerts;
  }
  return sum;
}
