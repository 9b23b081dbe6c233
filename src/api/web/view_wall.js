// The wall: a tile for each stream. Only tiles that are on the screen are drawn.
import {addressOf} from "./app.js";
import {append, element, setAttribute, setClass, setText} from "./dom.js";
import {on, streams} from "./store.js";
import {say} from "./texts.js";

const LINES = 3;
const LOUDEST = 0;
const QUIETEST = -60; // dBFS at which the meter is empty

class Tile {
  constructor(stream) {
    this.stream = stream;
    this.isOnScreen = false;
    this.shownIds = "";
    this.light = element("span", {class: "light", role: "img"});
    this.state = element("span", {class: "state"});
    this.delay = element("span", {class: "delay", title: say("stream.late.about")});
    this.meter = element("span", {class: "meter-fill"});
    this.lines = element("div", {class: "lines"});
    this.tail = element("p", {class: "tail", "aria-hidden": "true"});
    this.node = element("article", {class: "tile", "aria-label": stream.name},
      element("header", {}, this.light,
        element("h2", {}, element("a", {href: addressOf("stream", [stream.name]), dir: "auto"}, stream.name)),
        this.delay, this.state),
      element("div", {class: "meter", "aria-hidden": "true"}, this.meter), this.lines);
    this.lines.append(this.tail);
  }

  draw() {
    const {stream} = this;
    const loud = stream.level === null ? 0 : (stream.level - QUIETEST) / (LOUDEST - QUIETEST);
    const isSpeaking = stream.isSpeaking;
    setClass(this.node, "speaking", isSpeaking);
    setAttribute(this.light, "aria-label", say(isSpeaking ? "stream.speaking" : "stream.silent"));
    setAttribute(this.node, "data-state", stream.state ?? "online");
    const isWell = stream.state === "online" || stream.state === null;
    setText(this.state, isWell ? "" : say(`stream.state.${stream.state}`) + (stream.reason ? `: ${stream.reason}` : ""));
    const delay = stream.delay;
    setText(this.delay, delay === null ? "" : say("stream.late", {seconds: (delay / 1000).toFixed(1)}));
    this.meter.style.transform = `scaleX(${Math.min(1, Math.max(0, loud)).toFixed(2)})`;
    this.drawLines();
  }

  drawLines() {
    const rows = this.stream.lines.slice(-LINES);
    const ids = rows.map((row) => row.id ?? row.start).join();
    if (ids !== this.shownIds) {
      this.shownIds = ids;
      this.lines.replaceChildren(...rows.map((row) => element("p", {dir: "auto"}, row.text)), this.tail);
    }
    const {tail} = this.stream;
    const stable = tail?.stable ?? "";
    if (this.shownTail !== tail) {
      this.shownTail = tail;
      this.tail.replaceChildren();
      if (tail) append(this.tail, element("span", {class: "stable"}, stable), tail.text.slice(stable.length));
    }
    this.lines.scrollTop = this.lines.scrollHeight;
  }
}

export function mount(root) {
  const tiles = new Map(); // stream -> Tile
  const grid = element("div", {class: "wall"});
  const empty = element("p", {class: "empty"}, say("wall.empty"));
  const observer = new IntersectionObserver((entries) => {
    for (const {target, isIntersecting} of entries) {
      target.tile.isOnScreen = isIntersecting;
      if (isIntersecting) target.tile.draw();
    }
  }, {rootMargin: "200px"});

  function arrange() {
    for (const [stream, tile] of tiles) {
      if (streams.get(stream.name) === stream) continue;
      observer.unobserve(tile.node);
      tile.node.remove();
      tiles.delete(stream);
    }
    const wanted = [...streams.values()].sort((a, b) => a.name.localeCompare(b.name, undefined, {numeric: true}));
    for (const stream of wanted) {
      if (tiles.has(stream)) continue;
      const tile = new Tile(stream);
      tile.node.tile = tile;
      tiles.set(stream, tile);
      observer.observe(tile.node);
    }
    // Nodes that stand right are not touched.
    wanted.forEach((stream, i) => {
      const {node} = tiles.get(stream);
      if (grid.children[i] !== node) grid.insertBefore(node, grid.children[i] ?? null);
    });
    empty.hidden = tiles.size > 0;
  }

  root.append(element("h1", {class: "unseen"}, say("wall.title")), empty, grid);
  arrange();
  const ends = [
    on("streams", arrange),
    on("change", (changed) => {
      for (const stream of changed) {
        const tile = tiles.get(stream);
        if (tile?.isOnScreen) tile.draw();
      }
    }),
  ];
  return {
    title: say("wall.title"),
    unmount() {
      for (const end of ends) end();
      observer.disconnect();
    },
  };
}
