import type { Clock } from '../../base/clock.ts';
import { type FaultPlace, type Faults, INJECTED } from '../../base/faults.ts';
import { milli } from '../../base/time.ts';

/**
 * Returns a fetch() that suffers the faults of a place: it waits, answers with status 503, or fails as if the server were gone. A caller
 * that gives up is rejected as it would be by fetch() itself.
 */
export function faultyFetch(
  faults: Pick<Faults, 'strike'>,
  { place, clock, fetch: next = fetch }: { place: FaultPlace; clock: Clock; fetch?: typeof fetch },
): typeof fetch {
  return async (input, init) => {
    const strike = faults.strike(place);
    if (!strike) return next(input, init);
    if (strike.kind === 'error') return new Response(INJECTED, { status: 503 });
    if (strike.kind === 'cut') throw new TypeError('fetch failed', { cause: new Error(INJECTED) });
    await untilAborted(clock.until(milli(clock.now() + strike.ms)), init?.signal);
    return next(input, init);
  };
}

/** Waits, but not longer than until a signal aborts. @throws the signal's reason */
async function untilAborted(waiting: Promise<void>, signal: AbortSignal | null | undefined): Promise<void> {
  if (!signal) return waiting;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([waiting, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
