import type { Clock } from '../base/clock.ts';
import { type Milli, milli } from '../base/time.ts';
import { BandwidthEstimator } from './congestion/estimator.ts';
import type { Feedback } from './player.ts';

/** Number of frames whose arrival the page may still report, a power of two. */
const FRAMES = 256;
/** Frames that the page has not reported may be this much older than the time that a frame takes on an empty path. */
const LATE_MS_MAX = 60;
/** Share of what the path carries that is left for video, because the estimate counts no headers. */
const VIDEO_SHARE = 0.9;

/**
 * Finds out how much a TCP connection carries from the times at which frames arrive at the page, and when it has room for
 * another one. TCP loses nothing, but what is sent beyond that waits, and delays all that follows.
 */
export class SocketSender {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #onFeedback: (feedback: Readonly<Feedback>) => void;
  readonly #estimator = new BandwidthEstimator();
  readonly #feedback: Feedback = { lossFraction: 0, videoBitsPerSecond: 0, queueMs: 0 };
  // Frames by slot, in the order of sending: RTP timestamp, time of sending and size.
  readonly #rtp = new Uint32Array(FRAMES);
  readonly #sentAt = new Float64Array(FRAMES);
  readonly #bytes = new Float64Array(FRAMES);
  /** Counts of the frames that were sent, and of those that the page has reported or passed over. */
  #sent = 0;
  #reported = 0;
  /** The shortest time from sending a frame to its report, and the newest. */
  #shortestMs = Number.POSITIVE_INFINITY;
  #responseMs = 150;

  constructor(clock: Pick<Clock, 'now'>, onFeedback: (feedback: Readonly<Feedback>) => void) {
    this.#clock = clock;
    this.#onFeedback = onFeedback;
  }

  /** Whether the path has room for another frame. */
  get ready(): boolean {
    if (this.#sent === this.#reported) return true;
    const ageMs = this.#clock.now() - (this.#sentAt[this.#reported % FRAMES] ?? 0);
    return ageMs < Math.min(this.#shortestMs, this.#responseMs) + LATE_MS_MAX;
  }

  limit(bitsPerSecondMax: number): void {
    this.#estimator.limit(bitsPerSecondMax);
  }

  /** Notes that a frame is sent now. */
  add(rtpTimestamp: number, bytes: number): void {
    const slot = this.#sent++ % FRAMES;
    if (this.#sent - this.#reported > FRAMES) this.#reported = this.#sent - FRAMES;
    this.#rtp[slot] = rtpTimestamp >>> 0;
    this.#sentAt[slot] = this.#clock.now();
    this.#bytes[slot] = bytes;
  }

  /**
   * Takes the page's report that a frame has arrived. Reports of frames that were not sent are ignored.
   * @param arrivedAt when it arrived, on the page's clock
   */
  report(rtpTimestamp: number, arrivedAt: Milli): void {
    for (let frame = this.#reported; frame < this.#sent; frame++)
      if (this.#rtp[frame % FRAMES] === rtpTimestamp) {
        this.#take(frame, arrivedAt);
        return;
      }
  }

  #take(frame: number, arrivedAt: Milli): void {
    const now = this.#clock.now();
    const slot = frame % FRAMES;
    const sentAt = milli(this.#sentAt[slot] ?? 0);
    this.#reported = frame + 1;
    this.#shortestMs = Math.min(this.#shortestMs, now - sentAt);
    this.#responseMs += (now - sentAt - this.#responseMs) / 4;
    this.#estimator.packet(sentAt, arrivedAt, this.#bytes[slot] ?? 0, 0, frame);
    this.#estimator.update(now, this.#responseMs);
    this.#feedback.videoBitsPerSecond = this.#estimator.bitsPerSecond * VIDEO_SHARE;
    this.#feedback.queueMs = this.#estimator.queueMs;
    this.#onFeedback(this.#feedback);
  }
}
