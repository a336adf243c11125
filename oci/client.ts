import { NearlightError } from '../host/base/errors.ts';
import { basic, type Credentials, parseChallenge } from './credentials.ts';

export const TRIES = 6;
const RETRY_MS = 250;
const RETRY_MS_MAX = 8000;
/** A registry may ask for more patience than that, up to this. */
const RETRY_AFTER_MS_MAX = 120_000;
/** A call that takes longer is broken off and tried again. */
const CALL_MS_MAX = 60_000;
const REDIRECTS_MAX = 5;
/** What is read of an answer: a manifest (distribution-spec, "Pushing Manifests"), a token, or an error's text. */
const ANSWER_BYTES_MAX = 4 << 20;
const REASON_CHARACTERS_MAX = 160;

export interface ClientOptions {
  credentials?: Credentials;
  /** Speaks HTTP without TLS; loopback addresses are spoken to so anyway. */
  plainHttp?: boolean;
  /** Between two tries, doubling, in milliseconds. */
  retryMs?: number;
  /** For one call, in milliseconds. */
  callMsMax?: number;
}

export interface Call {
  method: string;
  headers?: Record<string, string>;
  body?: Uint8Array;
  /** Statuses that are answers and no faults. */
  accept: readonly number[];
  /** Not repeated here: the caller finds out first how far it came. */
  once?: boolean;
}

/** What may go well the next time: the connection, the registry's load. */
export class Passing extends Error {
  readonly afterMs: number | undefined;
  constructor(message: string, afterMs?: number) {
    super(message);
    this.afterMs = afterMs;
  }
}

/** HTTP as registries speak it: authorized when asked, redirected without telling who asks, tried again where that may help. */
export class Client {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly #scope: string;
  readonly #options: ClientOptions;
  #authorization: string | undefined;

  /** @param registry host and port; `name` is the repository that tokens are for */
  constructor(registry: string, name: string, options: ClientOptions) {
    const plain = options.plainHttp || isLoopback(new URL(`http://${registry}`));
    this.origin = new URL(`${plain ? 'http' : 'https'}://${registry}`).origin;
    this.#scope = `repository:${name}:pull,push`;
    this.#options = options;
  }

  /**
   * Asks until there is an answer, or no hope.
   * @throws NearlightError NL_REGISTRY; Passing, where the call is to be made once
   */
  async call(url: string, call: Call): Promise<Response> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#authorized(url, call);
      } catch (error) {
        if (!(error instanceof Passing) || call.once) throw error;
        await this.pause(tries, error);
      }
    }
  }

  /** Waits before another try: as long as the registry asks for, else longer each time, with jitter. @throws NearlightError after TRIES */
  async pause(tries: number, { afterMs, message }: Passing): Promise<void> {
    if (tries >= TRIES) throw new NearlightError('NL_REGISTRY', `${message}; tried ${TRIES} times`);
    const wait = Math.min((this.#options.retryMs ?? RETRY_MS) * 2 ** (tries - 1), RETRY_MS_MAX) * (0.5 + Math.random());
    await new Promise((resolve) => setTimeout(resolve, afterMs ?? wait));
  }

  async #authorized(url: string, call: Call): Promise<Response> {
    let answer = await this.#followed(url, call);
    // Only the registry itself may ask who is pushing.
    if (answer.status === 401 && new URL(answer.url).origin === this.origin) {
      await answer.body?.cancel();
      this.#authorization = await this.#authorize(answer.headers.get('www-authenticate') ?? '');
      answer = await this.#followed(url, call);
    }
    if (call.accept.includes(answer.status)) return answer;
    throw await refusal(`${call.method} ${new URL(url).pathname}`, answer);
  }

  async #followed(url: string, call: Call): Promise<Response> {
    let at = url;
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#send(at, call);
      const same = answer.status === 307 || answer.status === 308;
      const read = ['GET', 'HEAD'].includes(call.method) && [301, 302, 303].includes(answer.status);
      if (!same && !read) return answer;
      await answer.body?.cancel();
      const next = resolveUrl(answer.headers.get('location') ?? '', at);
      if (redirects === REDIRECTS_MAX)
        throw new NearlightError('NL_REGISTRY', `${call.method} ${url} is led on more than ${REDIRECTS_MAX} times`);
      if (next.protocol !== 'https:' && at.startsWith('https:'))
        throw new NearlightError('NL_REGISTRY', `${new URL(at).origin} leads to ${next.origin}, which has no TLS`);
      at = next.href;
    }
  }

  /** Another host than the registry's, to which a call may be led, is not told who is pushing. */
  async #send(url: string, { method, headers = {}, body }: Call): Promise<Response> {
    const own = new URL(url).origin === this.origin;
    const authorization = own && this.#authorization ? { authorization: this.#authorization } : {};
    return this.#fetch(url, {
      method,
      headers: { ...headers, ...authorization },
      redirect: 'manual',
      ...(body ? { body: body as Uint8Array<ArrayBuffer> } : {}),
    });
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, { ...init, signal: AbortSignal.timeout(this.#options.callMsMax ?? CALL_MS_MAX) });
    } catch (error) {
      const { message, cause } = error as Error;
      const why = (cause as Error | undefined)?.message || message;
      throw new Passing(`${init.method} ${new URL(url).origin}: ${why}`);
    }
  }

  async #authorize(header: string): Promise<string> {
    const { credentials } = this.#options;
    const challenge = parseChallenge(header);
    if (challenge.bearer) return this.#token(challenge.bearer);
    if (challenge.basic && credentials) return basic(credentials);
    throw new NearlightError(
      'NL_REGISTRY',
      challenge.basic
        ? `${this.origin} asks for a user; set REGISTRY_USER and REGISTRY_PASSWORD, or log in with docker`
        : `${this.origin} asks for a user in a way that is neither basic nor bearer: ${header.slice(0, 100) || 'it says none'}`,
    );
  }

  async #token(bearer: { realm: string; service?: string; scope?: string }): Promise<string> {
    const { credentials, plainHttp } = this.#options;
    const realm = resolveUrl(bearer.realm, this.origin);
    if (bearer.service) realm.searchParams.set('service', bearer.service);
    realm.searchParams.set('scope', bearer.scope ?? this.#scope);
    if (credentials && realm.protocol !== 'https:' && !plainHttp && !isLoopback(realm))
      throw new NearlightError('NL_REGISTRY', `it wants the password sent to ${realm.origin}, which has no TLS`);
    const answer = await this.#fetch(realm.href, {
      method: 'GET',
      headers: credentials ? { authorization: basic(credentials) } : {},
    });
    if (answer.status !== 200) throw await refusal(`GET ${realm.origin}${realm.pathname} (for a token)`, answer);
    const { token, access_token } = parseJson(await readBody(answer, realm.origin), realm.origin) as {
      token?: unknown;
      access_token?: unknown;
    };
    const given = token ?? access_token;
    if (typeof given !== 'string' || !/^[\x21-\x7e]+$/.test(given))
      throw new NearlightError('NL_REGISTRY', `${realm.origin} answered without a token`);
    return `Bearer ${given}`;
  }
}

/** Reads an address that a registry gives, relative to where it was given. @throws NearlightError NL_REGISTRY */
export function resolveUrl(text: string, from: string): URL {
  const url = text !== '' && URL.canParse(text, from) ? new URL(text, from) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new NearlightError(
    'NL_REGISTRY',
    `${new URL(from).origin} leads to "${text.slice(0, 100)}", which is no address`,
  );
}

/** The bytes of an answer. @throws NearlightError NL_REGISTRY where they do not end, or break off */
export async function readBody(answer: Response, from: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of answer.body ?? []) {
      bytes += part.length;
      if (bytes > ANSWER_BYTES_MAX) break;
      parts.push(part);
    }
  } catch (cause) {
    throw new NearlightError('NL_REGISTRY', `the answer of ${from} broke off: ${(cause as Error).message}`, { cause });
  }
  if (bytes <= ANSWER_BYTES_MAX) return Buffer.concat(parts);
  throw new NearlightError('NL_REGISTRY', `the answer of ${from} is longer than ${ANSWER_BYTES_MAX} bytes`);
}

/** @throws NearlightError NL_REGISTRY where it is no JSON object */
export function parseJson(data: Uint8Array, from: string): object {
  const text = Buffer.from(data).toString();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {}
  throw new NearlightError('NL_REGISTRY', `${from} answered with no JSON object: ${excerpt(text)}`);
}

/** A status that was not wanted, with the registry's own words (distribution-spec, "Error Codes"), or the beginning of what it sent. */
export async function refusal(what: string, answer: Response): Promise<Passing | NearlightError> {
  const { status, headers, statusText } = answer;
  const body = await readBody(answer, 'it').catch(() => Buffer.alloc(0));
  const said = `${what} answered ${status}: ${codes(body.toString()) || excerpt(body.toString()) || statusText}`;
  if (status === 429 || status >= 500) return new Passing(said, retryAfterMs(headers.get('retry-after')));
  const advice =
    status === 401 || status === 403 ? '; give REGISTRY_USER and REGISTRY_PASSWORD that may push there' : '';
  return new NearlightError('NL_REGISTRY', said + advice);
}

function codes(body: string): string {
  try {
    const { errors } = JSON.parse(body) as { errors: { code: string; message?: string }[] };
    return excerpt(errors.map(({ code, message }) => `${code} ${message ?? ''}`.trim()).join(', '));
  } catch {
    return '';
  }
}

/** Printable, on one line, and short: it comes from anyone and goes to a terminal. */
function excerpt(text: string): string {
  return text
    .slice(0, 10 * REASON_CHARACTERS_MAX)
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, REASON_CHARACTERS_MAX);
}

/** Seconds or a date (RFC 9110, 10.2.3). */
function retryAfterMs(text: string | null): number | undefined {
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return ms > 0 ? Math.min(ms, RETRY_AFTER_MS_MAX) : undefined;
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}
