import { type Milli, milli } from '../base/time.ts';

const COUNT_MAX = 3;
const WINDOW_MS = 60_000;

/**
 * Limits how often a game recovers from a lost GPU when the cause is unknown, because its own module may be the cause. At
 * most COUNT_MAX recoveries may follow each other at intervals of less than WINDOW_MS.
 */
export class Recoveries {
  #count = 0;
  #lastAt: Milli = milli(Number.NEGATIVE_INFINITY);

  /** Counts one more loss of the GPU. @returns whether the game may recover from it */
  allow(now: Milli): boolean {
    this.#count = now - this.#lastAt < WINDOW_MS ? this.#count + 1 : 1;
    this.#lastAt = now;
    return this.#count <= COUNT_MAX;
  }
}
