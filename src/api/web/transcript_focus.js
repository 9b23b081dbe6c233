// Going through a transcript by keyboard: from row to row, within one from word to word, and
// playing from there.
import {setClass} from "./dom.js";
import * as player from "./player.js";

export class TranscriptFocus {
  constructor(node) {
    this.node = node; // that scrolls
    this.rows = node.getElementsByClassName("row");
    this.word = null;
  }

  // The row that has the focus, or null.
  get #row() {
    const row = document.activeElement?.closest(".row");
    return row && this.node.contains(row) ? row : null;
  }

  #setWord(word) {
    if (this.word) setClass(this.word, "word-here", false);
    this.word = word;
    if (!word) return;
    setClass(word, "word-here", true);
    word.scrollIntoView({block: "nearest"});
  }

  // To the next row (1) or the one before (-1); at first to the last one that is in sight.
  moveRow(direction) {
    const {bottom} = this.node.getBoundingClientRect();
    const rows = [...this.rows];
    const from = this.#row ? rows.indexOf(this.#row) + direction
      : rows.findLastIndex((row) => row.getBoundingClientRect().top < bottom - 10);
    const row = rows[from];
    if (!row) return;
    this.#setWord(null);
    row.tabIndex = -1;
    row.focus({preventScroll: true});
    row.scrollIntoView({block: "nearest"});
  }

  moveWord(direction) {
    if (!this.#row) this.moveRow(1);
    const words = [...this.#row?.getElementsByClassName("word") ?? []];
    const at = words.indexOf(this.word);
    this.#setWord(words[at < 0 ? 0 : Math.min(words.length - 1, Math.max(0, at + direction))] ?? null);
  }

  // From the word, or else the row, that was gone to.
  play() {
    const row = this.#row;
    if (!row) return;
    const word = this.word && row.contains(this.word) ? this.word : null;
    player.playFrom(row.row.stream, word ? word.at : Date.parse(row.row.start));
  }
}
