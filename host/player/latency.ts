import { type Milli, milli } from '../base/time.ts';

// Numbers of inputs and frames that are remembered. Powers of two, so that a sequence number keeps its slot when it wraps.
const INPUTS = 1024;
const FRAMES = 64;

// Bits of a video frame's state.
const DESCRIBED = 1;
const SHOWN = 2;

/**
 * Measures the time from sending an input to showing the first picture that contains it. It joins three events: the page
 * sends an input, the host says which input a frame contains, and the display shows the frame. The last two may come in
 * either order, and either may be lost; the input then counts with the next frame that has both.
 */
export class LatencyTracker {
  readonly #onSample: (latencyMs: Milli, sequence: number) => void;
  readonly #sentAt = new Float64Array(INPUTS);
  // Data of video frames by slot. A new frame takes the slot of the oldest one.
  readonly #rtp = new Uint32Array(FRAMES);
  readonly #state = new Uint8Array(FRAMES);
  readonly #input = new Uint32Array(FRAMES);
  readonly #shownAt = new Float64Array(FRAMES);
  #nextSlot = 0;
  #newestSent = 0;
  #newestShown = 0;

  constructor(onSample: (latencyMs: Milli, sequence: number) => void) {
    this.#onSample = onSample;
  }

  /** Forgets all inputs and frames. The next input will have the sequence number `first`. */
  reset(first = 1): void {
    this.#state.fill(0);
    this.#newestSent = this.#newestShown = (first - 1) >>> 0;
  }

  /** Notes when an input was sent. Call it for every input: sequence numbers increase by one each time and wrap at 2^32. */
  noteSent(sequence: number, now: Milli): void {
    this.#sentAt[sequence % INPUTS] = now;
    this.#newestSent = sequence;
  }

  /** Notes what the host says: the frame with the RTP timestamp `rtp` contains all inputs up to the sequence number `input`. */
  noteDescribed(rtp: number, input: number): void {
    const slot = this.#slotOf(rtp);
    if (this.#state[slot] === SHOWN) this.#resolve(input, this.#shownAt[slot] ?? 0);
    this.#input[slot] = input;
    this.#state[slot] = (this.#state[slot] ?? 0) | DESCRIBED;
  }

  /** Notes that the display shows the frame with the RTP timestamp `rtp`. */
  noteShown(rtp: number, now: Milli): void {
    const slot = this.#slotOf(rtp);
    if (this.#state[slot] === DESCRIBED) this.#resolve(this.#input[slot] ?? 0, now);
    this.#shownAt[slot] = now;
    this.#state[slot] = (this.#state[slot] ?? 0) | SHOWN;
  }

  #slotOf(rtp: number): number {
    for (let slot = 0; slot < FRAMES; slot++) if (this.#rtp[slot] === rtp && this.#state[slot] !== 0) return slot;
    const slot = this.#nextSlot;
    this.#nextSlot = (slot + 1) % FRAMES;
    this.#rtp[slot] = rtp;
    this.#state[slot] = 0;
    return slot;
  }

  /** Reports the latency of every input up to `input` that no earlier picture has shown. */
  #resolve(input: number, shownAt: number): void {
    const newer = (this.#newestSent - input) | 0;
    // Ignore a frame that claims to contain an input that was never sent.
    if (newer < 0) return;
    let fresh = (input - this.#newestShown) | 0;
    if (fresh <= 0) return;
    // The send times of older inputs have been overwritten.
    const remembered = INPUTS - newer;
    for (fresh = Math.min(fresh, remembered); fresh > 0; fresh--) {
      const sequence = (input - fresh + 1) >>> 0;
      this.#onSample(milli(shownAt - (this.#sentAt[sequence % INPUTS] ?? 0)), sequence);
    }
    this.#newestShown = input;
  }
}
