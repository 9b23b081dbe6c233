// A tile of the wall: one stream, at one look.
import {addressOf} from "./app.js";
import {minuteOfDay} from "./clock.js";
import {element, setAttribute, setText} from "./dom.js";
import {streamMenuButton} from "./stream_actions.js";
import {stateInWords, StreamSigns} from "./stream_signs.js";
import {wantLines} from "./store.js";
import {say} from "./texts.js";
import {tailNodes} from "./transcript_rows.js";

const LINES = 3;

export class Tile {
  // onPin(), onHandle(node): makes the button, by which the tile is moved, work.
  constructor(stream, {onPin, onHandle}) {
    this.stream = stream;
    this.isOnScreen = false;
    this.signs = new StreamSigns({isShort: true});
    this.link = element("a", {href: addressOf("stream", [stream.name]), dir: "auto"}, stream.name);
    this.pin = element("button", {type: "button", class: "icon tile-pin", onclick: onPin}, "");
    this.handle = element("button", {type: "button", class: "icon tile-handle", title: say("wall.move.title"),
      "aria-label": say("wall.move", {name: stream.name})}, "✥");
    this.alerts = element("a", {class: "tile-alerts", hidden: true});
    this.lines = element("div", {class: "lines"});
    this.tail = element("div", {class: "tile-tail"});
    this.node = element("article", {class: "tile", "aria-label": stream.name},
      element("header", {}, this.signs.light, element("h2", {}, this.link), this.handle, this.pin,
        streamMenuButton(stream)),
      element("div", {class: "tile-signs"}, this.signs.state, this.alerts, this.signs.delay),
      this.signs.meter, this.lines, this.tail);
    this.node.tile = this;
    onHandle(this.handle, this);
    this.setPinned(false);
  }

  setPinned(isPinned) {
    setText(this.pin, isPinned ? "★" : "☆");
    setAttribute(this.pin, "aria-pressed", String(isPinned));
    setAttribute(this.pin, "aria-label", say("wall.pin", {name: this.stream.name}));
    setAttribute(this.pin, "title", say(isPinned ? "wall.pin.is" : "wall.pin.not"));
  }

  draw() {
    this.signs.draw(this.stream);
    this.#drawAlerts();
    this.#drawLines();
    this.#drawTail();
  }

  #drawAlerts() {
    const {alerts, name} = this.stream;
    const last = alerts.at(-1);
    if (this.lastAlert === last && this.nAlerts === alerts.length) return;
    this.lastAlert = last;
    this.nAlerts = alerts.length;
    this.alerts.hidden = !last;
    if (!last) return;
    setText(this.alerts, say("wall.alerts", {n: alerts.length, alert: last.alert, time: minuteOfDay(last.start)}));
    this.alerts.href = addressOf("stream", [name], {at: last.start});
  }

  #drawLines() {
    const {lines, last} = this.stream;
    const texts = lines.slice(-LINES).map(({text}) => text);
    // Said so long ago that no row of it is here yet.
    wantLines(this.stream);
    if (!texts.length && last?.text) texts.push(last.text);
    const shown = JSON.stringify(texts);
    if (shown === this.shown) return;
    this.shown = shown;
    this.lines.replaceChildren(element("div", {}, texts.map((text) => element("p", {dir: "auto"}, text)),
      texts.length ? null : element("p", {class: "tile-quiet"}, say("wall.quiet"))));
  }

  // What is being said; of a stream that hears nothing, why.
  #drawTail() {
    const {tail} = this.stream;
    const why = tail ? "" : stateInWords(this.stream);
    if (this.shownTail === (tail ?? why)) return;
    this.shownTail = tail ?? why;
    this.tail.replaceChildren(element("p", {class: tail ? "tail" : "trouble", dir: "auto", "aria-hidden": tail ? "true" : null},
      tail ? tailNodes(tail) : why));
  }
}
