import type { Tier } from '../base/tiers.ts';
import { type Milli, milli } from '../base/time.ts';
import type { PlayerState, TierStats } from './state.ts';

/** A page that has just been hidden says so for this many beats, because the network may lose the first message. */
const HIDING_BEATS = 5;
/** Later it says that it is there at this interval. Browsers let the timers of hidden pages run once a second. */
const HIDDEN_MS = 900;

/** Follows the tier of the page's connection: what the host does for it. */
export class TierClock {
  #tier: Tier | undefined;
  #since = milli(0);
  #beats = 0;
  #saidAt = milli(Number.NEGATIVE_INFINITY);
  /** Number of inputs that the host has dropped since the page connected for the first time. */
  inputsDropped = 0;

  /** Notes the state of the page. */
  update(state: PlayerState, isHidden: boolean, now: Milli): void {
    const tier = tierOf(state, isHidden);
    if (tier === this.#tier) return;
    this.#tier = tier;
    this.#since = now;
    this.#beats = 0;
  }

  /** Counts a beat of the page's timer. @returns whether the page should say what it holds: a hidden page does so rarely */
  beat(now: Milli): boolean {
    this.#beats++;
    if (this.#tier === 'warm' && this.#beats > HIDING_BEATS && now - this.#saidAt < HIDDEN_MS) return false;
    this.#saidAt = now;
    return true;
  }

  stats(now: Milli): TierStats {
    const tierMs = this.#tier === undefined ? Number.NaN : now - this.#since;
    return { tier: this.#tier, tierMs, inputsDropped: this.inputsDropped };
  }
}

function tierOf(state: PlayerState, isHidden: boolean): Tier | undefined {
  if (state.kind === 'playing') return isHidden ? 'warm' : 'hot';
  return state.kind === 'reconnecting' && state.heldUntil !== undefined ? 'cold' : undefined;
}
