const INPUTS = 1024; // powers of two, so that a sequence that wraps keeps its slot
const FRAMES = 64;
const KNOWN = 1;
const SHOWN = 2;

/**
 * Joins what the page sent, what the server says of each frame, and what the display showed, into the time from sending an input to
 * showing the first picture that contains it. A frame's information and its picture may come in either order, and either may be lost:
 * the input then counts with the next frame that has both. Times in milliseconds of one clock; sequences are u32 and may wrap.
 */
export class LatencyTracker {
  readonly #onSample: (latencyMs: number, sequence: number) => void;
  readonly #sentAt = new Float64Array(INPUTS);
  readonly #rtp = new Uint32Array(FRAMES);
  readonly #state = new Uint8Array(FRAMES);
  readonly #input = new Uint32Array(FRAMES);
  readonly #shownAt = new Float64Array(FRAMES);
  #nextFrame = 0;
  #newestSent = 0;
  #newestShown = 0;

  constructor(onSample: (latencyMs: number, sequence: number) => void) {
    this.#onSample = onSample;
  }

  /** Forgets everything; the next input that is sent has the sequence `first`. */
  reset(first = 1): void {
    this.#state.fill(0);
    this.#newestSent = this.#newestShown = (first - 1) >>> 0;
  }

  /** Inputs are sent in the order of their sequences, without gaps. */
  sent(sequence: number, now: number): void {
    this.#sentAt[sequence % INPUTS] = now;
    this.#newestSent = sequence;
  }

  /** The server says that the frame with this RTP timestamp contains the inputs up to `input`. */
  known(rtp: number, input: number): void {
    const slot = this.#slot(rtp);
    if (this.#state[slot] === SHOWN) this.#resolve(input, this.#shownAt[slot]!);
    this.#input[slot] = input;
    this.#state[slot]! |= KNOWN;
  }

  /** The display shows the frame with this RTP timestamp. */
  shown(rtp: number, now: number): void {
    const slot = this.#slot(rtp);
    if (this.#state[slot] === KNOWN) this.#resolve(this.#input[slot]!, now);
    this.#shownAt[slot] = now;
    this.#state[slot]! |= SHOWN;
  }

  #slot(rtp: number): number {
    for (let i = 0; i < FRAMES; i++) if (this.#rtp[i] === rtp && this.#state[i] !== 0) return i;
    const slot = this.#nextFrame;
    this.#nextFrame = (slot + 1) % FRAMES;
    this.#rtp[slot] = rtp;
    this.#state[slot] = 0;
    return slot;
  }

  #resolve(input: number, shownAt: number): void {
    const claimsUnsent = (this.#newestSent - input) | 0;
    if (claimsUnsent < 0) return;
    let fresh = (input - this.#newestShown) | 0;
    if (fresh <= 0) return;
    const kept = INPUTS - claimsUnsent;
    for (fresh = Math.min(fresh, kept); fresh > 0; fresh--) {
      const sequence = (input - fresh + 1) >>> 0;
      this.#onSample(shownAt - this.#sentAt[sequence % INPUTS]!, sequence);
    }
    this.#newestShown = input;
  }
}
