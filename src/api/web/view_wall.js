// The wall: a tile for each stream. Only tiles that are on the screen are drawn, and none is moved
// while somebody is there with the pointer or the keyboard.
import {announce} from "./app.js";
import {element, setText} from "./dom.js";
import {bindKey} from "./keys.js";
import {setSetting, setting} from "./session.js";
import {on, streams} from "./store.js";
import {say} from "./texts.js";
import {isWanted, moveName, SORTS, sortStreams} from "./wall_order.js";
import {Tile} from "./wall_tile.js";

const SORT_EVERY = 5000; // ms
const DRAW_EVERY = 100; // ms

class Wall {
  constructor(root) {
    this.tiles = new Map(); // stream -> Tile
    this.changed = new Set(); // streams that are to be drawn
    this.drawing = null;
    this.grid = element("div", {class: "wall"});
    this.empty = element("p", {class: "empty", hidden: true});
    this.filter = element("input", {type: "search", placeholder: say("wall.filter"), "aria-label": say("wall.filter"),
      oninput: () => this.showWanted()});
    this.select = element("select", {onchange: () => this.setSort(this.select.value)},
      SORTS.map((sort) => element("option", {value: sort, selected: sort === this.sort}, say(`wall.sort.${sort}`))));
    this.count = element("span", {class: "wall-count", role: "status"});
    this.observer = new IntersectionObserver((entries) => this.see(entries), {rootMargin: "200px"});
    this.isTouched = false; // the pointer is in the wall
    this.grid.addEventListener("pointerenter", () => { this.isTouched = true; });
    this.grid.addEventListener("pointerleave", () => { this.isTouched = false; });
    root.append(element("h1", {class: "unseen", tabindex: "-1"}, say("wall.title")),
      element("div", {class: "wall-tools", role: "search"}, this.filter,
        element("label", {}, say("wall.sort"), " ", this.select), this.count), this.empty, this.grid);
  }

  // --- what the reader likes, which stays ----------------------------------------------------

  get sort() {
    return setting("wall.sort") ?? "name";
  }

  get pinned() {
    return setting("wall.pinned") ?? [];
  }

  get order() {
    return setting("wall.order") ?? [];
  }

  setSort(sort) {
    // By hand begins with what is there.
    if (sort === "hand" && !setting("wall.order")) setSetting("wall.order", this.names());
    setSetting("wall.sort", sort);
    this.arrange();
  }

  togglePin({stream: {name}}) {
    const {pinned} = this;
    setSetting("wall.pinned", pinned.includes(name) ? pinned.filter((other) => other !== name) : [...pinned, name]);
    this.arrange();
  }

  // --- tiles ---------------------------------------------------------------------------------

  names() {
    return [...this.grid.children].map((node) => node.tile.stream.name);
  }

  see(entries) {
    for (const {target, isIntersecting} of entries) {
      target.tile.isOnScreen = isIntersecting;
      if (isIntersecting) target.tile.draw();
    }
  }

  addTile(stream) {
    const tile = new Tile(stream, {onPin: () => this.togglePin(tile), onHandle: (handle, its) => this.bindHandle(handle, its)});
    this.tiles.set(stream, tile);
    this.observer.observe(tile.node);
    this.grid.append(tile.node);
  }

  dropGone() {
    for (const [stream, tile] of this.tiles) {
      if (streams.get(stream.name) === stream) continue;
      this.observer.unobserve(tile.node);
      tile.node.remove();
      this.tiles.delete(stream);
    }
  }

  // Streams came or went.
  refresh() {
    this.dropGone();
    const isNew = [...streams.values()].filter((stream) => !this.tiles.has(stream));
    for (const stream of isNew) this.addTile(stream);
    if (isNew.length && !this.isHeld()) this.arrange();
    else this.showWanted();
  }

  // Puts all in order. Nodes that stand right are not touched.
  arrange() {
    const {sort, pinned, order, grid} = this;
    const focused = grid.contains(document.activeElement) ? document.activeElement : null;
    sortStreams(this.tiles.keys(), {sort, pinned, order}).forEach((stream, i) => {
      const {node} = this.tiles.get(stream);
      if (grid.children[i] !== node) grid.insertBefore(node, grid.children[i] ?? null);
    });
    for (const [{name}, tile] of this.tiles) tile.setPinned(pinned.includes(name));
    grid.dataset.sort = sort;
    focused?.focus(); // a node that is moved loses it
    this.showWanted();
  }

  showWanted() {
    const filter = this.filter.value.trim();
    let shown = 0;
    for (const [stream, tile] of this.tiles) {
      tile.node.hidden = !isWanted(stream, filter);
      if (!tile.node.hidden) shown++;
    }
    this.empty.hidden = shown > 0;
    setText(this.empty, this.tiles.size ? say("wall.none", {filter}) : say("wall.empty"));
    setText(this.count, filter ? say("wall.count", {shown, all: this.tiles.size}) : say("wall.all", {n: this.tiles.size}));
  }

  // Another tab changed what the reader likes.
  takeSettings() {
    this.select.value = this.sort;
    if (!this.isHeld()) this.arrange();
  }

  // Somebody reads there: nothing may move.
  isHeld() {
    return this.isTouched || this.grid.contains(document.activeElement);
  }

  sortAgain() {
    if (this.sort === "spoken" && !this.isHeld() && !document.hidden) this.arrange();
    else if (this.filter.value) this.showWanted();
  }

  // Ten times a second is as fast as anybody reads; each time more would cost a whole frame.
  draw(changed) {
    for (const stream of changed) if (this.tiles.get(stream)?.isOnScreen) this.changed.add(stream);
    if (this.changed.size) this.drawing ??= setTimeout(() => this.drawChanged(), DRAW_EVERY);
  }

  drawChanged() {
    this.drawing = null;
    for (const stream of this.changed) this.tiles.get(stream)?.draw();
    this.changed.clear();
  }

  // --- by hand -------------------------------------------------------------------------------

  move(tile, to) {
    setSetting("wall.order", moveName(this.names(), tile.stream.name, to));
    this.arrange();
  }

  // A tile is dragged by its handle, or moved by the arrows while the handle has the focus.
  bindHandle(handle, tile) {
    handle.addEventListener("keydown", (event) => {
      const by = {ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1}[event.key];
      if (!by) return;
      event.preventDefault();
      this.move(tile, this.names().indexOf(tile.stream.name) + by);
      announce(say("wall.moved", {name: tile.stream.name, place: this.names().indexOf(tile.stream.name) + 1, all: this.tiles.size}));
    });
    handle.addEventListener("pointerdown", (event) => this.drag(event, tile));
  }

  // The page is listened to, not the handle, which is taken out and put in again as its tile moves.
  drag(event, tile) {
    const ended = new AbortController();
    const {signal} = ended;
    event.preventDefault();
    tile.node.classList.add("dragged");
    addEventListener("pointermove", ({clientX, clientY}) => {
      const over = document.elementFromPoint(clientX, clientY)?.closest(".tile")?.tile;
      if (over && over !== tile) this.move(tile, this.names().indexOf(over.stream.name));
    }, {signal});
    for (const end of ["pointerup", "pointercancel"])
      addEventListener(end, () => {
        tile.node.classList.remove("dragged");
        ended.abort();
      }, {signal});
  }

  // --- by keyboard ---------------------------------------------------------------------------

  moveFocus(direction) {
    const shown = [...this.grid.children].filter((node) => !node.hidden);
    const at = shown.findIndex((node) => node.contains(document.activeElement));
    const next = at < 0 ? (direction > 0 ? 0 : shown.length - 1) : at + direction;
    shown[next]?.tile.link.focus();
  }

  // Final text is told of the stream that has the focus only: a wall would talk all the time.
  tell(kind, row) {
    if (kind !== "segment") return;
    const tile = document.activeElement?.closest(".tile")?.tile;
    if (tile?.stream.name === row.stream) announce(row.text);
  }
}

export function mount(root) {
  const wall = new Wall(root);
  const sorting = setInterval(() => wall.sortAgain(), SORT_EVERY);
  const takeSettings = () => wall.takeSettings();
  addEventListener("storage", takeSettings);
  wall.refresh();
  wall.arrange();
  const ends = [
    on("streams", () => wall.refresh()),
    on("reset", () => wall.isHeld() || wall.arrange()),
    on("change", (changed) => wall.draw(changed)),
    on("event", (kind, row) => wall.tell(kind, row)),
    bindKey("j", "keys.next", () => wall.moveFocus(1)),
    bindKey("k", "keys.previous", () => wall.moveFocus(-1)),
    bindKey(".", "wall.filter", () => wall.filter.focus()),
  ];
  return {
    title: say("wall.title"),
    unmount() {
      for (const end of ends) end();
      removeEventListener("storage", takeSettings);
      clearInterval(sorting);
      wall.observer.disconnect();
    },
  };
}
