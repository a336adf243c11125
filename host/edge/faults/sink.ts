import type { Clock } from '../../base/clock.ts';
import { type Faults, INJECTED } from '../../base/faults.ts';
import { milli } from '../../base/time.ts';
import type { Sink } from '../outbox/sink.ts';

export interface FaultySinkOptions {
  faults: Pick<Faults, 'strike'>;
  clock: Clock;
  /** Time limit for a request, which also ends an injected latency. */
  timeoutMs: number;
}

/** Returns a sink that suffers the faults of `sink`: it fails as if the centre could not be reached, or it is late. */
export function faultySink(sink: Sink, { faults, clock, timeoutMs }: FaultySinkOptions): Sink {
  return {
    async send(events) {
      const strike = faults.strike('sink');
      if (!strike) return sink.send(events);
      if (strike.kind !== 'latency') return { kind: 'failed', reason: INJECTED };
      await clock.until(milli(clock.now() + Math.min(strike.ms, timeoutMs)));
      return strike.ms < timeoutMs ? sink.send(events) : { kind: 'failed', reason: INJECTED };
    },
    close: () => sink.close(),
  };
}
