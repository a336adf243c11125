import { type Clock, systemClock } from './clock.ts';
import type { Milli } from './time.ts';

/** Measures how long something fails: from the first failure to the next success. */
export class Outage {
  readonly #clock: Pick<Clock, 'now'>;
  #since: Milli | undefined;
  #lastMs = 0;

  constructor(clock: Pick<Clock, 'now'> = systemClock) {
    this.#clock = clock;
  }

  /** Seconds that the present outage has lasted so far, or else that the last one took; 0 if there was none. */
  get seconds(): number {
    return (this.#since === undefined ? this.#lastMs : this.#clock.now() - this.#since) / 1000;
  }

  fail(): void {
    this.#since ??= this.#clock.now();
  }

  succeed(): void {
    if (this.#since === undefined) return;
    this.#lastMs = this.#clock.now() - this.#since;
    this.#since = undefined;
  }
}
