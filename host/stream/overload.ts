import type { Clock } from '../base/clock.ts';
import type { JointOutage } from '../base/outage.ts';
import type { Milli } from '../base/time.ts';

/** A page of which nothing was dropped for this time has recovered. */
export const CALM_MS = 1000;

/**
 * Notes how long the governor drops input of one page: from the first message of which something is dropped to the first one of which
 * nothing is, if the following second passes without a drop.
 */
export class Overload {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #outage: Pick<JointOutage, 'fail'>;
  /** Notes the end of the present overload; undefined while there is none. */
  #end: ((at: Milli) => void) | undefined;
  #droppedAt: Milli | undefined;
  /** Time of the first message since the last drop. */
  #passedAt: Milli | undefined;
  #isClosed = false;

  constructor(clock: Pick<Clock, 'now'>, outage: Pick<JointOutage, 'fail'>) {
    this.#clock = clock;
    this.#outage = outage;
  }

  /** Notes a message of which something was dropped. */
  drop(): void {
    if (this.#isClosed) return;
    this.#end ??= this.#outage.fail();
    this.#droppedAt = this.#clock.now();
    this.#passedAt = undefined;
  }

  /** Notes a message of which nothing was dropped. */
  pass(): void {
    if (this.#end === undefined || this.#droppedAt === undefined) return;
    const now = this.#clock.now();
    this.#passedAt ??= now;
    if (now - this.#droppedAt >= CALM_MS) this.#finish();
  }

  /** Ends the overload for good, because the page is gone. */
  close(): void {
    this.#isClosed = true;
    this.#finish();
  }

  #finish(): void {
    this.#end?.(this.#passedAt ?? this.#clock.now());
    this.#end = undefined;
  }
}
