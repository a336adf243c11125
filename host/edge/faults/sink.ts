import type { Clock } from '../../base/clock.ts';
import { type Faults, INJECTED } from '../../base/faults.ts';
import { milli } from '../../base/time.ts';
import type { Dependency } from '../dependencies/dependency.ts';
import { untilAborted } from './fetch.ts';

export interface FaultySinkOptions {
  faults: Pick<Faults, 'strike'>;
  clock: Clock;
}

/**
 * Makes the calls of an event sink suffer the faults of `sink`: they fail as if the centre could not be reached, or they are late. Its
 * breaker counts them as failures of the centre.
 */
export function faultySinkCalls(
  dependency: Pick<Dependency, 'run'>,
  { faults, clock }: FaultySinkOptions,
): Pick<Dependency, 'run'> {
  const suffer = async (signal: AbortSignal): Promise<void> => {
    const strike = faults.strike('sink');
    if (!strike) return;
    if (strike.kind !== 'latency') throw new Error(INJECTED);
    await untilAborted(clock.until(milli(clock.now() + strike.ms)), signal);
    // The latency and the time of the call may end at once.
    signal.throwIfAborted();
  };
  return {
    run: (work, options) =>
      dependency.run(async (signal) => {
        await suffer(signal);
        return work(signal);
      }, options),
  };
}
