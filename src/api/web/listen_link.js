// Sound on its way to the server, over a connection that may break: for a minute the server keeps
// the stream for us, and we keep the sound, so that nothing of what was said meanwhile is missing.
import {send, webSocket} from "./api.js";

const RATE = 16000;
const KEPT = 60 * RATE; // samples
const AGAIN_FIRST = 500; // ms
const AGAIN_MAX = 3000;
const UNSENT_MAX = 3 * RATE * 2; // bytes: three seconds; with more the server is asked whether it is there
const PATIENCE = 2000; // ms
const LAST_WORDS = 60_000; // ms in which the rest is sent, and its text comes, or never
const REFUSED = 1008; // the server does not want us: asking again changes nothing

// The last sound, by its place from the first sample on.
export class SoundKeeper {
  #frames = []; // {start, samples}
  end = 0; // where the next sample will be

  add(samples) {
    this.#frames.push({start: this.end, samples});
    this.end += samples.length;
    while (this.#frames.length && this.end - this.#frames[0].start > KEPT) this.#frames.shift();
  }

  // Where the oldest sample is that is kept.
  get begin() {
    return this.#frames[0]?.start ?? this.end;
  }

  // Pieces of all that is kept from `place` on.
  *from(place) {
    for (const {start, samples} of this.#frames)
      if (start + samples.length > place) yield samples.subarray(Math.max(0, place - start));
  }
}

// onState("connecting" | "live" | "away" | "ended" | "refused", why, field) when that changes;
// onEvent(event) for what the server says.
export class ListenLink {
  #query;
  #heard;
  #keeper = new SoundKeeper();
  #socket = null;
  #isOpen = false; // the server said "begin"
  #wasOpen = false; // ... at least once
  #base = null; // place of our sound that is the stream's beginning; null: no stream yet
  #sent = 0; // place of the first sample that was not sent
  #again = AGAIN_FIRST;
  #timer = null;
  #lastWords = null; // timer
  #isChecking = false;
  #isEnding = false; // no more sound comes
  #isEndSent = false; // and the server knows
  #state = null;
  #reason = null; // the server's last words

  constructor({stream, keep}, heard) {
    this.#query = {stream, rate: RATE, format: "s16", keep: keep ? "1" : "0"};
    this.#heard = heard;
  }

  open() {
    this.#tell("connecting");
    this.#connect();
  }

  // Int16Array, which is taken.
  add(samples) {
    this.#keeper.add(samples);
    if (this.#isOpen && !this.#isEnding) this.#flush();
  }

  // No more sound comes; the rest of its text is told, and then "ended". What was said while the
  // server was away is sent as soon as it is back.
  end() {
    if (this.#isEnding) return;
    this.#isEnding = true;
    if (!this.#wasOpen) this.#finish("ended");
    else if (this.#isOpen) this.#sendEnd();
    else this.#lastWords = setTimeout(() => this.#finish("ended"), LAST_WORDS);
  }

  // "ended", whatever is still to be sent.
  drop() {
    this.#finish("ended");
  }

  #sendEnd() {
    this.#isEndSent = true;
    this.#socket.send(JSON.stringify({kind: "end"}));
    clearTimeout(this.#lastWords);
    this.#lastWords = setTimeout(() => this.#finish("ended"), LAST_WORDS);
  }

  #tell(state, why = null, field = null) {
    if (state === this.#state) return;
    this.#state = state;
    this.#heard.onState(state, why, field);
  }

  // A socket that is on its way may still open: it is one of nobody then.
  #finish(state, why, field) {
    const socket = this.#socket;
    this.#socket = null;
    this.#isEnding = true;
    this.#isOpen = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#lastWords);
    socket?.close();
    this.#tell(state, why, field);
  }

  #connect() {
    const socket = webSocket("/listen", this.#query);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({data}) => socket === this.#socket && this.#take(JSON.parse(data));
    socket.onclose = ({code}) => socket === this.#socket && this.#closed(code);
  }

  #take(event) {
    if (event.kind === "begin") this.#begin(event);
    else if (event.kind === "end" || event.kind === "warning") this.#reason = event.reason;
    this.#heard.onEvent(event);
  }

  // A stream that goes on tells how much of the sound it has had: the rest is sent again, whether
  // it was on its way or not. A new one gets all that nobody has had.
  #begin({is_continued: isContinued, position}) {
    const place = Math.round(position * RATE);
    if (!isContinued || this.#base === null) this.#base = this.#sent - place;
    this.#sent = Math.max(this.#keeper.begin, this.#base + place);
    this.#base = this.#sent - place; // sound that is no longer kept is missing in the stream
    this.#isOpen = this.#wasOpen = true;
    this.#again = AGAIN_FIRST;
    this.#reason = null;
    this.#tell("live");
    this.#flush();
    if (this.#isEnding) this.#sendEnd();
  }

  #flush() {
    if (this.#socket.bufferedAmount > UNSENT_MAX) this.#check();
    for (const samples of this.#keeper.from(this.#sent)) {
      this.#socket.send(samples);
      this.#sent += samples.length;
    }
  }

  // Sound that does not leave: a server that reads slowly answers, one that is gone does not.
  async #check() {
    if (this.#isChecking) return;
    this.#isChecking = true;
    const socket = this.#socket;
    try {
      await fetch("/healthz", {cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(PATIENCE)});
    } catch {
      if (socket === this.#socket && this.#isOpen) this.#lose();
    } finally {
      this.#isChecking = false;
    }
  }

  #closed(code) {
    if (this.#isEndSent) this.#finish("ended");
    else if (code === REFUSED) this.#finish("refused", this.#reason);
    else if (this.#isOpen) this.#lose();
    else this.#judge();
  }

  // It never began. A WebSocket does not tell why it was refused; the same question without one
  // is answered in words. A name that is in use is free again once the server has seen that our
  // last connection is gone.
  async #judge() {
    const socket = this.#socket;
    try {
      await send("GET", "/listen", {query: this.#query});
    } catch (error) {
      if (socket !== this.#socket) return;
      const isFinal = [400, 401, 403].includes(error.status) || (error.status === 409 && !this.#wasOpen);
      if (isFinal) {
        this.#finish("refused", error.message, error.field);
        return;
      }
    }
    if (socket === this.#socket) this.#lose();
  }

  #lose() {
    const socket = this.#socket;
    this.#socket = null;
    this.#isOpen = false;
    socket.close();
    if (this.#isEndSent) {
      this.#finish("ended");
      return;
    }
    this.#tell("away", this.#reason);
    this.#timer = setTimeout(() => this.#connect(), this.#again);
    this.#again = Math.min(2 * this.#again, AGAIN_MAX);
  }
}
