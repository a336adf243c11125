import type { Clock } from '../../base/clock.ts';
import type { Config } from '../../base/config.ts';
import type { Log } from '../../base/log.ts';
import { fetchJson } from '../fetch-json.ts';
import { Refusal } from './reasons.ts';

/** A set of keys in JSON (RFC 7517, 5). */
export interface KeySet {
  keys: object[];
}

export type KeySettings = Pick<Config, 'oidcIssuer' | 'issuerMsMax' | 'keysRefreshSeconds' | 'keysSecondsMax'>;

const DOCUMENT_BYTES_MAX = 262_144;
const KEYS_MAX = 64;
/** Shortest time between two requests to the issuer. Tokens with keys that do not exist cause no more. */
const FETCH_MS_MIN = 5000;

/**
 * The public keys of an OpenID Connect issuer, found by its discovery document. They are fetched again when they are older than
 * `keysRefreshSeconds`, and go on while the issuer does not answer until they are older than `keysSecondsMax`. All who wait for
 * the issuer share one request.
 */
export class IssuerKeys {
  readonly #settings: KeySettings;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #log: Log;
  readonly #get: typeof fetch | undefined;
  #set: KeySet | undefined;
  #fetchedAt = 0;
  /** When the issuer was asked last; undefined before the first time. */
  #askedAt: number | undefined;
  #asking: Promise<void> | undefined;
  #isDown = false;

  /** @param options.fetch takes the place of fetch() towards the issuer */
  constructor(
    settings: KeySettings,
    options: { clock: Pick<Clock, 'now'>; log: Log; fetch?: typeof fetch | undefined },
  ) {
    this.#settings = settings;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#get = options.fetch;
  }

  /** Age of the keys in seconds; undefined if there are none. */
  get ageSeconds(): number | undefined {
    return this.#set && (this.#clock.now() - this.#fetchedAt) / 1000;
  }

  /** Fetches the keys, so that the first player does not wait for them. A failure is logged. */
  async warm(): Promise<void> {
    await this.#refresh();
  }

  /**
   * Returns the issuer's keys. Keys that are due to be fetched again are returned as they are meanwhile.
   * @throws Refusal `issuer-down` if there are none that are young enough
   */
  async current(): Promise<KeySet> {
    const { keysRefreshSeconds, keysSecondsMax } = this.#settings;
    const age = this.ageSeconds;
    if (age === undefined || age > keysSecondsMax) await this.#refresh();
    else if (age > keysRefreshSeconds) void this.#refresh();
    if (!this.#set || (this.ageSeconds ?? Number.POSITIVE_INFINITY) > keysSecondsMax) throw new Refusal('issuer-down');
    return this.#set;
  }

  /** Asks the issuer for a key that the present ones lack, and returns the new keys; undefined if it answered a moment ago, or is down. */
  async renewed(): Promise<KeySet | undefined> {
    const before = this.#set;
    await this.#refresh();
    return this.#set === before ? undefined : this.#set;
  }

  /** Asks the issuer unless that was done a moment ago. Never throws. */
  #refresh(): Promise<void> {
    if (this.#asking) return this.#asking;
    if (this.#askedAt !== undefined && this.#clock.now() - this.#askedAt < FETCH_MS_MIN) return Promise.resolve();
    this.#askedAt = this.#clock.now();
    this.#asking = this.#fetch()
      .then(
        (set) => {
          this.#set = set;
          this.#fetchedAt = this.#clock.now();
          if (this.#isDown) this.#log('info', 'the issuer of tokens answers again');
          this.#isDown = false;
        },
        (error: Error) => this.#reportDown(error),
      )
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  async #fetch(): Promise<KeySet> {
    const { oidcIssuer, issuerMsMax } = this.#settings;
    const limits = { msMax: issuerMsMax, bytesMax: DOCUMENT_BYTES_MAX, fetch: this.#get };
    // OpenID Connect Discovery 1.0, section 4.1: a slash at the end of the issuer is left out.
    const discovery = `${oidcIssuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const { issuer, jwks_uri: url } = (await fetchJson(discovery, limits)) as { issuer?: unknown; jwks_uri?: unknown };
    if (issuer !== oidcIssuer)
      throw new Error(`${discovery} names the issuer ${JSON.stringify(issuer)}, not OIDC_ISSUER`);
    if (typeof url !== 'string' || !isAsSafe(url, oidcIssuer)) throw new Error(`${discovery} has no usable jwks_uri`);
    const { keys } = (await fetchJson(url, limits)) as { keys?: unknown };
    if (!Array.isArray(keys) || keys.length === 0 || keys.length > KEYS_MAX)
      throw new Error(`${url} does not have between 1 and ${KEYS_MAX} keys`);
    if (!keys.every((key) => typeof key === 'object' && key !== null)) throw new Error(`${url} has a key that is none`);
    return { keys };
  }

  #reportDown({ message, cause }: Error): void {
    if (this.#isDown) return;
    this.#isDown = true;
    const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
    const age = this.ageSeconds;
    const left = age === undefined ? 0 : Math.max(0, this.#settings.keysSecondsMax - age);
    const effect =
      left > 0
        ? `its keys of ${Math.round(age ?? 0)} s ago let players in for ${Math.round(left)} s more (KEYS_SECONDS_MAX)`
        : 'no new player can join until it does';
    this.#log('warn', `the issuer of tokens gives no keys; ${effect}: ${reason}`);
  }
}

/** Whether a URL is no less protected than the issuer's: keys of an issuer with https come over https. */
function isAsSafe(url: string, issuer: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'));
}
