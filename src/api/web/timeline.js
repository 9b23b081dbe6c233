// The time line of a stream: when somebody spoke, when it was away, when alerts fired. A click
// goes to a time; a drag, or Shift with the arrows, selects a stretch.
import {get, part} from "./api.js";
import {dayAndMinute, dayAndTime, duration, isSameDay, minuteOfDay, serverNow} from "./clock.js";
import {element, setAttribute, setText} from "./dom.js";
import {say} from "./texts.js";
import {drawTimeline} from "./timeline_canvas.js";
import {HOUR, SPANS, stepOf, stretchOf, summaryOf} from "./timeline_scale.js";

const KEY_STEPS = 60; // of the arrows, over what is shown
const CLICK = 4; // px that a hand may shake in a click
const REFRESH = [5000, 60_000]; // ms, at least and at most
const iso = (time) => new Date(time).toISOString();

export class Timeline {
  // onGo(time), onSelect({from, to} or null)
  constructor(name, {onGo, onSelect}) {
    Object.assign(this, {name, onGo, onSelect, span: HOUR, to: serverNow(), isNow: true, selected: null, bins: [], step: 1});
    this.cursor = this.to;
    this.#build();
    this.#place();
    this.resized = new ResizeObserver(() => this.refresh());
    this.resized.observe(this.canvas);
    this.themed = new MutationObserver(() => this.#draw());
    this.themed.observe(document.documentElement, {attributes: true, attributeFilter: ["data-theme"]});
  }

  unmount() {
    this.isGone = true;
    clearTimeout(this.timer);
    this.asking?.abort();
    this.resized.disconnect();
    this.themed.disconnect();
  }

  get from() {
    return this.to - this.span;
  }

  #build() {
    this.canvas = element("canvas", {class: "timeline-canvas", tabindex: "0", role: "slider", "aria-label": say("timeline.label"),
      "aria-describedby": "timeline-about", "aria-orientation": "horizontal"});
    this.selection = element("div", {class: "timeline-selection", hidden: true});
    this.cursorLine = element("div", {class: "timeline-cursor", hidden: true});
    this.spokenLine = element("div", {class: "timeline-spoken", hidden: true});
    this.about = element("p", {class: "unseen", id: "timeline-about"});
    this.shown = element("span", {class: "timeline-shown"});
    this.trouble = element("span", {class: "bad", role: "alert"});
    this.spans = element("select", {"aria-label": say("timeline.span"), onchange: () => this.#setSpan(Number(this.spans.value))},
      SPANS.map((span) => element("option", {value: span, selected: span === this.span}, say(`timeline.span.${span / 60_000}`))));
    const button = (about, sign, run) =>
      element("button", {type: "button", class: "icon", "aria-label": say(about), title: say(about), onclick: run}, sign);
    this.node = element("section", {class: "timeline", "aria-label": say("timeline.title")},
      element("div", {class: "timeline-tools"}, this.spans, button("timeline.earlier", "‹", () => this.#pan(-0.5)),
        button("timeline.later", "›", () => this.#pan(0.5)), button("timeline.now", "⇥", () => this.showNow()), this.shown, this.trouble),
      element("div", {class: "timeline-frame"}, this.canvas, this.selection, this.cursorLine, this.spokenLine), this.about);
    this.#bindPointer();
    this.canvas.addEventListener("keydown", (event) => this.#key(event));
    this.canvas.addEventListener("focus", () => this.#place());
    this.canvas.addEventListener("blur", () => this.#place());
  }

  // --- what is shown -------------------------------------------------------------------------

  #setSpan(span) {
    const middle = this.isNow ? null : this.to - this.span / 2;
    this.span = span;
    if (middle !== null) this.to = Math.min(serverNow(), middle + span / 2);
    this.refresh();
  }

  #pan(share) {
    this.to += share * this.span;
    this.isNow = this.to >= serverNow();
    this.refresh();
  }

  showNow() {
    this.isNow = true;
    return this.refresh();
  }

  // So that this time is in it.
  showAround(time) {
    this.isNow = time > serverNow() - this.span;
    this.to = time + this.span / 2;
    this.cursor = time;
    return this.refresh();
  }

  async refresh() {
    const width = this.canvas.clientWidth;
    clearTimeout(this.timer);
    this.asking?.abort();
    if (this.isGone || width === 0) return;
    if (this.isNow) this.to = serverNow();
    const step = stepOf(this.span, width);
    this.asking = new AbortController();
    try {
      // Bins begin at whole steps, so that bars do not flicker as time goes on.
      const from = Math.floor(this.from / 1000 / step) * step * 1000;
      const answer = await get(`/streams/${part(this.name)}/timeline`, {from: iso(from), to: iso(this.to), step}, this.asking.signal);
      Object.assign(this, {bins: answer.bins, step: answer.step});
      setText(this.trouble, "");
    } catch (error) {
      if (error.name === "AbortError") return;
      this.bins = [];
      setText(this.trouble, error.message);
    }
    this.#draw();
    if (this.isNow && !this.isGone)
      this.timer = setTimeout(() => this.refresh(), Math.min(REFRESH[1], Math.max(REFRESH[0], step * 1000)));
  }

  #draw() {
    if (this.canvas.clientWidth === 0) return;
    drawTimeline(this.canvas, {from: this.from, to: this.to, step: this.step, bins: this.bins});
    const {speech, outage, alerts} = summaryOf(this.bins);
    setText(this.shown, `${dayAndMinute(this.from)} – ${(isSameDay(this.from, this.to) ? minuteOfDay : dayAndMinute)(this.to)}`);
    setText(this.about, say("timeline.about", {from: dayAndTime(this.from), to: dayAndTime(this.to), speech: duration(speech),
      outage: duration(outage), alerts}));
    this.#place();
  }

  // Where the selection and the marks stand.
  #place() {
    const share = (time) => (time - this.from) / this.span;
    const placeLine = (line, time) => {
      line.hidden = time === null || share(time) < 0 || share(time) > 1;
      if (!line.hidden) line.style.left = `${100 * share(time)}%`;
    };
    placeLine(this.cursorLine, document.activeElement === this.canvas ? this.cursor : this.reading ?? null);
    placeLine(this.spokenLine, this.spoken ?? null);
    this.selection.hidden = this.selected === null || this.selected.to < this.from || this.selected.from > this.to;
    if (!this.selection.hidden) {
      const {from, to} = stretchOf(this.selected.from, this.selected.to, this.from, this.to);
      this.selection.style.left = `${100 * share(from)}%`;
      this.selection.style.width = `${100 * (share(to) - share(from))}%`;
    }
    setAttribute(this.canvas, "aria-valuemin", String(Math.round(this.from / 1000)));
    setAttribute(this.canvas, "aria-valuemax", String(Math.round(this.to / 1000)));
    setAttribute(this.canvas, "aria-valuenow", String(Math.round(this.cursor / 1000)));
    setAttribute(this.canvas, "aria-valuetext", dayAndTime(this.cursor));
  }

  // The time that is read, or heard; null: none.
  setReading(time) {
    this.reading = time;
    this.#place();
  }

  setSpoken(time) {
    this.spoken = time;
    this.#place();
  }

  select(stretch) {
    this.selected = stretch;
    this.#place();
    this.onSelect(stretch);
  }

  // --- by hand -------------------------------------------------------------------------------

  #timeAt(event) {
    const {left, width} = this.canvas.getBoundingClientRect();
    return this.from + Math.min(1, Math.max(0, (event.clientX - left) / width)) * this.span;
  }

  #bindPointer() {
    let began = null; // {x, time}
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      began = {x: event.clientX, time: this.#timeAt(event)};
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!began || Math.abs(event.clientX - began.x) < CLICK) return;
      this.select(stretchOf(began.time, this.#timeAt(event), this.from, this.to));
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (!began) return;
      const {x, time} = began;
      began = null;
      this.cursor = this.anchor = time;
      if (Math.abs(event.clientX - x) < CLICK) this.onGo(time);
    });
    this.canvas.addEventListener("pointercancel", () => { began = null; });
  }

  // --- by keyboard ---------------------------------------------------------------------------

  #key(event) {
    const step = this.span / KEY_STEPS;
    const moves = {ArrowLeft: -step, ArrowRight: step, PageUp: -10 * step, PageDown: 10 * step};
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) this.#move(moves[event.key], event.shiftKey);
    else if (event.key === "Enter" || event.key === " ") this.onGo(this.selected?.from ?? this.cursor);
    else if (event.key === "Escape") this.select(null);
    else if (event.key === "End") {
      this.cursor = serverNow();
      this.showNow();
    } else return;
    event.preventDefault();
  }

  #move(by, isSelecting) {
    this.anchor = isSelecting ? this.anchor ?? this.cursor : null;
    this.cursor = Math.min(serverNow(), this.cursor + by);
    if (this.cursor < this.from || this.cursor > this.to) this.showAround(this.cursor);
    if (isSelecting) this.select(stretchOf(this.anchor, this.cursor, -Infinity, Infinity));
    this.#place();
  }
}
