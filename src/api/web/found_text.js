// Text in which something was found: where it is marked, and what of a long text is shown.
import {element} from "./dom.js";

// A search marks what it found between these two characters.
const MARKS = /([\u0001\u0002])/;
const BEGIN = "\u0001";
const END = "\u0002";

// "fire \u0001alarm\u0002" -> [{text: "fire ", isFound: false}, {text: "alarm", isFound: true}]
export function splitMarked(marked) {
  const parts = [];
  let isFound = false;
  for (const piece of marked.split(MARKS)) {
    if (piece === BEGIN) isFound = true;
    else if (piece === END) isFound = false;
    else if (piece) parts.push({text: piece, isFound});
  }
  return parts;
}

// The same of an alert's text, of which is known what was said that made it fire.
export function splitFound(text, found) {
  const at = found ? text.toLowerCase().indexOf(found.toLowerCase()) : -1;
  // Letters whose small form is longer would move the place: then nothing is marked.
  if (at < 0 || text.toLowerCase().length !== text.length) return [{text, isFound: false}];
  return [
    {text: text.slice(0, at), isFound: false},
    {text: text.slice(at, at + found.length), isFound: true},
    {text: text.slice(at + found.length), isFound: false},
  ].filter((part) => part.text);
}

// Not within a character that takes two units, such as an emoji.
function wholeAt(text, index) {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff ? index + 1 : index;
}

// At most `longest` units of the parts, around the first that was found; what is left out is
// told by "…".
export function excerpt(parts, longest) {
  const length = parts.reduce((n, {text}) => n + text.length, 0);
  if (length <= longest) return parts;
  const first = Math.max(0, parts.findIndex(({isFound}) => isFound));
  const place = parts.slice(0, first).reduce((n, {text}) => n + text.length, 0);
  const from = Math.max(0, Math.min(place - Math.floor(longest / 4), length - longest));
  const shown = [];
  let at = 0;
  for (const {text, isFound} of parts) {
    const cut = text.slice(wholeAt(text, Math.max(0, from - at)), wholeAt(text, Math.max(0, from + longest - at)));
    if (cut) shown.push({text: cut, isFound});
    at += text.length;
  }
  if (from > 0) shown.unshift({text: "… ", isFound: false});
  if (from + longest < length) shown.push({text: " …", isFound: false});
  return shown;
}

export function foundNodes(parts) {
  return parts.map(({text, isFound}) => (isFound ? element("mark", {}, text) : text));
}

// The index in `text` of its byte `byte` in UTF-8, the first being 1: the server counts bytes.
export function indexOfByte(text, byte) {
  let bytes = 1;
  let index = 0;
  for (const character of text) {
    const code = character.codePointAt(0);
    if (bytes >= byte) break;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    index += character.length;
  }
  return index;
}

// Where a query is wrong: "a quote that is not closed (byte 6)" -> [before, wrong, behind] of its
// text; null where the server names no place.
export function mistakeIn(query, detail) {
  const match = /\(byte (\d+)\)/.exec(detail);
  if (!match) return null;
  const at = indexOfByte(query, Number(match[1]));
  const wrong = String.fromCodePoint(query.codePointAt(at) ?? 0x2423); // behind the end: ␣
  return [query.slice(0, at), wrong, query.slice(at + wrong.length)];
}
