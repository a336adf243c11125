import type { Clock } from '../../base/clock.ts';
import { type Milli, milli } from '../../base/time.ts';

/** Delays what passes it, and keeps its order, also when delays differ. */
export class Lane {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  /** When the last one that waits passes. */
  #passesAt: Milli = milli(0);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Calls `go` after `ms` milliseconds, or now if there is no delay and nothing waits before it. */
  pass(ms: number, go: () => void): void {
    if (ms === 0 && this.#waiting.length === 0) {
      go();
      return;
    }
    this.#waiting.push(go);
    this.#passesAt = milli(Math.max(this.#passesAt, this.#clock.now() + ms));
    // Two timers may fire in the wrong order, so each lets the first one pass.
    void this.#clock.until(this.#passesAt).then(() => this.#waiting.shift()?.());
  }
}
