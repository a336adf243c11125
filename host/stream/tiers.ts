import type { Tier } from '../base/tiers.ts';
import type { Milli } from '../base/time.ts';
import type { Meters } from '../observe/meters.ts';

export interface TierCounterOptions {
  meters: Pick<Meters, 'tiers' | 'tierChange' | 'countTierChange'>;
  /** Logs a change. */
  debug(message: string): void;
}

/** Counts the places of pages by their tier, and each change. */
export class TierCounter {
  readonly #options: TierCounterOptions;

  constructor(options: TierCounterOptions) {
    this.#options = options;
  }

  /** Counts a place from now on. */
  open(tier: Tier, seat: number): CountedTier {
    return new CountedTier(this.#options, tier, seat);
  }
}

/** The tier of one place. */
export class CountedTier {
  readonly #options: TierCounterOptions;
  readonly #seat: number;
  #tier: Tier | undefined;

  constructor(options: TierCounterOptions, tier: Tier, seat: number) {
    this.#options = options;
    this.#seat = seat;
    this.#tier = tier;
    options.meters.tiers[tier]++;
  }

  /** @param tookMs how long the change took, if it took any time */
  move(to: Tier, tookMs?: Milli): void {
    const { meters, debug } = this.#options;
    const from = this.#tier;
    if (from === undefined || from === to) return;
    this.#tier = to;
    meters.tiers[from]--;
    meters.tiers[to]++;
    meters.countTierChange(from, to);
    if (tookMs !== undefined) meters.tierChange[to].add(tookMs);
    const took = tookMs === undefined ? '' : ` after ${Math.round(tookMs)} ms`;
    debug(`seat ${this.#seat} changed from ${from} to ${to}${took}`);
  }

  /** Counts the place no longer. Idempotent. */
  close(): void {
    if (this.#tier !== undefined) this.#options.meters.tiers[this.#tier]--;
    this.#tier = undefined;
  }
}
