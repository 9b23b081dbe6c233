// Captions: text laid into lines word by word, so that what is shown is never moved to another
// line. No DOM in here.

export const WORDS_MAX = 12; // of a line; more are hard to take in at a glance

// Scripts that are written without spaces: their words are found by the browser.
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter(undefined, {granularity: "word"}) : null;

// The words of a text: {text, isSpaced: there is a space before it}.
export function wordsOf(text) {
  const words = [];
  for (const part of text.split(/\s+/).filter(Boolean)) {
    if (!segmenter || !UNSPACED.test(part)) {
      words.push({text: part, isSpaced: true});
      continue;
    }
    let isSpaced = true;
    for (const {segment, isWordLike} of segmenter.segment(part)) {
      // Punctuation stays at its word.
      if (!isWordLike && !isSpaced) words.at(-1).text += segment;
      else words.push({text: segment, isSpaced});
      isSpaced = false;
    }
  }
  return words;
}

// What a line says.
export function lineText(line) {
  return line.map(({text, isSpaced}, i) => (i && isSpaced ? " " : "") + text).join("");
}

export class CaptionLines {
  #fits;
  #count;
  #settled = []; // lines of words that are final
  #open = []; // lines with what is being said; the first one may go on a settled one
  #isApart = true; // the next words begin a line

  // fits(text) tells whether a line may be so long; `count` lines are shown.
  constructor({count, fits}) {
    this.#count = count;
    this.#fits = fits;
  }

  // Lines are filled one after the other, so that more words never move those before them.
  #lay(lines, words) {
    for (const word of words) {
      const line = lines.at(-1);
      if (line?.length && line.length < WORDS_MAX && this.#fits(lineText([...line, word]))) line.push(word);
      else lines.push([word]);
    }
    return lines;
  }

  #begin() {
    const last = this.#settled.at(-1);
    return this.#isApart || !last ? [] : [[...last]];
  }

  // What will not change any more.
  final(text) {
    const laid = this.#lay(this.#begin(), wordsOf(text));
    if (!this.#isApart && this.#settled.length && laid.length) this.#settled.pop();
    this.#settled.push(...laid);
    this.#settled = this.#settled.slice(-this.#count);
    this.#isApart = false;
    this.#open = [];
  }

  // What may change: words that are sure by now, and (where they are wanted) those behind them.
  tail(stable, rest = "") {
    const sure = wordsOf(stable);
    const words = [...sure, ...wordsOf(rest).map((word) => ({...word, isOpen: true}))];
    this.#open = words.length ? this.#lay(this.#begin(), words) : [];
  }

  // A silence: the next words begin a line of their own.
  pause() {
    this.#isApart = true;
  }

  clear() {
    this.#settled = [];
    this.#open = [];
    this.#isApart = true;
  }

  // The lines that are to be seen, each a list of words.
  get shown() {
    const isContinued = this.#open.length > 0 && !this.#isApart && this.#settled.length > 0;
    const settled = isContinued ? this.#settled.slice(0, -1) : this.#settled;
    return [...settled, ...this.#open].slice(-this.#count);
  }
}

// --- what stands in the address --------------------------------------------------------------

const numbers = {
  lines: {least: 1, most: 10, preset: 2},
  size: {least: 8, most: 400, preset: 48}, // px
  seconds: {least: 0, most: 3600, preset: 8}, // of silence until it is cleared; 0: never
};

export const PARAMETERS = ["lines", "size", "seconds", "background", "color", "tail"];

// The parameters of a page of captions, and what is wrong with them: {options, mistakes}, each
// mistake a {name, value, key} of texts.js. isColor(text) tells what the browser takes for one.
export function readOptions(query, isColor) {
  const options = {background: "transparent", color: "white", tail: true};
  const mistakes = [];

  for (const [name, {least, most, preset}] of Object.entries(numbers)) {
    const value = query.get(name) ?? String(preset);
    options[name] = Number(value);
    if (!/^\d+(\.\d+)?$/.test(value) || options[name] < least || options[name] > most)
      mistakes.push({name, value, least, most, key: "captions.bad.number"});
    else if (name === "lines") options.lines = Math.floor(options.lines);
  }
  for (const name of ["background", "color"]) {
    const value = query.get(name) ?? options[name];
    options[name] = value;
    if (!isColor(value)) mistakes.push({name, value, key: "captions.bad.color"});
  }
  const tail = query.get("tail") ?? "1";
  options.tail = tail === "1";
  if (tail !== "0" && tail !== "1") mistakes.push({name: "tail", value: tail, key: "captions.bad.tail"});
  for (const name of query.keys())
    if (!PARAMETERS.includes(name)) mistakes.push({name, value: query.get(name), key: "captions.bad.name"});
  return {options, mistakes};
}
