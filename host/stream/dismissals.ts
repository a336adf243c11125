import type { Clock } from '../base/clock.ts';
import { type Milli, milli } from '../base/time.ts';

/**
 * Someone who was dismissed may join again after this time, and after twice as long each further time, up to the second one. It is short because
 * people who share an address share the wait, and long enough that joining costs the host little.
 */
export const WAIT_MS_MIN = 2000;
export const WAIT_MS_MAX = 10_000;
/** After this time without a dismissal, the next one counts as the first. */
export const FORGET_MS = 600_000;
/** When more are known, those who were dismissed first are forgotten. */
const KEYS_MAX = 4096;

interface Dismissed {
  at: Milli;
  waitMs: number;
}

/** Remembers who was dismissed for what a page had sent, so that a flood does not begin again at once. Its memory is bounded. */
export class Dismissals {
  readonly #clock: Pick<Clock, 'now'>;
  /** By account or address, those who were dismissed last at the end. */
  readonly #dismissed = new Map<string, Dismissed>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  note(key: string): void {
    const now = this.#clock.now();
    const known = this.#dismissed.get(key);
    const isAgain = known && now - known.at < FORGET_MS;
    // Pages of the same player that were dismissed together count once.
    if (isAgain && now - known.at < known.waitMs) return;
    this.#dismissed.delete(key);
    this.#dismissed.set(key, { at: now, waitMs: isAgain ? Math.min(2 * known.waitMs, WAIT_MS_MAX) : WAIT_MS_MIN });
    const [first] = this.#dismissed.keys();
    if (first !== undefined && this.#dismissed.size > KEYS_MAX) this.#dismissed.delete(first);
  }

  /** Returns the milliseconds after which someone may join again; 0 if at once. */
  waitMs(key: string): number {
    const known = this.#dismissed.get(key);
    return known ? Math.max(0, milli(known.at + known.waitMs) - this.#clock.now()) : 0;
  }
}
