import type { Clock } from '../base/clock.ts';
import { type Milli, milli } from '../base/time.ts';

/** When this many keys are known, those whose buckets are full again are forgotten. */
const KEYS_SWEEP = 1024;
const KEYS_MAX = 4 * KEYS_SWEEP;

/** A token bucket: `burst` events may come at once, and `perSecond` later. It is also a leaky bucket, seen from its free room. */
export class Bucket {
  #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: Milli;

  constructor({ perSecond, burst, now }: { perSecond: number; burst: number; now: Milli }) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Takes a token. @returns 0, or if there is none, the milliseconds until there is one */
  take(now: Milli): number {
    this.#refill(now);
    if (this.#tokens >= 1) {
      this.#tokens--;
      return 0;
    }
    return ((1 - this.#tokens) / this.#perSecond) * 1000;
  }

  /** Takes a token that may not be there yet. @returns the milliseconds until it is there, 0 if it is there now */
  reserve(now: Milli): number {
    this.#refill(now);
    this.#tokens--;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1000;
  }

  /** Refills at another rate from now on. */
  setRate(perSecond: number, now: Milli): void {
    if (perSecond === this.#perSecond) return;
    this.#refill(now);
    this.#perSecond = perSecond;
  }

  isFull(now: Milli): boolean {
    this.#refill(now);
    return this.#tokens >= this.#burst;
  }

  #refill(now: Milli): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
  }
}

export interface RateLimiterOptions {
  /** Events per second of one key. */
  perSecond: number;
  /** Events of one key that may come at once. */
  burst: number;
  clock: Pick<Clock, 'now'>;
}

/** Limits the rate of events by key, such as the address that they come from. Its memory is bounded. */
export class RateLimiter {
  readonly #options: RateLimiterOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: RateLimiterOptions) {
    this.#options = options;
  }

  /** Counts an event. @returns 0 if it is within the limit, else the milliseconds until the next event is */
  take(key: string): number {
    const { clock, ...limits } = this.#options;
    const now = clock.now();
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      if (this.#buckets.size >= KEYS_SWEEP) this.#sweep(now);
      bucket = new Bucket({ ...limits, now: milli(now) });
      this.#buckets.set(key, bucket);
    }
    return bucket.take(now);
  }

  #sweep(now: Milli): void {
    for (const [key, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(key);
    for (const key of this.#buckets.keys()) {
      if (this.#buckets.size < KEYS_MAX) break;
      this.#buckets.delete(key);
    }
  }
}
