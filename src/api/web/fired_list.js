// The alerts that fired, newest first: those of the past by pages, new ones as they come.
import {get} from "./api.js";
import {day, isSameDay, serverNow} from "./clock.js";
import {element, setText} from "./dom.js";
import {foundRow, segmentAddress} from "./row_links.js";
import {on} from "./store.js";
import {say} from "./texts.js";

const PAGE = 50; // rows
const SHOWN_MAX = 500; // of a page that is open for days; the rest is asked for again

// One that fired; `outcome` is what became of it ("confirmed", "withdrawn") or null. Where it is
// told is the segment that it stands in.
export function firedNode(row, outcome) {
  const about = [
    row.alert ? element("strong", {dir: "auto"}, row.alert) : null,
    isSameDay(row.start, serverNow()) ? null : element("span", {}, day(row.start)),
    outcome ? element("span", {class: "outcome"}, say(`alerts.outcome.${outcome}`)) : null,
    row.segment ? element("a", {href: segmentAddress(row.segment)}, say("alerts.fired.segment")) : null,
  ];
  return foundRow({...row, kind: "alert"}, about);
}

// Which rows are firings, and what became of each: a row that says so names the first one's id.
export class Firings {
  #outcomes = new Map(); // id of the firing -> phase
  #ids = new Set();

  // Whether it is a firing that was not there yet; if it tells of another, that is remembered.
  take(row) {
    if (row.phase === "confirmed" || row.phase === "withdrawn") {
      this.#outcomes.set(row.firing, row.phase);
      return false;
    }
    if (this.#ids.has(row.id)) return false;
    this.#ids.add(row.id);
    return true;
  }

  // It is not shown any more, and may come again.
  forget(row) {
    this.#ids.delete(row.id);
  }

  outcome(row) {
    return this.#outcomes.get(row.id) ?? null;
  }
}

// {node, end()}
export function firedList() {
  let firings = new Firings();
  const list = element("div", {class: "hits"});
  const empty = element("p", {class: "empty", hidden: true}, say("alerts.fired.none"));
  const sign = element("p", {class: "bad", role: "alert", hidden: true});
  const more = element("button", {type: "button", hidden: true, onclick: () => load()}, say("alerts.fired.more"));
  const nodes = new Map(); // id -> {row, node}
  const held = []; // rows that came while the list was read, oldest first
  const fresh = element("button", {type: "button", class: "primary", hidden: true, onclick: () => release()});
  let next = null;
  let isLoading = false;

  function draw(row) {
    const node = firedNode(row, firings.outcome(row));
    nodes.get(row.id)?.node.replaceWith(node);
    nodes.set(row.id, {row, node});
    return node;
  }

  function take(row, isNew) {
    if (firings.take(row)) {
      if (isNew) hold(row);
      else list.append(draw(row));
      empty.hidden = true;
    } else if (nodes.has(row.firing)) draw(nodes.get(row.firing).row);
  }

  // What somebody reads is not moved.
  function hold(row) {
    held.push(row);
    const isRead = list.matches(":hover, :focus-within") || list.getBoundingClientRect().top < 0;
    if (!isRead) release();
    else setText(fresh, say("alerts.fired.fresh", {n: held.length}));
    fresh.hidden = held.length === 0;
  }

  function release() {
    for (const row of held.splice(0)) list.prepend(draw(row));
    fresh.hidden = true;
    trim();
  }

  function trim() {
    if (isLoading || nodes.size <= SHOWN_MAX) return;
    while (nodes.size > SHOWN_MAX) {
      const node = list.lastElementChild;
      nodes.delete(node.row.id);
      firings.forget(node.row);
      node.remove();
    }
    next = [...list.children].findLast(({row}) => row.cursor)?.row.cursor ?? null;
    more.hidden = !next;
  }

  async function load() {
    if (isLoading) return;
    isLoading = true;
    sign.hidden = true;
    try {
      const page = await get("/alerts/fired", {limit: PAGE, after: next});
      for (const row of page.rows) take(row, false);
      next = page.is_end ? null : page.next;
      more.hidden = !next;
      empty.hidden = nodes.size > 0;
    } catch (error) {
      setText(sign, error.message);
      sign.hidden = false;
      more.hidden = false;
    } finally {
      isLoading = false;
    }
  }

  function again() {
    list.replaceChildren();
    firings = new Firings();
    nodes.clear();
    held.length = 0;
    fresh.hidden = true;
    next = null;
    load();
  }

  load();
  const ends = [
    on("event", (kind, row) => {
      if (kind === "alert") take(row, true);
      else if (kind === "forgotten") again();
    }),
  ];
  return {
    node: element("section", {"aria-labelledby": "fired-title"},
      element("h2", {id: "fired-title"}, say("alerts.fired")), sign, empty,
      element("div", {class: "fresh"}, fresh), list, more),
    end() {
      for (const end of ends) end();
    },
  };
}
