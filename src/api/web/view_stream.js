// One stream: what was said in it, what is being said, and when.
import {announce, go, tellError} from "./app.js";
import {serverNow} from "./clock.js";
import {element, fill, setText} from "./dom.js";
import {bindKey} from "./keys.js";
import * as player from "./player.js";
import {connection, on, server, Stream, streams} from "./store.js";
import {streamActions} from "./stream_actions.js";
import {StreamSigns} from "./stream_signs.js";
import {StretchBar} from "./stretch.js";
import {say} from "./texts.js";
import {Timeline} from "./timeline.js";
import {Transcript} from "./transcript.js";
import {TranscriptFocus} from "./transcript_focus.js";
import {tailNodes} from "./transcript_rows.js";

// What is being said: in a place of its own, of fixed height, so that nothing moves for it.
class TailArea {
  constructor() {
    this.text = element("p", {class: "tail", dir: "auto"});
    this.node = element("div", {class: "tail-area", "aria-hidden": "true"}, this.text);
    this.tail = undefined;
  }

  draw(tail) {
    if (tail === this.tail) return;
    this.tail = tail;
    fill(this.text, tailNodes(tail));
  }
}

// A time of the address: of a row, or in ms.
export function timeOf(text) {
  if (!text) return null;
  const time = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

class StreamView {
  constructor(root, name) {
    this.name = name;
    this.signs = new StreamSigns();
    this.tail = new TailArea();
    this.heading = element("h1", {dir: "auto", tabindex: "-1"}, name);
    this.newLines = element("button", {type: "button", class: "new-lines primary", hidden: true, "aria-keyshortcuts": "g",
      onclick: () => this.goLive()});
    this.transcript = new Transcript(name, {
      onNew: (n) => this.drawNew(n),
      onTop: (time) => this.timeline.setReading(this.transcript.isFollowing ? null : time),
    });
    this.timeline = new Timeline(name, {
      onGo: (time) => this.read(time),
      onSelect: (stretch) => this.stretch.set(stretch),
    });
    this.stretch = new StretchBar(name, {onRead: (time) => this.read(time), onClear: () => this.timeline.select(null)});
    this.gone = element("span", {class: "state", hidden: true}, say("stream.gone"));
    this.head = element("header", {class: "stream-head"}, this.signs.light, this.heading, this.signs.delay, this.signs.state, this.gone);
    root.append(this.head, this.signs.meter, this.timeline.node, this.stretch.node,
      element("div", {class: "transcript-frame"}, this.transcript.node, this.newLines), this.tail.node);
  }

  get stream() {
    return streams.get(this.name);
  }

  draw() {
    const stream = this.stream ?? new Stream(this.name);
    this.signs.draw(stream);
    this.gone.hidden = Boolean(this.stream) || !server.isListed;
    if (this.stream) this.drawActions(stream);
    this.tail.draw(stream.tail);
  }

  // What may be done with it is known once the server has listed it.
  drawActions(stream) {
    if (this.acted === stream) return;
    const actions = streamActions(stream);
    if (!actions) return;
    this.acted = stream;
    this.manage?.remove();
    this.manage = element("details", {class: "stream-manage"}, element("summary", {}, say("manage.title")), actions);
    this.head.append(this.manage);
  }

  drawNew(n) {
    this.newLines.hidden = n === null;
    if (n !== null) setText(this.newLines, n ? say("transcript.new", {n}) : say("transcript.live"));
  }

  async run(promise) {
    try {
      await promise;
    } catch (error) {
      tellError(error);
      return false;
    }
    return true;
  }

  read(time) {
    this.run(this.transcript.showAt(time));
    this.timeline.setReading(time);
  }

  goLive() {
    this.run(this.transcript.goLive());
    this.timeline.setReading(null);
  }

  // At that time, or (null) now; once the server is back where it cannot be reached.
  async show(at) {
    const isPast = at !== null && at < serverNow();
    if (isPast) this.timeline.showAround(at);
    const isShown = await this.run(isPast ? this.transcript.showAt(at) : this.transcript.showNow());
    this.wanted = isShown ? undefined : at;
  }

  again() {
    if (connection.state === "live" && this.wanted !== undefined) this.show(this.wanted);
  }

  take(kind, row) {
    if (kind === "forgotten" && (!row.stream || row.stream === this.name)) this.transcript.forget(row);
    if (row.stream !== this.name || !["segment", "alert", "status"].includes(kind)) return;
    this.transcript.take(row);
    // Tails come and go; what is final is told to who listens to the page.
    if (kind === "segment" && this.transcript.isFollowing) announce(row.text);
  }

  listen() {
    const focus = new TranscriptFocus(this.transcript.node);
    return [
      on("change", (changed) => this.stream && !changed.has(this.stream) ? null : this.draw()),
      on("streams", () => this.draw()),
      on("connection", () => this.again()),
      on("event", (kind, row) => this.take(kind, row)),
      on("reset", (isAnew) => isAnew && this.run(this.transcript.showAnew())),
      player.on("time", (stream, time) => this.timeline.setSpoken(stream === this.name ? time : null)),
      bindKey("g", "keys.live", () => this.goLive()),
      bindKey("j", "keys.row.next", () => focus.moveRow(1)),
      bindKey("k", "keys.row.previous", () => focus.moveRow(-1)),
      bindKey("l", "keys.word.next", () => focus.moveWord(1)),
      bindKey("h", "keys.word.previous", () => focus.moveWord(-1)),
      bindKey("Enter", "keys.row.play", () => focus.play()),
    ];
  }
}

export function mount(root, {parts, query}) {
  const name = parts[0];
  if (!name) {
    go("wall");
    return {title: "", unmount() {}};
  }
  const view = new StreamView(root, name);
  const ends = view.listen();
  view.draw();
  view.show(timeOf(query.get("at")));
  return {
    title: name,
    unmount() {
      for (const end of ends) end();
      view.transcript.unmount();
      view.timeline.unmount();
    },
  };
}
