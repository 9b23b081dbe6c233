// The thread of sound: takes the microphone's samples at whatever rate the device has, and hands
// them on as the server wants them, with how loud they were.
import {Resampler, toIntegers} from "./resampler.js";

const RATE = 16000;
const FRAME = RATE / 10; // samples that are sent at once

class MicrophoneProcessor extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, RATE);
  #frame = new Float32Array(FRAME);
  #filled = 0;

  #hand() {
    let power = 0;
    for (const sample of this.#frame) power += sample * sample;
    const samples = toIntegers(this.#frame);
    this.port.postMessage({samples, level: 10 * Math.log10(power / FRAME + 1e-10)}, [samples.buffer]);
    this.#filled = 0;
  }

  process([channels]) {
    if (!channels?.length) return true; // the microphone is being changed
    const mixed = Float32Array.from(channels[0]);
    for (const channel of channels.slice(1)) channel.forEach((sample, i) => (mixed[i] += sample));
    const made = this.#resampler.take(mixed.map((sample) => sample / channels.length));
    for (const sample of made) {
      this.#frame[this.#filled++] = sample;
      if (this.#filled === FRAME) this.#hand();
    }
    return true;
  }
}

registerProcessor("microphone", MicrophoneProcessor);
