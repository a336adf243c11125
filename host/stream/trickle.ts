import { NearlightError } from '../base/errors.ts';

/**
 * Checks the body of a PATCH request (RFC 8840, trickle-ice-sdpfrag). The host needs none of its candidates, because it learns
 * a page's addresses from the page's packets.
 * @param ufrag the ICE user fragment of the page's offer
 * @throws NearlightError NL_OFFER if it is not such a fragment, NL_ICE_RESTART if it belongs to another ICE session
 */
export function checkTrickle(body: string, ufrag: string): void {
  const found = /^a=ice-ufrag:(\S+)\r?$/m.exec(body)?.[1];
  if (found === undefined) throw new NearlightError('NL_OFFER', 'the fragment has no ICE user name (a=ice-ufrag)');
  if (found !== ufrag) throw new NearlightError('NL_ICE_RESTART', 'send a new offer instead');
}
