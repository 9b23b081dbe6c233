// The bar at the foot of the page that tells what is heard, and the keys that belong to it.
import {addressOf} from "./app.js";
import {duration, timeOfDay} from "./clock.js";
import {element, setAttribute, setText} from "./dom.js";
import {bindKey} from "./keys.js";
import {say} from "./texts.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];
const NOW = 15_000; // ms behind now that are now
const PLAY = "▶\uFE0E"; // as text, not as a picture
const PAUSE = "❚❚";

export class PlayerBar {
  // {toggle, step(±1), seekNow, close, setSpeed(speed), setMuted(isMuted)}: what the reader does.
  constructor(actions) {
    this.actions = actions;
    this.speed = 1;
    this.isMuted = false;
    this.keys = [];
    this.playButton = this.#button("player.pause", actions.toggle, PAUSE, " ");
    this.title = element("a", {dir: "auto", class: "player-stream"});
    this.time = element("span", {class: "player-time"});
    this.behind = element("span", {class: "player-behind"});
    this.trouble = element("p", {class: "player-trouble bad", role: "alert", hidden: true});
    this.select = element("select", {"aria-label": say("player.speed"), onchange: () => this.setSpeed(Number(this.select.value))},
      SPEEDS.map((speed) => element("option", {value: speed, selected: speed === 1}, `${speed}×`)));
    this.muteButton = this.#button("player.mute", () => this.toggleMuted(), "♪", "u");
    this.node = element("section", {class: "player", "aria-label": say("player.label")},
      this.playButton,
      this.#button("player.back", () => actions.step(-1), "−5", "ArrowLeft"),
      this.#button("player.on", () => actions.step(1), "+5", "ArrowRight"),
      element("div", {class: "player-where"}, this.title, " ", this.time, " ", this.behind),
      this.#button("player.now", actions.seekNow, "⇥"),
      this.select, this.muteButton,
      this.#button("player.close", actions.close, "×"),
      this.trouble);
  }

  #button(about, run, sign, key) {
    return element("button", {type: "button", class: "icon", "aria-label": say(about), title: say(about),
      "aria-keyshortcuts": key === " " ? "Space" : key ?? null, onclick: run}, sign);
  }

  open(stream) {
    this.tellTrouble(null);
    setText(this.title, stream);
    this.title.href = addressOf("stream", [stream]);
    if (this.node.isConnected) return;
    document.body.append(this.node);
    this.keys = [
      bindKey(" ", "player.pause", this.actions.toggle),
      bindKey("ArrowLeft", "player.back", () => this.actions.step(-1)),
      bindKey("ArrowRight", "player.on", () => this.actions.step(1)),
      bindKey("u", "player.mute", () => this.toggleMuted()),
    ];
  }

  close() {
    for (const end of this.keys) end();
    this.node.remove();
  }

  setSpeed(speed) {
    if (this.speed === speed) return;
    this.speed = speed;
    this.select.value = String(speed);
    this.actions.setSpeed(speed);
  }

  toggleMuted() {
    this.isMuted = !this.isMuted;
    setAttribute(this.muteButton, "aria-pressed", String(this.isMuted));
    this.actions.setMuted(this.isMuted);
  }

  // The wall clock of what is heard, and how far behind now it is, both in ms.
  drawTime(time, behind, {isPaused, isWaiting}) {
    setText(this.playButton, isPaused ? PLAY : PAUSE);
    setAttribute(this.playButton, "aria-label", say(isPaused ? "player.play" : "player.pause"));
    setText(this.time, timeOfDay(time));
    let about = say("player.behind", {time: duration(behind / 1000)});
    if (isWaiting && !isPaused) about = say("player.waiting");
    else if (behind < NOW) about = say("player.live");
    setText(this.behind, about);
  }

  // In words, beside the buttons; null: all is well.
  tellTrouble(error) {
    this.trouble.hidden = error === null;
    setText(this.trouble, error ? say("player.trouble", {reason: error.message}) : "");
  }
}
