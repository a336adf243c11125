import { type Clock, systemClock } from '../base/clock.ts';
import { BREAKER_STATES, type BreakerState, CALL_OUTCOMES, type CallOutcome } from '../base/dependencies.ts';
import { Outage } from '../base/outage.ts';
import { Histogram } from './histogram.ts';

/** Counters of one service that the host asks. All of them begin at 0. */
export class DependencyMeter {
  state: BreakerState = 'closed';
  /** Number of changes to each state. */
  readonly changes = Object.fromEntries(BREAKER_STATES.map((state) => [state, 0])) as Record<BreakerState, number>;
  readonly outcomes = Object.fromEntries(CALL_OUTCOMES.map((outcome) => [outcome, 0])) as Record<CallOutcome, number>;
  /** Number of times that a call was made again after a failure. */
  repeats = 0;
  /** Time of each call, with waiting and repetitions. Callers add milliseconds. */
  readonly time = new Histogram();
  /** From a call that fails, or a connection that is cut, to the next call that succeeds. */
  readonly outage: Outage;

  constructor(clock: Pick<Clock, 'now'> = systemClock) {
    this.outage = new Outage(clock);
  }

  /** Counts the outcome of a call. One that the host has not made says nothing about the service. */
  count(outcome: CallOutcome): void {
    this.outcomes[outcome]++;
    if (outcome === 'ok') this.outage.succeed();
    else if (outcome === 'failed' || outcome === 'timeout') this.outage.fail();
  }

  change(state: BreakerState): void {
    if (state === this.state) return;
    this.state = state;
    this.changes[state]++;
    if (state === 'open') this.outage.fail();
    else if (state === 'closed') this.outage.succeed();
  }
}

/** Counters of something that a rule of ENDPOINT_RULES can limit: calls that waited, and calls that were refused. */
export interface EndpointMeter {
  queued: number;
  rejected: number;
}
