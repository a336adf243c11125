import { BlockList, isIPv4 } from 'node:net';
import type { Config } from '../../base/config.ts';
import { NearlightError } from '../../base/errors.ts';

/** Who may join: anyone, players with a token of the issuer whom the policies let in, or those whom the edge service lets in. */
export type AdmissionMode = 'open' | 'token' | 'edge';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Returns who may join, as the settings say.
 * @throws NearlightError NL_SETTING if strangers could reach a host whose settings do not say so, or if a setting for tokens is missing
 */
export function admissionMode(
  config: Pick<Config, 'admission' | 'host' | 'oidcIssuer' | 'oidcAudience'> &
    Partial<Pick<Config, 'edgeSocket' | 'fleetKeys'>>,
): AdmissionMode {
  if (config.edgeSocket) return 'edge';
  const { admission, host, oidcIssuer, oidcAudience } = config;
  if (admission === 'token') {
    if (oidcIssuer === '' || oidcAudience === '')
      throw new NearlightError(
        'NL_SETTING',
        "ADMISSION=token needs OIDC_ISSUER, the URL of your players' OpenID Connect issuer, and OIDC_AUDIENCE, for which its tokens are made",
      );
    return 'token';
  }
  // Players with tickets of a fleet are no strangers.
  if (admission === 'open' || config.fleetKeys || isLoopback(host)) return 'open';
  const where = host === '' ? 'all addresses of this machine' : host;
  throw new NearlightError(
    'NL_SETTING',
    `listening at ${where} would let anyone who reaches it join; set ADMISSION=open if that is meant, ADMISSION=token with OIDC_ISSUER and OIDC_AUDIENCE to let in players who have signed in, or HOST=127.0.0.1 to play on this machine alone`,
  );
}

function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  return LOOPBACK.check(host, isIPv4(host) ? 'ipv4' : 'ipv6');
}
