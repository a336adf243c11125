import { CircuitState, type IBreaker } from 'cockatiel';
import type { Clock } from '../../base/clock.ts';

/** The window moves on in steps of this part of its length. */
const SLICES = 10;

export interface WindowOptions {
  ms: number;
  /** Fewer calls than this are no proof. */
  leastCalls: number;
  clock: Pick<Clock, 'now'>;
}

/**
 * Counts good and bad calls of the last seconds. It says when half of enough calls were bad. The breaker of the library would look
 * at the wall clock, which may be set back, and would open only above a half.
 */
export class Window implements IBreaker {
  /** The library stores a breaker's state here. Nothing restores it: a new process finds out for itself. */
  state: unknown;
  readonly #options: WindowOptions;
  readonly #slices: { index: number; good: number; bad: number }[] = [];

  constructor(options: WindowOptions) {
    this.#options = options;
  }

  /** Counts a good call. The one that closes a breaker makes everything before it irrelevant. */
  success(state: CircuitState): void {
    if (state === CircuitState.HalfOpen) this.clear();
    else this.#current.good++;
  }

  /** Counts a bad call. Returns whether a breaker has to open. */
  failure(state: CircuitState): boolean {
    this.#current.bad++;
    return state === CircuitState.HalfOpen || this.isBad;
  }

  /** Counts a call. Returns whether half of enough calls were bad. */
  add(isBad: boolean): boolean {
    if (isBad) return this.failure(CircuitState.Closed);
    this.success(CircuitState.Closed);
    return false;
  }

  get isBad(): boolean {
    const { all, bad } = this.counts;
    return all >= this.#options.leastCalls && bad * 2 >= all;
  }

  /** Number of calls in the window, and of the bad ones among them. */
  get counts(): { all: number; bad: number } {
    this.#forget();
    const sum = { all: 0, bad: 0 };
    for (const { good, bad } of this.#slices) {
      sum.all += good + bad;
      sum.bad += bad;
    }
    return sum;
  }

  clear(): void {
    this.#slices.length = 0;
  }

  get #index(): number {
    const { clock, ms } = this.#options;
    return Math.floor((clock.now() * SLICES) / ms);
  }

  get #current(): { good: number; bad: number } {
    const index = this.#index;
    const last = this.#slices.at(-1);
    if (last?.index === index) return last;
    const slice = { index, good: 0, bad: 0 };
    this.#slices.push(slice);
    this.#forget();
    return slice;
  }

  /** Drops the slices that have left the window. */
  #forget(): void {
    const oldest = this.#index - SLICES + 1;
    while (this.#slices[0] && this.#slices[0].index < oldest) this.#slices.shift();
  }
}
