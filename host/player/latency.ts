import { HOST_STAGES, STAGES } from '../base/stages.ts';
import { type Milli, milli } from '../base/time.ts';
import { divide, type PictureFacts, type PictureTimes } from './stages.ts';

// Numbers of inputs and frames that are remembered. Powers of two, so that a sequence number keeps its slot when it wraps.
const INPUTS = 1024;
const FRAMES = 64;

// Bits of a video frame's state.
const DESCRIBED = 1;
const SHOWN = 2;
const TIMED = 4;

/** Facts about a picture that the browser shows. NaN where the browser does not tell. */
export type ShownPicture = {
  /** When the picture's last packet arrived, and for how many milliseconds it was decoded. */
  receivedAt: Milli;
  decodeMs: number;
  /** When it will be on the screen. */
  displayAt: Milli;
};

export type LatencyTrackerOptions = {
  onSample(latencyMs: Milli, sequence: number): void;
  /** Called for each picture that is the first to show an input, if all of its times are known. `times` is reused. */
  onPicture?(times: Readonly<PictureTimes>): void;
  /** Milliseconds by which the host's clock is ahead of the page's; NaN if that is not known. */
  offsetMs?(): number;
};

/**
 * Measures the time from sending an input to showing the first picture that contains it. It joins three events: the page
 * sends an input, the host says which input a frame contains, and the display shows the frame. The last two may come in
 * either order, and either may be lost; the input then counts with the next frame that has both.
 */
export class LatencyTracker {
  readonly #options: LatencyTrackerOptions;
  readonly #sentAt = new Float64Array(INPUTS);
  // Data of video frames by slot. A new frame takes the slot of the oldest one.
  readonly #rtp = new Uint32Array(FRAMES);
  readonly #state = new Uint8Array(FRAMES);
  readonly #input = new Uint32Array(FRAMES);
  readonly #shownAt = new Float64Array(FRAMES);
  readonly #receivedAt = new Float64Array(FRAMES);
  readonly #decodeMs = new Float64Array(FRAMES);
  readonly #displayAt = new Float64Array(FRAMES);
  readonly #host: readonly Float64Array[];
  #nextSlot = 0;
  #newestSent = 0;
  #newestShown = 0;
  readonly #facts: PictureFacts;
  readonly #times: PictureTimes;

  constructor(options: LatencyTrackerOptions) {
    this.#options = options;
    this.#host = Array.from({ length: FRAMES }, () => new Float64Array(HOST_STAGES.length));
    const none = milli(0);
    const facts = { rtpTimestamp: 0, sentAt: 0, shownAt: 0, receivedAt: 0, decodeMs: 0, offsetMs: 0 };
    this.#facts = { ...facts, host: new Float64Array() };
    const stages = new Float64Array(STAGES.length);
    this.#times = { rtpTimestamp: 0, sentAt: none, shownAt: none, displayAt: none, stages };
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

  /**
   * Notes what the host says: the frame with the RTP timestamp `rtp` contains all inputs up to the sequence number `input`.
   * @param host milliseconds in each of HOST_STAGES, if the host says them
   */
  noteDescribed(rtp: number, input: number, host?: ArrayLike<number>): void {
    const slot = this.#slotOf(rtp);
    const state = this.#state[slot] ?? 0;
    this.#input[slot] = input;
    if (host) this.#host[slot]?.set(host);
    this.#state[slot] = state | DESCRIBED | (host ? TIMED : 0);
    if (state === SHOWN) this.#resolve(slot);
  }

  /** Notes that the display shows the frame with the RTP timestamp `rtp`. */
  noteShown(rtp: number, now: Milli, picture?: Readonly<ShownPicture>): void {
    const slot = this.#slotOf(rtp);
    const state = this.#state[slot] ?? 0;
    this.#shownAt[slot] = now;
    this.#receivedAt[slot] = picture?.receivedAt ?? Number.NaN;
    this.#decodeMs[slot] = picture?.decodeMs ?? Number.NaN;
    this.#displayAt[slot] = picture?.displayAt ?? Number.NaN;
    this.#state[slot] = state | SHOWN;
    if ((state & (DESCRIBED | SHOWN)) === DESCRIBED) this.#resolve(slot);
  }

  #slotOf(rtp: number): number {
    for (let slot = 0; slot < FRAMES; slot++) if (this.#rtp[slot] === rtp && this.#state[slot] !== 0) return slot;
    const slot = this.#nextSlot;
    this.#nextSlot = (slot + 1) % FRAMES;
    this.#rtp[slot] = rtp;
    this.#state[slot] = 0;
    return slot;
  }

  /** Reports the latency of every input of a frame that no earlier picture has shown. */
  #resolve(slot: number): void {
    const input = this.#input[slot] ?? 0;
    const shownAt = this.#shownAt[slot] ?? 0;
    const newer = (this.#newestSent - input) | 0;
    // Ignore a frame that claims to contain an input that was never sent.
    if (newer < 0) return;
    let fresh = (input - this.#newestShown) | 0;
    if (fresh <= 0) return;
    // The send times of older inputs have been overwritten.
    const remembered = INPUTS - newer;
    for (fresh = Math.min(fresh, remembered); fresh > 0; fresh--) {
      const sequence = (input - fresh + 1) >>> 0;
      this.#options.onSample(milli(shownAt - (this.#sentAt[sequence % INPUTS] ?? 0)), sequence);
    }
    this.#newestShown = input;
    if (remembered > 0 && ((this.#state[slot] ?? 0) & TIMED) !== 0) this.#reportPicture(slot);
  }

  #reportPicture(slot: number): void {
    const { onPicture, offsetMs } = this.#options;
    if (!onPicture) return;
    const [facts, times] = [this.#facts, this.#times];
    facts.rtpTimestamp = times.rtpTimestamp = this.#rtp[slot] ?? 0;
    facts.sentAt = times.sentAt = milli(this.#sentAt[(this.#input[slot] ?? 0) % INPUTS] ?? 0);
    facts.shownAt = times.shownAt = milli(this.#shownAt[slot] ?? 0);
    times.displayAt = milli(this.#displayAt[slot] ?? Number.NaN);
    facts.receivedAt = this.#receivedAt[slot] ?? Number.NaN;
    facts.decodeMs = this.#decodeMs[slot] ?? Number.NaN;
    facts.host = this.#host[slot] ?? facts.host;
    facts.offsetMs = offsetMs?.() ?? Number.NaN;
    if (divide(facts, times.stages)) onPicture(times);
  }
}
