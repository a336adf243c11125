import { NearlightError } from '../../base/errors.ts';
import type { Fingerprint, Pressure, ProtectionCounts } from '../../base/protection.ts';

export interface LimitOptions {
  fingerprint: Fingerprint;
  pressure: Pressure;
  counts: ProtectionCounts;
  /** How many may be on their way at a time while the pressure is high. */
  waitingMax: number;
}

/** Counts work of one pattern, and bounds how much of it is on its way at a time while its pressure is high. */
export class Limit {
  readonly #options: LimitOptions;
  #waiting = 0;

  constructor(options: LimitOptions) {
    this.#options = options;
  }

  /** Counts a piece of work that begins. @returns what ends it @throws NearlightError NL_OFFER_RATE if too much is on its way */
  enter(): () => void {
    const { fingerprint, pressure, counts, waitingMax } = this.#options;
    pressure.count(fingerprint);
    if (this.#waiting >= waitingMax && pressure.isHigh(fingerprint)) {
      counts.refused[fingerprint]++;
      throw new NearlightError('NL_OFFER_RATE', `${waitingMax} others come before you; try again in a moment`);
    }
    this.#waiting++;
    return () => this.#waiting--;
  }

  /** Does a piece of work. @throws as enter, and what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const leave = this.enter();
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
