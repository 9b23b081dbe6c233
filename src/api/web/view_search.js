// Search over everything that was said, as one types: /#/search?q=WORDS&stream=&from=&to=
import {get} from "./api.js";
import {addressOf, go} from "./app.js";
import {day, isSameDay} from "./clock.js";
import {element, field, fill, setText} from "./dom.js";
import {mistakeIn} from "./found_text.js";
import {bindKey} from "./keys.js";
import {playFrom} from "./player.js";
import {foundRow} from "./row_links.js";
import {streams} from "./store.js";
import {say} from "./texts.js";
import {timeFields} from "./time_fields.js";

const DEBOUNCE = 200; // ms without a key, after which is asked
const PAGE = 50; // rows

function hitNode(row) {
  const node = foundRow(row);
  node.tabIndex = -1;
  return node;
}

// The hits, newest first, a heading for each day.
class Hits {
  constructor() {
    this.node = element("div", {class: "hits"});
    this.n = 0;
    this.last = null;
  }

  clear() {
    this.node.replaceChildren();
    this.n = 0;
    this.last = null;
  }

  add(rows) {
    for (const row of rows) {
      if (!this.last || !isSameDay(this.last.start, row.start))
        this.node.append(element("h2", {class: "day"}, day(row.start)));
      this.node.append(hitNode(row));
      this.last = row;
      this.n++;
    }
  }

  // The hit that has the focus, or null.
  get current() {
    return document.activeElement?.closest(".row");
  }

  move(step) {
    const all = [...this.node.querySelectorAll(".row")];
    const at = this.current ? all.indexOf(this.current) + step : 0;
    all[Math.max(0, Math.min(all.length - 1, at))]?.focus();
  }
}

class Search {
  constructor(root, query) {
    this.hits = new Hits();
    this.asking = null; // AbortController of what is asked for
    this.next = null; // cursor of the page that follows
    this.timer = null;
    this.drawForm(query);
    this.status = element("p", {role: "status", class: "quiet"});
    this.more = element("button", {type: "button", hidden: true, onclick: () => this.ask(true)}, say("search.more"));
    this.observer = new IntersectionObserver(([entry]) => entry.isIntersecting && this.next && this.ask(true),
      {rootMargin: "400px"});
    this.observer.observe(this.more);
    root.append(element("h1", {}, say("search.title")), this.form, this.mistake, this.status, this.hits.node,
      this.more);
  }

  drawForm(query) {
    const soon = () => this.askSoon();
    this.words = element("input", {type: "search", value: query.get("q") ?? "", autocomplete: "off",
      spellcheck: "false", dir: "auto", maxlength: 1024, "aria-describedby": "search-mistake", oninput: soon,
      onkeydown: (event) => this.leaveWords(event)});
    this.stream = element("input", {value: query.get("stream") ?? "", list: "search-streams", autocomplete: "off",
      placeholder: say("search.stream.all"), dir: "auto", oninput: soon});
    this.times = timeFields({from: query.get("from"), to: query.get("to")}, soon);
    this.mistake = element("p", {id: "search-mistake", class: "bad", role: "alert", hidden: true});
    this.form = element("form", {role: "search", class: "search-form", onsubmit: (event) => {
      event.preventDefault();
      this.ask(false);
    }},
    field(say("search.words"), this.words, say("search.words.hint")),
    element("div", {class: "filters"}, field(say("search.stream"), this.stream), this.times.node),
    element("datalist", {id: "search-streams"},
      [...streams.keys()].sort().map((name) => element("option", {value: name}))));
  }

  // The browser's own Escape would empty the field.
  leaveWords(event) {
    if (event.key !== "ArrowDown" && event.key !== "Escape") return;
    event.preventDefault();
    if (event.key === "ArrowDown") this.hits.move(0);
    else this.words.blur();
  }

  readWish() {
    return {q: this.words.value.trim(), stream: this.stream.value.trim(), ...this.times.get()};
  }

  askSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(false), DEBOUNCE);
  }

  // An answer that was overtaken by what was typed meanwhile is dropped.
  async ask(isMore) {
    if (isMore && (this.asking || !this.next)) return;
    clearTimeout(this.timer);
    this.asking?.abort();
    if (!isMore) {
      this.wish = this.readWish();
      this.next = null;
      history.replaceState(null, "", addressOf("search", [], this.wish));
    }
    const {wish} = this;
    this.asking = null;
    if (!wish.q) return this.show(null);
    const asking = new AbortController();
    this.asking = asking;
    try {
      const page = await get("/search", {...wish, limit: PAGE, after: isMore ? this.next : null}, asking.signal);
      if (this.asking === asking) this.show(page, isMore);
    } catch (error) {
      if (this.asking === asking) this.refuse(error, wish.q);
    } finally {
      if (this.asking === asking) this.asking = null;
    }
  }

  show(page, isMore) {
    if (!isMore) this.hits.clear();
    this.mistake.hidden = true;
    this.hits.add(page?.rows ?? []);
    this.next = page && !page.is_end ? page.next : null;
    this.more.hidden = !this.next;
    const {n} = this.hits;
    const text = !page ? "" : n === 0 ? say("search.none") : say(this.next ? "search.found.more" : "search.found", {n});
    setText(this.status, text);
  }

  // What was found before stays while the words are mended.
  refuse(error, query) {
    const place = error.field === "q" ? mistakeIn(query, error.message) : null;
    fill(this.mistake, error.message, place && [" ", element("span", {class: "mistake-place", dir: "auto"},
      place[0], element("mark", {}, place[1]), place[2])]);
    this.mistake.hidden = false;
    this.more.hidden = !this.next;
    setText(this.status, "");
  }

  leave() {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.observer.disconnect();
  }
}

export function mount(root, {query}) {
  const search = new Search(root, query);
  const {hits} = search;
  const ends = [
    bindKey("/", "search.key.words", () => search.words.select()),
    bindKey("j", "search.key.next", () => hits.move(1)),
    bindKey("k", "search.key.previous", () => hits.move(-1)),
    bindKey("p", "search.key.play", () => hits.current && playFrom(hits.current.row.stream, hits.current.row.start)),
    bindKey("Enter", "search.key.open", () => hits.current && go("segment", [hits.current.row.id])),
  ];
  search.words.focus();
  if (search.words.value) search.ask(false);
  return {
    title: say("search.title"),
    unmount() {
      for (const end of ends) end();
      search.leave();
    },
  };
}
