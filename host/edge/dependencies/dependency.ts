import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  CircuitState,
  ConstantBackoff,
  circuitBreaker,
  handleAll,
  handleWhen,
  type IBackoff,
  retry,
} from 'cockatiel';
import type { Clock } from '../../base/clock.ts';
import type { BreakerState, CallOutcome } from '../../base/dependencies.ts';
import type { Log } from '../../base/log.ts';
import { milli } from '../../base/time.ts';
import type { DependencyMeter } from '../../observe/dependency-meter.ts';
import { type Endpoint, EndpointFull } from './endpoint.ts';
import { Window } from './window.ts';

/** A breaker opens if half of at least LEAST_CALLS calls within WINDOW_MS fail. */
export const LEAST_CALLS = 20;
export const WINDOW_MS = 10_000;
/** An open breaker lets a call try the service after half of this time to all of it, so that hosts do not try together. */
export const PAUSE_MS = 2000;
/** A call is repeated after half of this time to all of it. */
const REPEAT_MS = 100;

const STATES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Open]: 'open',
  [CircuitState.Isolated]: 'open',
};

/** Limits on the calls of one service. */
export interface Budget {
  /** Time limit for a call, with its waiting and its repetitions. */
  readonly msMax: number;
  /** Calls that are on their way at once. */
  readonly concurrent: number;
  /** Calls that wait for one of these places. */
  readonly queueMax: number;
  /** Repetitions of a call that failed, if it may be made twice. */
  readonly retries: number;
}

export interface DependencyOptions {
  /** For the log, such as "the issuer of tokens (OIDC_ISSUER)". */
  title: string;
  budget: Budget;
  clock: Clock;
  log: Log;
  meter: DependencyMeter;
  /** Limits from ENDPOINT_RULES in addition to the budget. */
  endpoint?: Endpoint;
  /** Returns numbers from 0 to 1, by which hosts do not all ask at once. */
  random?(): number;
}

/** A call that the host gave up, or did not make. */
export class DependencyError extends Error {
  readonly outcome: Exclude<CallOutcome, 'ok' | 'failed'>;

  constructor(outcome: DependencyError['outcome'], message: string) {
    super(message);
    this.outcome = outcome;
  }
}

/** Work that asks a service. It should end when the signal says so; no one waits for it any longer then. */
type Work<T> = (signal: AbortSignal) => Promise<T>;

/**
 * A service outside the host. Its calls have a time limit, a bounded number of places, and a breaker, so that a service that is dead
 * or slow costs little.
 *
 * The library's time limits and pauses use timers of their own, so the clock of this host takes their place.
 */
export class Dependency {
  readonly #options: DependencyOptions;
  readonly #window: Window;
  readonly #places;
  readonly #again;
  readonly #breaker;
  /** Whether a caller knows that there is no connection. */
  #isCut = false;
  #isNoted = false;

  constructor(options: DependencyOptions) {
    const { budget, clock } = options;
    this.#options = options;
    this.#window = new Window({ ms: WINDOW_MS, leastCalls: LEAST_CALLS, clock });
    this.#breaker = circuitBreaker(handleAll, {
      breaker: this.#window,
      halfOpenAfter: { next: () => this.#pause() },
    });
    this.#places = bulkhead(budget.concurrent, budget.queueMax);
    this.#again = retry(handleWhen(isWorthRepeating), {
      maxAttempts: budget.retries,
      backoff: new ConstantBackoff(0),
    });
    this.#breaker.onStateChange((state) => this.#note(STATES[state]));
  }

  get state(): BreakerState {
    return this.#isCut ? 'open' : STATES[this.#breaker.state];
  }

  /**
   * Asks the service.
   * @param options.isIdempotent whether the call may be made twice, so that a failure may be repeated
   * @param options.msMax time limit in place of the one in the budget
   * @throws DependencyError if there is no answer in time, the breaker is open, or too many calls are on their way
   * @throws what `work` throws, which counts as a failure of the service
   */
  async run<T>(work: Work<T>, options: { isIdempotent?: boolean; msMax?: number } = {}): Promise<T> {
    const { clock, meter, budget } = this.#options;
    const { isIdempotent = false, msMax = budget.msMax } = options;
    const begun = clock.now();
    try {
      const value = await this.#limited(work, { isIdempotent, msMax });
      meter.count('ok');
      return value;
    } catch (thrown) {
      const error = this.#explain(thrown);
      meter.count(error instanceof DependencyError ? error.outcome : 'failed');
      throw error;
    } finally {
      meter.time.add(clock.now() - begun);
    }
  }

  /** Shows that a lasting connection to the service is cut, or is back. The breaker does not know of it. */
  setCut(isCut: boolean): void {
    this.#isCut = isCut;
    this.#options.meter.change(this.state);
  }

  /** Makes a call within its time limit. */
  async #limited<T>(work: Work<T>, { isIdempotent, msMax }: { isIdempotent: boolean; msMax: number }): Promise<T> {
    const { clock, endpoint } = this.#options;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const over = new AbortController();
    let isDone = false;
    void clock.until(milli(clock.now() + msMax)).then(() => {
      if (isDone) return;
      const error = new DependencyError('timeout', `timeout: no answer within ${msMax} ms`);
      over.abort(error);
      reject(error);
    });
    const ask = () =>
      this.#breaker.execute(() => {
        // A call whose place comes after its time is not made.
        over.signal.throwIfAborted();
        return Promise.race([work(over.signal), late]);
      }, over.signal);
    const call = () =>
      this.#places.execute(() => (isIdempotent ? this.#repeat(ask, late, over.signal) : ask()), over.signal);
    try {
      return await Promise.race([endpoint ? endpoint.run(call) : call(), late]);
    } finally {
      isDone = true;
    }
  }

  /** Asks again after a failure, as often as the budget says. @param late rejects when the time of the call is over */
  #repeat<T>(ask: () => Promise<T>, late: Promise<never>, signal: AbortSignal): Promise<T> {
    const { budget, meter } = this.#options;
    return this.#again.execute(async ({ attempt }) => {
      if (attempt > 0) meter.repeats++;
      try {
        return await ask();
      } catch (error) {
        if (attempt < budget.retries && isWorthRepeating(error)) await Promise.race([this.#wait(REPEAT_MS), late]);
        throw error;
      }
    }, signal);
  }

  #explain(error: unknown): unknown {
    const { title, budget } = this.#options;
    if (error instanceof BrokenCircuitError)
      return new DependencyError('open', `${title} is not asked for a moment, because it has failed too often`);
    if (error instanceof BulkheadRejectedError || error instanceof EndpointFull)
      return new DependencyError('full', `too many calls of ${title} wait; at most ${budget.concurrent} run at once`);
    return error;
  }

  /** The pause of a breaker that opens now, as the library asks for it. */
  #pause(): IBackoff<unknown> {
    const { clock } = this.#options;
    const end = clock.now() + this.#spread(PAUSE_MS);
    return {
      // The library compares this with the time since the breaker opened by the wall clock, which may be set back.
      get duration() {
        return clock.now() >= end ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
      },
      next: () => this.#pause(),
    };
  }

  #wait(ms: number): Promise<void> {
    const { clock } = this.#options;
    return clock.until(milli(clock.now() + this.#spread(ms)));
  }

  #spread(ms: number): number {
    const { random = Math.random } = this.#options;
    return (ms / 2) * (1 + random());
  }

  /** Counts and logs a change of the breaker. While the service stays away, each further attempt is worth a line for debugging only. */
  #note(state: BreakerState): void {
    const { title, log, meter } = this.#options;
    meter.change(this.state);
    if (state === 'half-open') log('debug', `${title}: a call tries whether it answers again`);
    else if (state === 'closed') {
      log('info', `${title} answers again`);
      this.#isNoted = false;
    } else {
      const { all, bad } = this.#window.counts;
      const level = this.#isNoted ? 'debug' : 'warn';
      const count = this.#isNoted ? 'it still fails' : `${bad} of ${all} calls in ${WINDOW_MS / 1000} s have failed`;
      log(level, `${title} is not asked for a moment: ${count}, the last one with: ${this.#lastFailure}`);
      this.#isNoted = true;
    }
  }

  get #lastFailure(): string {
    const failure = this.#breaker.lastFailure;
    return failure && 'error' in failure ? reasonOf(failure.error) : 'no reason';
  }
}

/** A breaker that has opened stays open for the rest of a call. */
function isWorthRepeating(error: unknown): boolean {
  return !(error instanceof BrokenCircuitError);
}

/** Returns the reason of a failure. fetch() says only "fetch failed", and the reason in the cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}
