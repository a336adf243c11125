import type { Config } from '../../base/config.ts';
import type { Account } from '../../base/pass.ts';
import type { IssuerKeys, KeySet } from './keys.ts';
import { type Reason, Refusal } from './reasons.ts';

export type TokenSettings = Pick<
  Config,
  'oidcIssuer' | 'oidcAudience' | 'oidcRoleClaim' | 'tokenBytesMax' | 'clockToleranceSeconds'
>;

/** Signatures with public keys alone. A token must not choose to be signed with a public key as a secret (RFC 8725, 3.1). */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
export const ID_LENGTH_MAX = 255;
export const ROLE_LENGTH_MAX = 64;
/** A token may list several roles, of which the first ones count. */
const ROLES_MAX = 16;
/** The role that the policies let play. If a token lists several, this one is the player's. */
const PREFERRED = ['player'];

/** Reasons by the codes of the library's errors. */
const REASON_OF: Readonly<Record<string, Reason>> = {
  ERR_JWT_EXPIRED: 'token-expired',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'token-signature',
  ERR_JOSE_ALG_NOT_ALLOWED: 'token-algorithm',
  ERR_JOSE_NOT_SUPPORTED: 'token-algorithm',
  ERR_JWKS_NO_MATCHING_KEY: 'token-key-unknown',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'token-key-unknown',
};
/** Refusals that other keys of the issuer could turn into an admission. */
const MENDABLE: ReadonlySet<Reason> = new Set(['token-key-unknown', 'token-signature']);
const CLAIM_REASONS: Readonly<Record<string, Reason>> = {
  iss: 'token-issuer',
  aud: 'token-audience',
  nbf: 'token-early',
  iat: 'token-early',
};

/** Checks players' tokens (RFC 7519) by the rules of RFC 8725. */
export class TokenVerifier {
  readonly #settings: TokenSettings;
  readonly #keys: Pick<IssuerKeys, 'current' | 'renewed'>;
  readonly #now: () => number;
  readonly #jose: typeof import('jose');
  readonly #preferred: readonly string[];
  readonly #resolvers = new WeakMap<KeySet, ReturnType<typeof import('jose').createLocalJWKSet>>();

  /**
   * @param options.now milliseconds since 1970
   * @param options.preferred roles in the order in which they count if a token lists several
   */
  constructor(
    settings: TokenSettings,
    options: {
      jose: typeof import('jose');
      keys: Pick<IssuerKeys, 'current' | 'renewed'>;
      now: () => number;
      preferred?: readonly string[];
    },
  ) {
    this.#settings = settings;
    this.#keys = options.keys;
    this.#now = options.now;
    this.#jose = options.jose;
    this.#preferred = options.preferred ?? PREFERRED;
  }

  /** Returns the player whom a token describes. @throws Refusal */
  async verify(token: string): Promise<Account> {
    if (token.length > this.#settings.tokenBytesMax) throw new Refusal('token-too-long');
    try {
      return await this.#verifyWith(token, await this.#keys.current());
    } catch (error) {
      const refusal = refusalOf(error);
      // The issuer may have new keys, or it had wrong ones when it was asked.
      const renewed = MENDABLE.has(refusal.reason) ? await this.#keys.renewed() : undefined;
      if (!renewed) throw refusal;
      return this.#verifyWith(token, renewed).catch((second) => Promise.reject(refusalOf(second)));
    }
  }

  async #verifyWith(token: string, set: KeySet): Promise<Account> {
    const { oidcIssuer, oidcAudience, oidcRoleClaim, clockToleranceSeconds } = this.#settings;
    let resolver = this.#resolvers.get(set);
    if (!resolver) {
      resolver = this.#jose.createLocalJWKSet(set as Parameters<typeof import('jose').createLocalJWKSet>[0]);
      this.#resolvers.set(set, resolver);
    }
    const { payload } = await this.#jose.jwtVerify(token, resolver, {
      issuer: oidcIssuer,
      audience: oidcAudience,
      algorithms: ALGORITHMS,
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(this.#now()),
      requiredClaims: ['sub', 'exp'],
    });
    const { sub } = payload;
    if (typeof sub !== 'string' || sub === '' || sub.length > ID_LENGTH_MAX) throw new Refusal('token-claim');
    return { id: sub, role: readRole(payload, oidcRoleClaim, this.#preferred) };
  }
}

/** Returns the role in a claim, which may be nested; '' if the token names none. @throws Refusal `token-claim` if it is too long */
function readRole(payload: object, claim: string, preferred: readonly string[]): string {
  // A claim whose own name has dots, as those named by URLs have, wins over a nested one.
  const value = Object.hasOwn(payload, claim)
    ? (payload as Record<string, unknown>)[claim]
    : nested(payload, claim.split('.'));
  const roles = (Array.isArray(value) ? value : [value]).slice(0, ROLES_MAX).filter((role) => typeof role === 'string');
  const role = preferred.find((each) => roles.includes(each)) ?? roles[0] ?? '';
  if (role.length > ROLE_LENGTH_MAX) throw new Refusal('token-claim');
  return role;
}

function nested(value: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return value;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return nested((value as Record<string, unknown>)[name], rest);
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const { code = '', claim = '' } = error as { code?: string; claim?: string };
  const reason =
    code === 'ERR_JWT_CLAIM_VALIDATION_FAILED'
      ? (CLAIM_REASONS[claim] ?? 'token-claim')
      : (REASON_OF[code] ?? 'token-malformed');
  return new Refusal(reason, { cause: error });
}
