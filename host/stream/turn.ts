import { createHmac } from 'node:crypto';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { readList } from '../base/setting.ts';
import type { Milli } from '../base/time.ts';

/** How long a page may use the TURN servers with the credentials that it gets, in seconds. */
const CREDENTIAL_SECONDS = 43_200;

type TurnSettings = Pick<Config, 'turnUrls' | 'turnSecret'>;

/** @throws NearlightError NL_SETTING if there is a TURN server but no secret, without which it would refuse every page */
export function checkTurn({ turnUrls, turnSecret }: TurnSettings): void {
  if (turnSecret === '' && readList(turnUrls).some(needsCredentials))
    throw new NearlightError('NL_SETTING', 'TURN_URLS has a TURN server, so TURN_SECRET must be set too');
}

/**
 * Returns the ICE servers of the settings as values of the header Link (draft-ietf-wish-whep, "STUN/TURN server configuration").
 * A TURN server gets credentials that expire, which it checks with the same secret (draft-uberti-behave-turn-rest, as coturn
 * has it under `use-auth-secret`).
 * @param now milliseconds since 1970
 */
export function iceServerLinks({ turnUrls, turnSecret }: TurnSettings, now: Milli): string[] {
  const username = String(Math.floor(now / 1000) + CREDENTIAL_SECONDS);
  const credential = createHmac('sha1', turnSecret).update(username).digest('base64');
  return readList(turnUrls).map((url) =>
    needsCredentials(url)
      ? `<${url}>; rel="ice-server"; username="${username}"; credential="${credential}"; credential-type="password"`
      : `<${url}>; rel="ice-server"`,
  );
}

function needsCredentials(url: string): boolean {
  return /^turn/i.test(url);
}
