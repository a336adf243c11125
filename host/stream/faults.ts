import { systemClock } from '../base/clock.ts';
import { NearlightError } from '../base/errors.ts';
import { type FaultPlace, type Faults, INJECTED } from '../base/faults.ts';
import { milli } from '../base/time.ts';
import type { Call } from './http.ts';

/**
 * Lets a request of a page suffer the faults that an operator has injected.
 * @returns false if its connection was cut, so that there is nothing to answer
 * @throws NearlightError NL_CONNECTION for an injected error
 */
export async function suffer(faults: Pick<Faults, 'strike'>, call: Call): Promise<boolean> {
  const places: FaultPlace[] = isOffer(call) ? ['requests', 'offers'] : ['requests'];
  for (const place of places) {
    const strike = faults.strike(place);
    if (strike?.kind === 'error') throw new NearlightError('NL_CONNECTION', INJECTED);
    if (strike?.kind === 'cut') {
      call.request.socket.destroy();
      return false;
    }
    if (strike) await systemClock.until(milli(systemClock.now() + strike.ms));
  }
  return true;
}

function isOffer({ request, url }: Call): boolean {
  return request.method === 'POST' && url.pathname.startsWith('/whep');
}
