import type { Clock } from '../../base/clock.ts';
import type { Config } from '../../base/config.ts';
import type { Log } from '../../base/log.ts';
import { type Dependency, reasonOf } from '../dependencies/dependency.ts';
import { fetchJson } from '../fetch-json.ts';
import { Refusal } from './reasons.ts';

/** A set of keys in JSON (RFC 7517, 5). */
export interface KeySet {
  keys: object[];
}

export type KeySettings = Pick<Config, 'oidcIssuer' | 'keysRefreshSeconds' | 'keysSecondsMax'>;

/** Keys as a store has them. */
export interface KeptKeys {
  readonly set: unknown;
  /** When they came from the issuer, in milliseconds since 1970. */
  readonly fetchedAt: number;
}

/** Keeps an issuer's keys beyond the end of this process. */
export interface KeyStore {
  /** Returns the keys that were kept last, if their life has not ended. */
  load(issuer: string): Promise<KeptKeys | undefined>;
  save(issuer: string, keys: KeptKeys, lifeMs: number): Promise<void>;
}

export interface IssuerKeysOptions {
  clock: Pick<Clock, 'now'>;
  log: Log;
  /** The issuer. */
  dependency: Pick<Dependency, 'run'>;
  /** Without it, the keys end with the process. */
  store?: KeyStore | undefined;
  /** Milliseconds since 1970, for the store, because the clock begins anywhere. */
  now?(): number;
  /** Takes the place of fetch() towards the issuer. */
  fetch?: typeof globalThis.fetch | undefined;
}

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
  #set: KeySet | undefined;
  #fetchedAt = 0;
  /** When the issuer was asked last; undefined before the first time. */
  #askedAt: number | undefined;
  #asking: Promise<void> | undefined;
  #isDown = false;
  readonly #options: IssuerKeysOptions;
  /** Ends when the store has answered, or at once without one. */
  readonly #loading: Promise<void>;

  constructor(settings: KeySettings, options: IssuerKeysOptions) {
    this.#settings = settings;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#options = options;
    this.#loading = this.#load();
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
    if (!this.#set) await this.#loading;
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
          this.#save(set);
          if (this.#isDown) this.#log('info', 'the issuer of tokens answers again');
          this.#isDown = false;
        },
        (error: unknown) => this.#reportDown(error),
      )
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  async #fetch(): Promise<KeySet> {
    const { oidcIssuer } = this.#settings;
    const { dependency, fetch } = this.#options;
    const ask = (url: string) =>
      dependency.run((signal) => fetchJson(url, { signal, bytesMax: DOCUMENT_BYTES_MAX, fetch }), {
        isIdempotent: true,
      });
    // OpenID Connect Discovery 1.0, section 4.1: a slash at the end of the issuer is left out.
    const discovery = `${oidcIssuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const { issuer, jwks_uri: url } = (await ask(discovery)) as { issuer?: unknown; jwks_uri?: unknown };
    if (issuer !== oidcIssuer)
      throw new Error(`${discovery} names the issuer ${JSON.stringify(issuer)}, not OIDC_ISSUER`);
    if (typeof url !== 'string' || !isAsSafe(url, oidcIssuer)) throw new Error(`${discovery} has no usable jwks_uri`);
    return readKeys(url, await ask(url));
  }

  /** Takes the keys that an earlier process has kept. Keys that came from the issuer meanwhile are newer. */
  async #load(): Promise<void> {
    const { store, now = Date.now } = this.#options;
    const { oidcIssuer, keysSecondsMax } = this.#settings;
    if (!store) return;
    try {
      const kept = await store.load(oidcIssuer);
      if (!kept || this.#set) return;
      const set = readKeys('the store', kept.set);
      // A clock that was set back makes no key younger than now.
      const ageMs = Math.max(0, now() - kept.fetchedAt);
      if (ageMs > keysSecondsMax * 1000) return;
      this.#set = set;
      this.#fetchedAt = this.#clock.now() - ageMs;
      this.#log('info', `the keys of the issuer of tokens, ${Math.round(ageMs / 1000)} s old, were in the store`);
    } catch (error) {
      this.#log('warn', `the store gives no keys of the issuer of tokens: ${reasonOf(error)}`);
    }
  }

  #save(set: KeySet): void {
    const { store, now = Date.now } = this.#options;
    const { oidcIssuer, keysSecondsMax } = this.#settings;
    store
      ?.save(oidcIssuer, { set, fetchedAt: now() }, keysSecondsMax * 1000)
      .catch((error: unknown) =>
        this.#log('warn', `the keys of the issuer of tokens do not outlive this process: ${reasonOf(error)}`),
      );
  }

  #reportDown(error: unknown): void {
    if (this.#isDown) return;
    this.#isDown = true;
    const reason = reasonOf(error);
    const age = this.ageSeconds;
    const left = age === undefined ? 0 : Math.max(0, this.#settings.keysSecondsMax - age);
    const effect =
      left > 0
        ? `its keys of ${Math.round(age ?? 0)} s ago let players in for ${Math.round(left)} s more (KEYS_SECONDS_MAX)`
        : 'no new player can join until it does';
    this.#log('warn', `the issuer of tokens gives no keys; ${effect}: ${reason}`);
  }
}

/** Checks keys from outside. @throws Error saying what is wrong */
function readKeys(where: string, value: unknown): KeySet {
  const { keys } = (value ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > KEYS_MAX)
    throw new Error(`${where} does not have between 1 and ${KEYS_MAX} keys`);
  if (!keys.every((key) => typeof key === 'object' && key !== null)) throw new Error(`${where} has a key that is none`);
  return { keys };
}

/** Whether a URL is no less protected than the issuer's: keys of an issuer with https come over https. */
function isAsSafe(url: string, issuer: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'));
}
