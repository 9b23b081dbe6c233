// Sound of any rate made sound of a lower one: what the lower rate cannot hold is filtered out
// first, since it would come back as a noise that was never there. Runs in the thread of sound.

const CROSSINGS = 16; // of the sinc function, on each side: the more, the steeper the filter
const CUT = 0.94; // of half the lower rate; the rest is the filter's slope
const PEAK = 32767;

function divisor(a, b) {
  return b === 0 ? a : divisor(b, a % b);
}

// A sinc that Blackman's window ends, at `x` zero crossings from its middle.
function lowPass(x) {
  if (Math.abs(x) >= CROSSINGS) return 0;
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  const turn = (Math.PI * x) / CROSSINGS;
  return sinc * (0.42 + 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn));
}

export class Resampler {
  #up; // for each #down samples that come, so many go
  #down;
  #width; // samples that each result is made of
  #filters = []; // by the place between two samples, in 1/#up of their distance
  #kept; // samples at the end of what came, for the next result
  #at = 0; // of the next result, in 1/#up samples from the beginning of #kept

  constructor(from, to) {
    const common = divisor(from, to);
    this.#up = to / common;
    this.#down = from / common;
    const stretch = Math.max(1, from / to) / CUT; // a zero crossing, in samples that come
    const half = Math.ceil(CROSSINGS * stretch);
    this.#width = 2 * half;
    for (let phase = 0; phase < this.#up; phase++) {
      const filter = new Float32Array(this.#width);
      let sum = 0;
      for (let i = 0; i < this.#width; i++)
        sum += filter[i] = lowPass((i - half + 1 - phase / this.#up) / stretch);
      for (let i = 0; i < this.#width; i++) filter[i] /= sum; // as loud as it was
      this.#filters.push(filter);
    }
    this.#kept = new Float32Array(half - 1); // silence before the first sample
  }

  // Samples between -1 and 1; the result's, as Float32Array.
  take(samples) {
    const all = new Float32Array(this.#kept.length + samples.length);
    all.set(this.#kept);
    all.set(samples, this.#kept.length);
    const results = [];
    let first = Math.floor(this.#at / this.#up);
    for (; first + this.#width <= all.length; first = Math.floor(this.#at / this.#up)) {
      const filter = this.#filters[this.#at % this.#up];
      let sum = 0;
      for (let i = 0; i < this.#width; i++) sum += filter[i] * all[first + i];
      results.push(sum);
      this.#at += this.#down;
    }
    const used = Math.min(first, all.length);
    this.#kept = all.slice(used);
    this.#at -= used * this.#up;
    return Float32Array.from(results);
  }
}

// 16-bit samples; what is too loud is cut off.
export function toIntegers(samples) {
  return Int16Array.from(samples, (sample) => Math.round(Math.max(-1, Math.min(1, sample)) * PEAK));
}
