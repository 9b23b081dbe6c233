// The transcript of a stream, which scrolls through days: pages are asked for as the reader comes
// near them, text that is far from the screen is kept plain, and nothing moves under who reads.
import {ApiError, get, part} from "./api.js";
import {day, duration, isSameDay, serverNow} from "./clock.js";
import {element, setClass, setText} from "./dom.js";
import {addStates, isStatusNode, statusNode} from "./status_rule.js";
import {streams} from "./store.js";
import {say} from "./texts.js";
import {rowNode, textNodes} from "./transcript_rows.js";

const PAGE = 100; // rows that are asked for at once
const PAGE_MAX = 1000; // where they have nothing to show, as in a night of a camera that is off
const BLOCK = 50; // rows that are drawn, or not, together
const ROW_HEIGHT = 2.4; // rem that a row is taken to be high before it was drawn
const BOTTOM = 40; // px from the end within which a reader is at the end
const NEAR = 1.5; // heights of the window from an end at which more is asked for
const SILENCE = 30_000; // ms without a word that are worth a rule

const BLOCKS_MAX = 60; // that are kept of what scrolls out while the reader is at the end

const KINDS = "segment,alert,status";

// --- what stands between rows ----------------------------------------------------------------

// What is to be told before `row`, which `previous` (or null) precedes: {isNewDay, silence in ms}.
export function gapBefore(previous, row) {
  if (!previous) return {isNewDay: true, silence: 0};
  const silence = Date.parse(row.start) - Date.parse(previous.end ?? previous.start);
  return {isNewDay: !isSameDay(previous.start, row.start), silence: silence >= SILENCE ? silence : 0};
}

function rules(previous, row) {
  const {isNewDay, silence} = gapBefore(previous, row);
  return [
    silence ? element("p", {class: "rule silence-rule"}, say("transcript.silence", {time: duration(silence / 1000)})) : null,
    isNewDay ? element("h2", {class: "rule day-rule"}, day(row.start)) : null,
  ].filter(Boolean);
}

// What the next row has to know of this one.
const placeOf = ({start, end, language}, previous) => ({start, end, language: language ?? previous?.language});

const keyOf = (row) => row.id ?? `${row.start} ${row.state ?? row.text}`;

export class Transcript {
  // onNew(n): so many lines came that the reader, who is elsewhere, has not seen; null while the
  // end is in sight. onTop(time): the first row in sight begins then.
  constructor(name, {onNew, onTop}) {
    this.name = name;
    this.path = `/streams/${part(name)}/segments`;
    this.onNew = onNew;
    this.onTop = onTop;
    this.found = new Map(); // id of a segment -> [{alert, found}]
    this.mark = element("p", {class: "rule read-rule"}, say("transcript.read"));
    this.note = element("p", {class: "transcript-note"});
    this.list = element("div", {class: "transcript-list"});
    this.node = element("div", {class: "transcript", tabindex: "0", role: "region", "aria-label": say("transcript.label", {name})},
      this.note, this.list);
    this.observer = new IntersectionObserver((entries) => this.#dress(entries), {root: this.node, rootMargin: "600px"});
    this.resized = new ResizeObserver(() => this.isFollowing && this.#toBottom());
    this.resized.observe(this.list);
    this.resized.observe(this.node);
    this.node.addEventListener("scroll", () => this.#scrolled(), {passive: true});
    this.#clear();
  }

  unmount() {
    this.isGone = true;
    this.observer.disconnect();
    this.resized.disconnect();
  }

  #clear() {
    this.version = (this.version ?? 0) + 1; // answers to what was asked for before are of no use
    this.isAsking = false;
    this.page = PAGE;
    this.known = new Set();
    this.nodes = new Map(); // id of a segment -> its node
    this.first = this.last = null; // of its first and last row {start, end, language}
    this.older = this.newer = null; // cursors; null: there is no more
    this.isLive = false; // the last row is the newest there is
    this.isFollowing = false; // and the reader is there
    this.arrived = []; // while a page was on its way
    this.nNew = 0;
    this.observer.disconnect();
    this.list.replaceChildren();
  }

  // --- asking --------------------------------------------------------------------------------

  async #ask(query) {
    try {
      return await get(this.path, {kind: KINDS, limit: this.page, ...query});
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      // Nothing is kept: there is what was heard while the page was open.
      setText(this.note, say("transcript.unkept"));
      return {rows: [], next: null, is_end: true, isUnkept: true};
    }
  }

  // The end, which is followed.
  async showNow() {
    this.#clear();
    const {version} = this;
    const page = await this.#ask({order: "newest"});
    if (version !== this.version) return;
    if (page.isUnkept) page.rows = [...streams.get(this.name)?.lines ?? []].reverse();
    this.older = page.next;
    this.#append(page.rows.reverse());
    this.#becomeLive();
    this.isFollowing = true;
    this.#toBottom();
    this.#tellNew();
    this.#more();
  }

  // What was said at that time, in ms.
  async showAt(time) {
    this.#clear();
    const {version} = this;
    const at = new Date(time).toISOString();
    const [behind, before] = await Promise.all([
      this.#ask({order: "oldest", from: at}), this.#ask({order: "newest", to: at})]);
    if (version !== this.version) return;
    this.older = before.next;
    this.#append(before.rows.reverse());
    const target = this.#append(behind.rows) ?? this.list.lastElementChild;
    if (behind.is_end) this.#becomeLive();
    else this.newer = behind.next;
    target?.scrollIntoView({block: "center"});
    this.#more();
  }

  // What was kept is another than before: where the reader is it is asked for again.
  showAnew() {
    return this.isFollowing ? this.showNow() : this.showAt(this.#topTime() ?? serverNow());
  }

  #becomeLive() {
    this.isLive = true;
    this.newer = null;
    const {arrived} = this;
    this.arrived = [];
    this.#append(arrived);
  }

  async #askMore(cursor, order, take) {
    const {version} = this;
    this.isAsking = true;
    try {
      const page = await this.#ask({order, after: cursor});
      if (version !== this.version || this.isGone) return;
      const height = this.list.scrollHeight;
      take(page);
      this.page = this.list.scrollHeight > height ? PAGE : PAGE_MAX;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The server is away: the reader is told by the frame, and scrolling on asks again.
      return;
    } finally {
      if (version === this.version) this.isAsking = false;
    }
    this.#more();
  }

  // As much as is needed around what is in sight.
  #more() {
    const {scrollTop, scrollHeight, clientHeight} = this.node;
    const near = NEAR * clientHeight;
    if (this.isAsking || this.isGone || clientHeight === 0) return;
    if (this.older && scrollTop < near) {
      this.#askMore(this.older, "newest", (page) => {
        this.older = page.next;
        this.#prepend(page.rows.reverse());
      });
    } else if (this.newer && scrollHeight - scrollTop - clientHeight < near) {
      this.#askMore(this.newer, "oldest", (page) => {
        this.newer = page.next;
        this.#append(page.rows);
        if (page.is_end) this.#becomeLive();
      });
    }
  }

  // --- rows ----------------------------------------------------------------------------------

  // A row's nodes, what stands before it included; none where it has nothing to show. `node` is the
  // last one that there is.
  #nodesOf(row, previous, node) {
    if (this.known.has(keyOf(row))) return [];
    this.known.add(keyOf(row));
    if (row.kind === "alert") {
      this.#takeAlert(row);
      return [];
    }
    if (row.kind === "status") return this.#statusNodes(row, previous, node);
    const isOther = row.language && row.language !== previous?.language;
    const shown = rowNode(row, {language: isOther ? row.language : null, isBare: true});
    if (row.id) this.nodes.set(row.id, shown);
    this.#showAlerts(shown);
    return [...rules(previous, row), shown];
  }

  #statusNodes(row, previous, node) {
    if (row.state === "connecting") return [];
    if (!isStatusNode(node)) return [...rules(previous, row), statusNode(row)];
    addStates(node, [row]);
    previous.end = row.start;
    return [];
  }

  #newBlock(before) {
    const block = element("div", {class: "block"});
    this.list.insertBefore(block, before);
    this.observer.observe(block);
    return block;
  }

  #fillBlock(block, nodes) {
    block.append(...nodes);
    block.nRows = (block.nRows ?? 0) + 1;
    block.style.containIntrinsicBlockSize = `auto ${block.nRows * ROW_HEIGHT}rem`;
    if (block.isDressed) this.#dressBlock(block);
  }

  // Returns the node of the first row of them, or null.
  #append(rows) {
    let target = null;
    for (const row of rows) {
      let block = this.list.lastElementChild;
      const nodes = this.#nodesOf(row, this.last, block?.lastElementChild);
      if (nodes.length === 0) continue;
      if (!block || block.nRows >= BLOCK) block = this.#newBlock(null);
      this.#fillBlock(block, nodes);
      this.last = placeOf(row, this.last);
      this.first ??= this.last;
      target ??= nodes.at(-1);
    }
    return target;
  }

  #prepend(rows) {
    const before = this.list.firstElementChild;
    const next = this.first;
    const height = this.node.scrollHeight;
    // Browsers hold what is read in its place, but not at the very top.
    if (this.node.scrollTop === 0) this.node.scrollTop = 1;
    let previous = null;
    let block = null;
    for (const row of rows) {
      const nodes = this.#nodesOf(row, previous, block?.lastElementChild);
      if (nodes.length === 0) continue;
      if (!block || block.nRows >= BLOCK) block = this.#newBlock(before);
      this.#fillBlock(block, nodes);
      const isFirst = previous === null;
      previous = placeOf(row, previous);
      if (isFirst) this.first = previous;
    }
    this.last ??= previous;
    if (previous && before && next) this.#joinBlocks(before, previous, block.lastElementChild);
    if (!CSS.supports("overflow-anchor", "auto")) this.node.scrollTop += this.node.scrollHeight - height;
  }

  // What was the first row of all has one before it now, whose node is `node`.
  #joinBlocks(block, previous, node) {
    this.#dropRules(block);
    if (isStatusNode(node) && isStatusNode(block.firstChild)) {
      const {states} = block.firstChild;
      addStates(node, states);
      previous.end = states.at(-1).start;
      block.firstChild.remove();
      if (this.last.start === states[0].start) this.last.start = previous.start;
      this.#dropRules(block);
    }
    if (block.firstChild) block.prepend(...rules(previous, block.firstChild.row));
    else this.#removeBlock(block);
  }

  // Those that stand before its first row.
  #dropRules(block) {
    while (block.firstChild && !block.firstChild.row) block.firstChild.remove();
  }

  #removeBlock(block) {
    this.observer.unobserve(block);
    block.remove();
  }

  // --- alerts --------------------------------------------------------------------------------

  #takeAlert(row) {
    if (!row.segment || row.phase === "withdrawn") return;
    const all = this.found.get(row.segment) ?? [];
    if (all.some(({alert}) => alert === row.alert)) return;
    this.found.set(row.segment, [...all, {alert: row.alert, found: row.found}]);
    const node = this.nodes.get(row.segment);
    if (node) this.#showAlerts(node);
  }

  #showAlerts(node) {
    const alerts = this.found.get(node.row.id);
    if (!alerts) return;
    setClass(node, "alerted", true);
    node.sign?.remove();
    node.sign = element("span", {class: "alert-sign"}, alerts.map(({alert}) =>
      element("span", {}, say("transcript.alert", {alert}))));
    node.text.after(node.sign); // so that the text stays where it is
    if (node.isDressed) this.#dressRow(node);
  }

  // --- only what is near the screen has a node for each word ---------------------------------

  #dressRow(node) {
    node.isDressed = true;
    node.text.replaceChildren(...textNodes(node.row, this.found.get(node.row.id)?.map(({found}) => found)));
  }

  #dressBlock(block) {
    block.isDressed = true;
    for (const node of block.getElementsByClassName("row")) if (!node.isDressed) this.#dressRow(node);
  }

  #undressBlock(block) {
    block.isDressed = false;
    if (getSelection().containsNode(block, true)) return; // it is about to be copied
    for (const node of block.getElementsByClassName("row")) {
      node.isDressed = false;
      node.text.replaceChildren(node.row.text);
    }
  }

  #dress(entries) {
    for (const {target, isIntersecting} of entries) {
      if (isIntersecting) this.#dressBlock(target);
      else if (target.isDressed) this.#undressBlock(target);
    }
  }

  // --- what happens --------------------------------------------------------------------------

  // A row that is new.
  take(row) {
    if (!this.isLive) {
      this.arrived.push(row);
      // Too much to hold: it is asked for again when the reader comes there.
      if (this.arrived.length > 2 * PAGE && !this.isAsking) this.arrived.shift();
    } else this.#append([row]);
    if (row.kind !== "segment") return;
    if (this.isFollowing) {
      this.#trim();
      this.#toBottom();
    } else this.nNew++;
    this.#tellNew();
  }

  // A page that is open for days holds what can be scrolled to at once; the rest is asked for,
  // where it is kept.
  #trim() {
    while (this.list.childElementCount > BLOCKS_MAX) {
      const block = this.list.firstElementChild;
      const rows = [...this.list.children[1].children].map(({row}) => row).filter(Boolean);
      if (!rows.length) return;
      for (const {row, states = [row]} of block.children) {
        if (!row) continue;
        for (const kept of states) this.known.delete(keyOf(kept));
        this.nodes.delete(row.id);
      }
      this.#removeBlock(block);
      this.older = rows.find(({cursor}) => cursor)?.cursor ?? null;
      this.first = placeOf(rows[0], null);
    }
  }

  // What was said between the two times (text; absent: open) was forgotten.
  forget({start, end}) {
    for (const node of [...this.list.getElementsByClassName("row")]) {
      const {row} = node;
      if ((!start || row.end >= start) && (!end || row.start < end)) {
        node.remove();
        if (row.id) this.nodes.delete(row.id);
      }
    }
  }

  #tellNew() {
    this.onNew(this.isFollowing ? null : this.nNew);
  }

  // --- scrolling -----------------------------------------------------------------------------

  // Whoever makes the text larger, or the window smaller, has not scrolled away.
  #isReshaped() {
    const {clientWidth, clientHeight} = this.node;
    const shape = `${clientWidth} ${clientHeight} ${getComputedStyle(this.node).fontSize}`;
    const isOther = this.shape !== undefined && this.shape !== shape;
    this.shape = shape;
    return isOther;
  }

  #toBottom() {
    this.node.scrollTop = this.node.scrollHeight;
  }

  #isAtBottom() {
    const {scrollTop, scrollHeight, clientHeight} = this.node;
    return scrollHeight - scrollTop - clientHeight < BOTTOM;
  }

  #scrolled() {
    const wasFollowing = this.isFollowing;
    if (this.#isReshaped() && wasFollowing) this.#toBottom();
    this.isFollowing = this.isLive && this.#isAtBottom();
    if (wasFollowing && !this.isFollowing) this.list.lastElementChild?.append(this.mark);
    if (this.isFollowing) this.nNew = 0;
    if (wasFollowing !== this.isFollowing) this.#tellNew();
    this.#more();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.onTop(this.#topTime()), 150);
  }

  // When the first row in sight begins, in ms; null where there is none.
  #topTime() {
    const {left, top, width} = this.node.getBoundingClientRect();
    for (let y = 5; y < 120; y += 20) {
      const row = document.elementFromPoint(left + width / 2, top + y)?.closest(".row");
      if (row && this.node.contains(row)) return Date.parse(row.row.start);
    }
    return null;
  }

  // To what is said now, at once.
  goLive() {
    if (!this.isLive) return this.showNow();
    this.isFollowing = true;
    this.nNew = 0;
    this.#toBottom();
    this.#tellNew();
    return Promise.resolve();
  }
}
