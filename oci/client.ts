import { NearlightError } from '../host/base/errors.ts';
import { basic, type Credentials, parseChallenge } from './credentials.ts';

/** How many times a call to a registry is made before it fails. */
export const TRIES = 6;
const RETRY_MS = 250;
const RETRY_MS_MAX = 8000;
/** The longest wait that a registry may ask for. */
const RETRY_AFTER_MS_MAX = 120_000;
/** A call to a registry that takes longer than this is aborted and made again. */
const CALL_MS_MAX = 60_000;
const REDIRECTS_MAX = 5;
/** The largest response that we read: a manifest (distribution-spec, "Pushing Manifests"), a token, or an error's text. */
const RESPONSE_BYTES_MAX = 4 << 20;
/** How many characters of a registry's response appear in an error message. */
const REASON_CHARACTERS_MAX = 160;

export interface ClientOptions {
  credentials?: Credentials;
  /** Whether to use HTTP without TLS. Loopback addresses never need TLS. */
  plainHttp?: boolean;
  /** How long to wait before the first retry. The wait doubles each time. */
  retryMs?: number;
  /** How long one call to the registry may take. */
  callMsMax?: number;
}

export interface Call {
  method: string;
  headers?: Record<string, string>;
  body?: Uint8Array;
  /** The HTTP statuses that are not errors for this call. */
  accept: readonly number[];
  /** Whether to make the call only once. The caller then decides how to retry. */
  once?: boolean;
}

/** An error that may not occur again, such as a lost connection or a busy registry. */
export class TransientError extends Error {
  /** How long the registry asks us to wait. */
  readonly afterMs: number | undefined;
  constructor(message: string, afterMs?: number) {
    super(message);
    this.afterMs = afterMs;
  }
}

/**
 * Makes HTTP calls to one registry. Authorizes when the registry asks for it, follows redirects without passing credentials to
 * other hosts, and retries after transient errors.
 */
export class Client {
  /** Scheme, host and port of the registry. */
  readonly origin: string;
  readonly #scope: string;
  readonly #options: ClientOptions;
  #authorization: string | undefined;

  /**
   * @param registry host and port
   * @param name the repository for which tokens are requested
   */
  constructor(registry: string, name: string, options: ClientOptions) {
    const plain = options.plainHttp || isLoopback(new URL(`http://${registry}`));
    this.origin = new URL(`${plain ? 'http' : 'https'}://${registry}`).origin;
    this.#scope = `repository:${name}:pull,push`;
    this.#options = options;
  }

  /**
   * Makes a call, and repeats it after transient errors unless `once` is set.
   * @throws NearlightError NL_REGISTRY; TransientError for a call with `once`
   */
  async call(url: string, call: Call): Promise<Response> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#authorized(url, call);
      } catch (error) {
        if (!(error instanceof TransientError) || call.once) throw error;
        await this.pause(tries, error);
      }
    }
  }

  /**
   * Waits before another attempt: as long as the registry asks for, or else longer each time, with jitter.
   * @param tries how many attempts have failed
   * @throws NearlightError NL_REGISTRY after TRIES
   */
  async pause(tries: number, { afterMs, message }: TransientError): Promise<void> {
    if (tries >= TRIES) throw new NearlightError('NL_REGISTRY', `${message}; tried ${TRIES} times`);
    const wait = Math.min((this.#options.retryMs ?? RETRY_MS) * 2 ** (tries - 1), RETRY_MS_MAX) * (0.5 + Math.random());
    await new Promise((resolve) => setTimeout(resolve, afterMs ?? wait));
  }

  async #authorized(url: string, call: Call): Promise<Response> {
    let response = await this.#followed(url, call);
    // Only the registry itself gets credentials, not a host to which it redirects.
    if (response.status === 401 && new URL(response.url).origin === this.origin) {
      await response.body?.cancel();
      this.#authorization = await this.#authorize(response.headers.get('www-authenticate') ?? '');
      response = await this.#followed(url, call);
    }
    if (call.accept.includes(response.status)) return response;
    throw await refusal(`${call.method} ${new URL(url).pathname}`, response);
  }

  async #followed(url: string, call: Call): Promise<Response> {
    let at = url;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#send(at, call);
      const keepsMethod = response.status === 307 || response.status === 308;
      const isRead = ['GET', 'HEAD'].includes(call.method) && [301, 302, 303].includes(response.status);
      if (!keepsMethod && !isRead) return response;
      await response.body?.cancel();
      const next = resolveUrl(response.headers.get('location') ?? '', at);
      if (redirects === REDIRECTS_MAX)
        throw new NearlightError('NL_REGISTRY', `${call.method} ${url} is redirected more than ${REDIRECTS_MAX} times`);
      if (next.protocol !== 'https:' && at.startsWith('https:'))
        throw new NearlightError(
          'NL_REGISTRY',
          `${new URL(at).origin} redirects to ${next.origin}, which does not use TLS`,
        );
      at = next.href;
    }
  }

  /** Makes one HTTP request. Only the registry itself gets the authorization, not a host to which it redirects. */
  async #send(url: string, { method, headers = {}, body }: Call): Promise<Response> {
    const isOwn = new URL(url).origin === this.origin;
    const authorization = isOwn && this.#authorization ? { authorization: this.#authorization } : {};
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
      throw new TransientError(`${init.method} ${new URL(url).origin}: ${why}`);
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
        ? `${this.origin} requires a user; set REGISTRY_USER and REGISTRY_PASSWORD, or run docker login`
        : `${this.origin} requires an authentication that is neither basic nor bearer: ${header.slice(0, 100) || 'it names none'}`,
    );
  }

  async #token(bearer: { realm: string; service?: string; scope?: string }): Promise<string> {
    const { credentials, plainHttp } = this.#options;
    const realm = resolveUrl(bearer.realm, this.origin);
    if (bearer.service) realm.searchParams.set('service', bearer.service);
    realm.searchParams.set('scope', bearer.scope ?? this.#scope);
    if (credentials && realm.protocol !== 'https:' && !plainHttp && !isLoopback(realm))
      throw new NearlightError(
        'NL_REGISTRY',
        `${this.origin} wants the password sent to ${realm.origin}, which does not use TLS`,
      );
    const response = await this.#fetch(realm.href, {
      method: 'GET',
      headers: credentials ? { authorization: basic(credentials) } : {},
    });
    if (response.status !== 200) throw await refusal(`GET ${realm.origin}${realm.pathname} (for a token)`, response);
    const { token, access_token } = parseJson(await readBody(response, realm.origin), realm.origin) as {
      token?: unknown;
      access_token?: unknown;
    };
    const received = token ?? access_token;
    if (typeof received !== 'string' || !/^[\x21-\x7e]+$/.test(received))
      throw new NearlightError('NL_REGISTRY', `${realm.origin} answered without a token`);
    return `Bearer ${received}`;
  }
}

/** Resolves a URL in a registry's response against the URL of the call. @throws NearlightError NL_REGISTRY */
export function resolveUrl(text: string, from: string): URL {
  const url = text !== '' && URL.canParse(text, from) ? new URL(text, from) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new NearlightError(
    'NL_REGISTRY',
    `${new URL(from).origin} refers to "${text.slice(0, 100)}", which is not an HTTP address`,
  );
}

/** The body of a response. @throws NearlightError NL_REGISTRY if it is too long, or if the connection is lost */
export async function readBody(response: Response, from: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of response.body ?? []) {
      bytes += part.length;
      if (bytes > RESPONSE_BYTES_MAX) break;
      parts.push(part);
    }
  } catch (cause) {
    throw new NearlightError('NL_REGISTRY', `the response of ${from} is incomplete: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (bytes <= RESPONSE_BYTES_MAX) return Buffer.concat(parts);
  throw new NearlightError('NL_REGISTRY', `the response of ${from} is longer than ${RESPONSE_BYTES_MAX} bytes`);
}

/** Parses a JSON object. @throws NearlightError NL_REGISTRY if the data is something else */
export function parseJson(data: Uint8Array, from: string): object {
  const text = Buffer.from(data).toString();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // The error below shows the text.
  }
  throw new NearlightError('NL_REGISTRY', `${from} did not answer with a JSON object: ${excerpt(text)}`);
}

/**
 * The error for a response with an unexpected status. Its message has the registry's error codes (distribution-spec, "Error
 * Codes"), or else the beginning of the response.
 * @param what the call
 */
export async function refusal(what: string, response: Response): Promise<TransientError | NearlightError> {
  const { status, headers, statusText } = response;
  const body = await readBody(response, 'it').catch(() => Buffer.alloc(0));
  const message = `${what} answered ${status}: ${codes(body.toString()) || excerpt(body.toString()) || statusText}`;
  if (status === 429 || status >= 500) return new TransientError(message, retryAfterMs(headers.get('retry-after')));
  const advice =
    status === 401 || status === 403 ? '; set REGISTRY_USER and REGISTRY_PASSWORD to a user who may push there' : '';
  return new NearlightError('NL_REGISTRY', message + advice);
}

/** The error codes in a registry's response; empty if it has none. */
function codes(body: string): string {
  try {
    const { errors } = JSON.parse(body) as { errors: { code: string; message?: string }[] };
    return excerpt(errors.map(({ code, message }) => `${code} ${message ?? ''}`.trim()).join(', '));
  } catch {
    return '';
  }
}

/** The beginning of a text on one line, without control characters, which must not reach a terminal. */
function excerpt(text: string): string {
  return text
    .slice(0, 10 * REASON_CHARACTERS_MAX)
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, REASON_CHARACTERS_MAX);
}

/** How long to wait according to Retry-After, which holds seconds or a date (RFC 9110, 10.2.3). */
function retryAfterMs(text: string | null): number | undefined {
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return ms > 0 ? Math.min(ms, RETRY_AFTER_MS_MAX) : undefined;
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}
