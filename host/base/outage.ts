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

  /** @param at when it succeeded; now by default */
  succeed(at: Milli = this.#clock.now()): void {
    if (this.#since === undefined) return;
    this.#lastMs = Math.max(0, at - this.#since);
    this.#since = undefined;
  }
}

/** Measures how long at least one of several parts fails: from the first failure until none fails any longer. */
export class JointOutage {
  readonly #outage: Outage;
  /** Number of parts that fail now. */
  #failing = 0;
  /** The latest end of a part's failure since the outage began. */
  #end: Milli | undefined;

  constructor(clock: Pick<Clock, 'now'> = systemClock) {
    this.#outage = new Outage(clock);
  }

  /** Seconds that the present outage has lasted so far, or else that the last one took; 0 if there was none. */
  get seconds(): number {
    return this.#outage.seconds;
  }

  /** Notes that a part begins to fail. @returns what notes that it works again, and since when */
  fail(): (at: Milli) => void {
    this.#outage.fail();
    this.#failing++;
    return (at) => {
      this.#failing--;
      if (this.#end === undefined || at > this.#end) this.#end = at;
      if (this.#failing > 0) return;
      this.#outage.succeed(this.#end);
      this.#end = undefined;
    };
  }
}
