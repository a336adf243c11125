import type { Milli } from '../base/time.ts';

/** Allows so many actions in a second on average, and as many at once (a token bucket). */
export class Allowance {
  readonly #perSecond: number;
  readonly #atOnce: number;
  #left: number;
  #at: Milli;

  constructor({ perSecond, atOnce, now }: { perSecond: number; atOnce: number; now: Milli }) {
    this.#perSecond = perSecond;
    this.#atOnce = atOnce;
    this.#left = atOnce;
    this.#at = now;
  }

  /** Takes note of an action. Returns false if it is one too many. */
  take(now: Milli): boolean {
    this.#left = Math.min(this.#atOnce, this.#left + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
