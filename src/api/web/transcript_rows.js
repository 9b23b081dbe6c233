// Rows of what was said, drawn the same way everywhere: the clock's time, which is the address of
// the row; a button that plays from its beginning; and its words, of which each plays from itself.
import {element, setClass} from "./dom.js";
import {day, timeOfDay} from "./clock.js";
import * as player from "./player.js";
import {say} from "./texts.js";

// What a search found stands between these in a row's `marked`.
const MARK_BEGIN = "\u0001";
const MARK_END = "\u0002";

// Readers who want to see what the server is unsure of want to see the worst only.
const UNSURE_BELOW = 0.5;
const UNSURE_SHARE = 0.1;

// --- what is where in a text -----------------------------------------------------------------

const segmenters = new Map();

// Words of texts without blanks between them (Chinese, Thai) are found as well.
function segmenterFor(language) {
  if (!segmenters.has(language)) segmenters.set(language, new Intl.Segmenter(language, {granularity: "word"}));
  return segmenters.get(language);
}

// Where the server has not timed words, they are taken to last as long as they are written:
// within a second or two of where they were said, which is near enough to listen from.
export function guessWords(row) {
  const start = Date.parse(row.start);
  const perCharacter = (Date.parse(row.end) - start) / Math.max(1, row.text.length);
  return [...segmenterFor(row.language).segment(row.text)].filter(({isWordLike}) => isWordLike)
    .map(({segment, index}, i) => ({index: i, begin: index, end: index + segment.length,
      at: start + index * perCharacter, until: start + (index + segment.length) * perCharacter}));
}

// Words stand in their row's text one behind the other: [{index, begin, end, at, until}], `begin`
// and `end` being places in the text without blanks around, `at` and `until` wall clock in ms.
// One that is not found there is left out.
export function placeWords(row) {
  if (!row.words?.length) return guessWords(row);
  const start = Date.parse(row.start);
  const places = [];
  let from = 0;
  for (const [index, word] of (row.words ?? []).entries()) {
    const bare = word.text.trim();
    const begin = bare ? row.text.indexOf(bare, from) : -1;
    if (begin < 0) continue;
    from = begin + bare.length;
    places.push({index, begin, end: from, at: start + (word.start - row.position) * 1000,
      until: start + (word.end - row.position) * 1000});
  }
  return places;
}

// The stretches [{begin, end}] of the text that a search marked.
export function placeMarks(marked) {
  const places = [];
  let plain = 0;
  let begin = null;
  for (const character of marked ?? "") {
    if (character === MARK_BEGIN) begin = plain;
    else if (character === MARK_END) {
      if (begin !== null) places.push({begin, end: plain});
      begin = null;
    } else plain += character.length;
  }
  return places;
}

// Where these texts stand in the text, whatever their case.
export function placeTexts(text, wanted) {
  const lower = text.toLowerCase();
  const places = [];
  // Of some scripts the lower case is longer: places in it would be none in the text.
  if (lower.length !== text.length) return places;
  for (const found of wanted ?? []) {
    const bare = found?.trim().toLowerCase();
    if (!bare) continue;
    for (let at = lower.indexOf(bare); at >= 0; at = lower.indexOf(bare, at + bare.length))
      places.push({begin: at, end: at + bare.length});
  }
  return places;
}

// Indices of the words that the server is most unsure of.
export function unsureWords(words) {
  const worst = (words ?? []).map((word, index) => ({index, probability: word.probability}))
    .filter(({probability}) => probability < UNSURE_BELOW)
    .sort((a, b) => a.probability - b.probability);
  return new Set(worst.slice(0, Math.ceil((words ?? []).length * UNSURE_SHARE)).map(({index}) => index));
}

// The text cut wherever a word or a mark begins or ends: [{text, word, isMarked}], `word` being a
// place of placeWords() or null.
export function cutText(text, words, marks) {
  const cuts = new Set([0, text.length]);
  for (const {begin, end} of [...words, ...marks]) cuts.add(begin).add(end);
  const sorted = [...cuts].filter((cut) => cut <= text.length).sort((a, b) => a - b);
  const pieces = [];
  let next = 0; // words are in order: the first that does not end before the piece
  for (let i = 0; i + 1 < sorted.length; i++) {
    const [begin, end] = [sorted[i], sorted[i + 1]];
    while (next < words.length && words[next].end <= begin) next++;
    const word = words[next]?.begin <= begin ? words[next] : null;
    const isMarked = marks.some((mark) => mark.begin <= begin && end <= mark.end);
    pieces.push({text: text.slice(begin, end), word, isMarked});
  }
  return pieces;
}

// --- nodes -----------------------------------------------------------------------------------

function pieceNode({text, word, isMarked}, unsure) {
  if (!word) return isMarked ? element("mark", {}, text) : text;
  const node = element(isMarked ? "mark" : "span", {class: unsure.has(word.index) ? "word unsure" : "word"}, text);
  node.at = word.at;
  node.until = word.until;
  return node;
}

// What stands in a row's text: `found` are texts to be marked besides those of a search.
export function textNodes(row, found = []) {
  const marks = [...placeMarks(row.marked), ...placeTexts(row.text, found)];
  const unsure = unsureWords(row.words);
  return cutText(row.text, placeWords(row), marks).map((piece) => pieceNode(piece, unsure));
}

// What is being said, as a store's stream has it (null: nothing): words that stay, and the open rest.
export function tailNodes(tail) {
  if (!tail) return [];
  const stable = tail.stable ?? "";
  return [element("span", {class: "stable"}, stable), tail.text.slice(stable.length)];
}

// Who selects text to copy it does not want to hear it.
function isSelecting() {
  const selection = getSelection();
  return selection !== null && !selection.isCollapsed;
}

function playClicked(event) {
  const row = event.currentTarget.closest(".row").row;
  const word = event.target.closest(".word");
  if (isSelecting() || !word) return;
  player.playFrom(row.stream, word.at);
}

// A row: a segment, or an alert, which has a text as well. `stream` shows whose it is, as a node;
// `found`: see textNodes(); `isBare` leaves the words to textNodes() later; `language` is shown
// where it is given. The node has its `row`.
export function rowNode(row, {stream = null, found = [], language = null, isBare = false} = {}) {
  const time = element("time", {datetime: row.start, title: day(row.start)}, timeOfDay(row.start));
  const text = element("p", {class: "row-text", dir: "auto", lang: row.language ?? null, title: say("row.play.word"),
    onclick: playClicked}, isBare ? row.text : textNodes(row, found));
  const node = element("article", {class: "row"},
    row.id && row.kind !== "alert" ? element("a", {class: "row-time", href: `/s/${encodeURIComponent(row.id)}`,
      title: say("row.address")}, time) : element("span", {class: "row-time"}, time),
    element("button", {type: "button", class: "row-play", "aria-label": say("row.play", {time: timeOfDay(row.start)}),
      title: say("row.play.title"), onclick: () => player.playFrom(row.stream, Date.parse(row.start))}, "▶\uFE0E"),
    element("div", {class: "row-body"}, stream,
      language ? element("span", {class: "language", title: say("row.language")}, language) : null, text));
  node.row = row;
  node.text = text;
  return node;
}

// --- the word that is spoken -----------------------------------------------------------------

let spokenRow = null;
let spokenWord = null;

function covers({row}, stream, time) {
  return row.stream === stream && Date.parse(row.start) <= time && time < Date.parse(row.end);
}

// A row that the reader saw being spoken hands on to the next one, which is brought into sight.
function setSpokenRow(node) {
  const wasInSight = spokenRow?.isConnected && isInSight(spokenRow);
  if (spokenRow) setClass(spokenRow, "spoken", false);
  spokenRow = node;
  if (!node) return;
  setClass(node, "spoken", true);
  if (wasInSight && !isInSight(node)) node.scrollIntoView({block: "center"});
}

function isInSight(node) {
  const frame = node.closest(".transcript")?.getBoundingClientRect() ?? {top: 0, bottom: innerHeight};
  const {top, bottom} = node.getBoundingClientRect();
  return bottom > frame.top && top < frame.bottom;
}

function setSpokenWord(node) {
  if (spokenWord === node) return;
  if (spokenWord) setClass(spokenWord, "spoken-word", false);
  spokenWord = node;
  if (node) setClass(node, "spoken-word", true);
}

// Marks what is spoken at that time, in whichever rows are shown; a time of null ends it.
export function markSpoken(stream, time) {
  if (time === null) {
    setSpokenRow(null);
    setSpokenWord(null);
    return;
  }
  if (!spokenRow?.isConnected || !covers(spokenRow, stream, time)) {
    const rows = document.getElementsByClassName("row");
    const node = [...rows].find((row) => row.row && covers(row, stream, time)) ?? null;
    // Between two rows the last one stays marked, so that the eye finds the next.
    if (!node && spokenRow?.isConnected && spokenRow.row.stream === stream) setSpokenWord(null);
    else setSpokenRow(node);
    if (!node) return;
  }
  const words = spokenRow.getElementsByClassName("word");
  setSpokenWord([...words].findLast((word) => word.at <= time) ?? null);
}

player.on("time", markSpoken);
