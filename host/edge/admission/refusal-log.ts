import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';

/** Joins that are refused for one reason are logged at most once in this time, because strangers could fill the log with them. */
const LINE_MS_MIN = 10_000;

/** Logs why joins are refused, without the names of players. */
export class RefusalLog {
  readonly #log: Log;
  readonly #clock: Pick<Clock, 'now'>;
  /** By reason: when it was logged last, and how many refusals have followed. */
  readonly #reasons = new Map<string, { loggedAt: number; more: number }>();

  constructor(log: Log, clock: Pick<Clock, 'now'>) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @param code the code that the page gets @param cause what is known beyond the reason */
  note(reason: string, code: string, cause?: unknown): void {
    const now = this.#clock.now();
    const known = this.#reasons.get(reason);
    if (known && now - known.loggedAt < LINE_MS_MIN) {
      known.more++;
      return;
    }
    const more = known && known.more > 0 ? `, after ${known.more} more that were not logged` : '';
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    this.#reasons.set(reason, { loggedAt: now, more: 0 });
    this.#log('info', `a join was refused: ${reason} (${code})${more}${why}`);
  }
}
