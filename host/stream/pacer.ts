import { type Milli, milli } from '../base/time.ts';

/** Packets leave at this multiple of the rate that the path carries. */
const FACTOR = 2.5;
/** The most that may leave at once, in time at the pace, and at least so many bytes: a few packets. */
const BURST_MS = 5;
const BURST_BYTES_MIN = 6000;
/** A frame may be sent while what was sent before it takes the path at most this much longer. */
const BACKLOG_MS_MAX = 25;
/** A small frame is always sent. */
const BACKLOG_BYTES_MIN = 1500;

/**
 * Decides how much of a video stream may be sent at a time, so that a large frame does not fill the queues on the path, and whether
 * the path has room for another frame. It holds no timer and no packets; the caller passes the time in.
 */
export class Pacer {
  #bitsPerSecond: number;
  /** Rate of a probe that is being sent. */
  #probeBitsPerSecond: number | undefined;
  /** Bytes that were sent but would not have been if they had left evenly: at the pace, and at the path's rate. */
  #burstBytes = 0;
  #backlogBytes = 0;
  #at: Milli | undefined;

  constructor(bitsPerSecond: number) {
    this.#bitsPerSecond = bitsPerSecond;
  }

  /** Sets what the path carries. */
  setRate(bitsPerSecond: number, now: Milli): void {
    this.#advance(now);
    this.#bitsPerSecond = bitsPerSecond;
  }

  /** Sends at the rate of a probe from now on, or at the usual pace again if there is none. */
  setProbe(bitsPerSecond: number | undefined, now: Milli): void {
    this.#advance(now);
    this.#probeBitsPerSecond = bitsPerSecond;
  }

  /** Whether the path has room for another frame. */
  hasRoom(now: Milli): boolean {
    this.#advance(now);
    return this.#backlogBytes <= Math.max(BACKLOG_BYTES_MIN, (BACKLOG_MS_MAX * this.#bitsPerSecond) / 8000);
  }

  /** Whether a packet may be sent now. */
  maySend(now: Milli): boolean {
    this.#advance(now);
    return this.#burstBytes < this.#burstBytesMax;
  }

  /** Notes that a packet is sent. */
  spend(bytes: number): void {
    this.#burstBytes += bytes;
    this.#backlogBytes += bytes;
  }

  get #pace(): number {
    return this.#probeBitsPerSecond ?? FACTOR * this.#bitsPerSecond;
  }

  get #burstBytesMax(): number {
    if (this.#probeBitsPerSecond !== undefined) return Math.max(1, (this.#probeBitsPerSecond * 1) / 8000);
    return Math.max(BURST_BYTES_MIN, (this.#pace * BURST_MS) / 8000);
  }

  #advance(now: Milli): void {
    const elapsedMs = Math.max(0, now - (this.#at ?? now));
    this.#at = milli(now);
    this.#burstBytes = Math.max(0, this.#burstBytes - (this.#pace * elapsedMs) / 8000);
    this.#backlogBytes = Math.max(0, this.#backlogBytes - (this.#bitsPerSecond * elapsedMs) / 8000);
  }
}
