import { type Milli, milli } from '../base/time.ts';

const COUNT_MAX = 3;
const WINDOW_MS = 60_000;

/**
 * Limits how often a room recovers from a lost GPU when the cause is unknown, because its own module may be the cause. It
 * allows COUNT_MAX recoveries in a row, each less than WINDOW_MS after the last.
 */
export class Recoveries {
  #count = 0;
  #lastAt: Milli = milli(Number.NEGATIVE_INFINITY);

  /** Counts one more loss. @returns whether the room may recover from it */
  allow(now: Milli): boolean {
    this.#count = now - this.#lastAt < WINDOW_MS ? this.#count + 1 : 1;
    this.#lastAt = now;
    return this.#count <= COUNT_MAX;
  }
}
