// How a stream is, at one look: whether somebody speaks, how loud it is, how late its text is,
// and what is wrong with it. Used by its tile and by its own page.
import {element, setAttribute, setClass, setText} from "./dom.js";
import {say} from "./texts.js";

const LOUDEST = 0;
const QUIETEST = -60; // dBFS at which the meter is empty

// 0 to 1 of the meter.
export function loudness(level) {
  if (level === null) return 0;
  return Math.min(1, Math.max(0, (level - QUIETEST) / (LOUDEST - QUIETEST)));
}

// How it is, in a word; "" while all is well.
export function stateInAWord({state}) {
  return state === null || state === "online" ? "" : say(`stream.state.${state}`);
}

// And why, where that is known.
export function stateInWords(stream) {
  const {reason} = stream;
  const name = stateInAWord(stream);
  if (!name) return "";
  return reason ? say("stream.state.why", {state: name, reason}) : name;
}

export class StreamSigns {
  // `isShort`: the state without its reason, for which there is another place.
  constructor({isShort = false} = {}) {
    this.isShort = isShort;
    this.light = element("span", {class: "light", role: "img"});
    this.state = element("span", {class: "state", dir: "auto"});
    this.delay = element("span", {class: "delay", title: say("stream.late.about")});
    this.fill = element("span", {class: "meter-fill"});
    this.meter = element("div", {class: "meter", role: "meter", "aria-valuemin": "-60", "aria-valuemax": "0"}, this.fill);
  }

  draw(stream) {
    const {level, isSpeaking, delay} = stream;
    const words = this.isShort ? stateInAWord(stream) : stateInWords(stream);
    if (this.isSpeaking !== isSpeaking) {
      this.isSpeaking = isSpeaking;
      setClass(this.light, "speaking", isSpeaking);
      setAttribute(this.light, "aria-label", say(isSpeaking ? "stream.speaking" : "stream.silent"));
    }
    if (this.words !== words) {
      this.words = words;
      setText(this.state, words);
      setAttribute(this.state, "title", words || null);
      setAttribute(this.state, "data-state", stream.state ?? "online");
    }
    setText(this.delay, delay === null ? "" : say("stream.late", {seconds: (delay / 1000).toFixed(1)}));
    if (this.level !== level) this.#drawLevel(level);
  }

  #drawLevel(level) {
    const about = level === null ? say("stream.level.none") : say("stream.level", {level: Math.round(level)});
    this.level = level;
    this.fill.style.transform = `scaleX(${loudness(level).toFixed(2)})`;
    setAttribute(this.meter, "aria-valuenow", String(Math.round(Math.min(LOUDEST, Math.max(QUIETEST, level ?? QUIETEST)))));
    setAttribute(this.meter, "aria-label", about);
    setAttribute(this.meter, "title", about);
  }
}
