import { BREAKER_STATES, type BreakerState, CALL_OUTCOMES, type CallOutcome } from '../base/dependencies.ts';
import { Histogram } from './histogram.ts';

/** Counters of one service that the host asks. All of them begin at 0. */
export class DependencyMeter {
  state: BreakerState = 'closed';
  /** Number of changes to each state. */
  readonly changes = Object.fromEntries(BREAKER_STATES.map((state) => [state, 0])) as Record<BreakerState, number>;
  readonly outcomes = Object.fromEntries(CALL_OUTCOMES.map((outcome) => [outcome, 0])) as Record<CallOutcome, number>;
  /** Time of each call, with waiting and repetitions. Callers add milliseconds. */
  readonly time = new Histogram();

  change(state: BreakerState): void {
    if (state === this.state) return;
    this.state = state;
    this.changes[state]++;
  }
}

/** Counters of something that a rule of ENDPOINT_RULES can limit: calls that waited, and calls that were refused. */
export interface EndpointMeter {
  queued: number;
  rejected: number;
}
