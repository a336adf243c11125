import { type Milli, milli } from '../base/time.ts';

/** The host is late if it misses more than this part of all frames in two windows in a row. One pause alone does not count. */
const WINDOW_MS = 1000;
const FRAMES_MIN = 10;
const MISSED_MAX = 0.05;
const LATE_WINDOWS = 2;
/** A late host lowers what all players use to this part. */
const YIELD = 0.8;
/**
 * The players keep this part of what they want, or of the limit. Fewer pixels would not help a host that is late because of other
 * programs.
 */
const KEPT = 0.25;
/**
 * After the capacity has changed, it stays for HOLD_MS_MIN at least before it is raised. The time doubles whenever the host is late
 * after a raise, so that a host at its limit tries rarely.
 */
const RAISE = 1.15;
const HOLD_MS_MIN = 5000;
const HOLD_MS_MAX = 60_000;

/** The pixels per second that the players of a host use and want now. */
export interface Load {
  used: number;
  wanted: number;
  /** The least that the players get in any case. */
  least: number;
}

/**
 * Estimates how many pixels per second a host can draw in time: as many as its limit allows, and fewer while it misses frames. It holds
 * no timer; the caller passes the time in.
 */
export class Capacity {
  readonly #limit: number;
  #now: number;
  #drawn = 0;
  #missed = 0;
  #lateWindows = 0;
  #windowStart = milli(0);
  #changedAt = milli(0);
  #holdMs = HOLD_MS_MIN;
  #wasRaised = false;

  /** @param limit pixels per second */
  constructor(limit: number) {
    this.#limit = limit;
    this.#now = limit;
  }

  get now(): number {
    return this.#now;
  }

  /** Counts frames that were drawn, and frames that were missed because the host was late. */
  count(drawn: number, missed: number): void {
    this.#drawn += drawn;
    this.#missed += missed;
  }

  /** Whether a window has ended, so that `update` is due. */
  isDue(now: Milli): boolean {
    return now - this.#windowStart >= WINDOW_MS;
  }

  /** Looks at the window that has ended. @returns whether the capacity has changed */
  update(now: Milli, load: Readonly<Load>): boolean {
    const before = this.#now;
    const isLate = this.#endWindow(now);
    this.#lateWindows = isLate ? this.#lateWindows + 1 : 0;
    if (this.#lateWindows >= LATE_WINDOWS) this.#lower(now, load);
    else if (!isLate && now - this.#changedAt >= this.#holdMs) this.#raise(now, load);
    return this.#now !== before;
  }

  /** Lets the capacity rise soon, because a player needs less than before. */
  hurry(): void {
    this.#holdMs = HOLD_MS_MIN;
  }

  /** Forgets that the host was late, because hardly anyone uses it. */
  reset(): void {
    this.#now = this.#limit;
    this.#holdMs = HOLD_MS_MIN;
    this.#lateWindows = 0;
    this.#wasRaised = false;
  }

  #endWindow(now: Milli): boolean {
    const all = this.#drawn + this.#missed;
    const isLate = all >= FRAMES_MIN && this.#missed > all * MISSED_MAX;
    this.#windowStart = now;
    this.#drawn = this.#missed = 0;
    return isLate;
  }

  #lower(now: Milli, { used, wanted, least }: Readonly<Load>): void {
    if (this.#wasRaised) this.#holdMs = Math.min(HOLD_MS_MAX, 2 * this.#holdMs);
    this.#wasRaised = false;
    this.#lateWindows = 0;
    this.#changedAt = now;
    const kept = Math.max(least, KEPT * Math.min(wanted, this.#limit));
    this.#now = Math.min(this.#now, Math.max(kept, Math.min(this.#now, used) * YIELD));
  }

  #raise(now: Milli, { wanted }: Readonly<Load>): void {
    if (this.#now >= this.#limit) return;
    this.#wasRaised = true;
    this.#changedAt = now;
    this.#now = Math.min(this.#limit, this.#now * RAISE);
    if (this.#now < wanted && this.#now < this.#limit) return;
    this.#now = this.#limit;
    this.#holdMs = HOLD_MS_MIN;
  }
}
