import type { Milli } from '../../base/time.ts';
import { milli } from '../../base/time.ts';

/** The rate is that of the last second, judged ten times a second. */
const STEP_MS = 100;
const STEPS = 10;
/** Judgements in a row that begin and that end high pressure. It ends slowly, so that it does not come and go. */
export const BEGIN_STEPS = 3;
export const END_STEPS = 50;
/** Part of the bound below which high pressure ends. */
export const END_SHARE = 0.5;

/** Watches the rate of events: it is high from a bound on, for some steps in a row, until it is below half of that for longer. */
export class RateWatch {
  readonly #perSecond: number;
  /** Events in each of the last steps, the present one included. */
  readonly #steps = new Float64Array(STEPS);
  #step = 0;
  #endsAt: Milli;
  #isHigh = false;
  /** Judgements in a row that speak for a change. */
  #inRow = 0;
  #rate = 0;

  constructor(options: { perSecond: number; now: Milli }) {
    this.#perSecond = options.perSecond;
    this.#endsAt = milli(options.now + STEP_MS);
  }

  /** Events of the second before the last judgement. */
  get rate(): number {
    return this.#rate;
  }

  count(now: Milli): void {
    this.isHigh(now);
    this.#steps[this.#step] = (this.#steps[this.#step] ?? 0) + 1;
  }

  isHigh(now: Milli): boolean {
    let left = Math.floor((now - this.#endsAt) / STEP_MS) + 1;
    if (left > 0) this.#endsAt = milli(this.#endsAt + left * STEP_MS);
    // After this many steps without an event, further ones change nothing.
    for (left = Math.min(left, STEPS + END_STEPS); left > 0; left--) this.#judge();
    return this.#isHigh;
  }

  #judge(): void {
    this.#rate = this.#steps.reduce((sum, events) => sum + events, 0);
    const speaks = this.#isHigh ? this.#rate < this.#perSecond * END_SHARE : this.#rate >= this.#perSecond;
    this.#inRow = speaks ? this.#inRow + 1 : 0;
    if (this.#inRow >= (this.#isHigh ? END_STEPS : BEGIN_STEPS)) {
      this.#isHigh = !this.#isHigh;
      this.#inRow = 0;
    }
    this.#step = (this.#step + 1) % STEPS;
    this.#steps[this.#step] = 0;
  }
}
