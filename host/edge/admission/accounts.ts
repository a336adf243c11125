import type { Clock } from '../../base/clock.ts';
import type { Config } from '../../base/config.ts';
import { RateLimiter } from '../../base/limiter.ts';
import { Refusal } from './reasons.ts';

/** As many joins as in this many seconds may come at once: a page tries several ways to the host one after the other. */
const BURST_SECONDS = 4;

/** Bounds what one account takes: joins per second, and places in all games. */
export class AccountLimits {
  readonly #seatsMax: number;
  readonly #joins: RateLimiter;
  readonly #seats = new Map<string, number>();

  constructor(limits: Pick<Config, 'accountSeatsMax' | 'accountJoinsPerSecondMax'>, clock: Pick<Clock, 'now'>) {
    const perSecond = limits.accountJoinsPerSecondMax;
    this.#seatsMax = limits.accountSeatsMax;
    this.#joins = new RateLimiter({ perSecond, burst: perSecond * BURST_SECONDS, clock });
  }

  /** Counts a join of an account. @throws Refusal */
  countJoin(id: string): void {
    this.check(id);
    if (this.#joins.take(id) > 0) throw new Refusal('account-rate');
  }

  /** Checks that an account may take another place. @throws Refusal */
  check(id: string): void {
    if ((this.#seats.get(id) ?? 0) >= this.#seatsMax) throw new Refusal('account-seats');
  }

  /** Counts a place that an account has taken. */
  take(id: string): void {
    this.#seats.set(id, (this.#seats.get(id) ?? 0) + 1);
  }

  /** Counts a place of an account no longer. */
  free(id: string): void {
    const seats = (this.#seats.get(id) ?? 0) - 1;
    if (seats > 0) this.#seats.set(id, seats);
    else this.#seats.delete(id);
  }
}
