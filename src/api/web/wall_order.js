// In which order the wall's tiles stand, and which of them are shown.
import {stateInWords} from "./stream_signs.js";

export const SORTS = ["name", "spoken", "hand"];

const {compare: compareNames} = new Intl.Collator(undefined, {numeric: true});
const byName = (a, b) => compareNames(a.name, b.name);

// `spoken` tells when somebody spoke last on a stream, in ms.
const COMPARE = {
  name: () => byName,
  spoken: () => (a, b) => b.lastSpoken - a.lastSpoken || byName(a, b),
  // Those that were never moved stand behind those that were.
  hand: (order) => {
    const place = (stream) => (order.includes(stream.name) ? order.indexOf(stream.name) : order.length);
    return (a, b) => place(a) - place(b) || byName(a, b);
  },
};

// Pinned ones first, each part in its order. `order` is the list of names that a hand made.
export function sortStreams(streams, {sort, pinned, order}) {
  const compare = (COMPARE[sort] ?? COMPARE.name)(order);
  const rank = (stream) => (pinned.includes(stream.name) ? 0 : 1);
  return [...streams].sort((a, b) => rank(a) - rank(b) || compare(a, b));
}

// Each word of the filter is to be in the name or in how the stream is.
export function isWanted(stream, filter) {
  const text = `${stream.name} ${stateInWords(stream)} ${stream.state ?? ""}`.toLowerCase();
  return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

// The list of names after one was moved to the place of another, which makes room for it.
export function moveName(names, name, to) {
  const rest = names.filter((other) => other !== name);
  rest.splice(Math.min(rest.length, Math.max(0, to)), 0, name);
  return rest;
}
