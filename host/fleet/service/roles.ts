import { createHash, timingSafeEqual } from 'node:crypto';
import type { Config } from '../../base/config.ts';
import { NearlightError } from '../../base/errors.ts';
import type { TokenVerifier } from '../../edge/admission/token.ts';

/** Who may do what. An operator may do all that the others may, except speak for a node. */
export const ROLES = ['operator', 'matchmaker', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

export interface CallersOptions {
  config: Pick<Config, 'fleetNodeToken'>;
  /** Checks tokens of OIDC_ISSUER; undefined without one, so that no one has a role. */
  verifier: Pick<TokenVerifier, 'verify'> | undefined;
}

/** Finds out who makes a request. */
export class Callers {
  readonly #options: CallersOptions;

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /** @throws NearlightError NL_TOKEN_MISSING, NL_TOKEN, NL_TOKEN_EXPIRED, NL_ISSUER, NL_FLEET_ROLE */
  async check(bearer: string | undefined, allowed: readonly Role[]): Promise<{ id: string; role: Role }> {
    const { verifier } = this.#options;
    if (bearer === undefined) throw new NearlightError('NL_TOKEN_MISSING', 'send a token as Authorization: Bearer');
    if (!verifier)
      throw new NearlightError('NL_TOKEN', 'this fleet knows no issuer; set OIDC_ISSUER and OIDC_AUDIENCE for it');
    const account = await verifier.verify(bearer);
    const role = ROLES.find((each) => each === account.role);
    if (role === undefined || !allowed.includes(role))
      throw new NearlightError(
        'NL_FLEET_ROLE',
        `it takes the role ${allowed.join(' or ')}, and the token has ${role ?? 'none that counts here'}`,
      );
    return { id: account.id, role };
  }

  /** @throws NearlightError NL_TOKEN_MISSING, NL_TOKEN */
  checkNode(bearer: string | undefined): void {
    const { fleetNodeToken } = this.#options.config;
    if (bearer === undefined) throw new NearlightError('NL_TOKEN_MISSING', 'send FLEET_NODE_TOKEN as a bearer token');
    if (fleetNodeToken === '' || !isSame(bearer, fleetNodeToken))
      throw new NearlightError('NL_TOKEN', 'it is not the FLEET_NODE_TOKEN of this fleet');
  }
}

/** Compares two secrets in a time that says nothing about them. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
