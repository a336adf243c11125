import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NearlightError } from '../host/errors.ts';
import { digestOf } from './image.ts';

/** What is lost at most when a connection breaks. */
const CHUNK_BYTES = 1 << 20;
const TRIES = 6;
const RETRY_MS = 250;
const RETRY_MS_MAX = 8000;
/** A registry that says nothing for so long is tried again. */
const SILENCE_MS_MAX = 60_000;

/** Where an image goes: `host[:port]/name:tag`. */
export interface Reference {
  registry: string;
  name: string;
  tag: string;
}

export interface Credentials {
  user: string;
  password: string;
}

export interface RegistryOptions {
  credentials?: Credentials;
  /** Speaks HTTP without TLS; loopback addresses are spoken to so anyway. */
  plainHttp?: boolean;
  /** Between two tries, doubling, in milliseconds. */
  retryMs?: number;
}

/**
 * Reads a reference as `docker push` does (distribution-spec, "Pulling manifests": names and tags).
 * @throws NearlightError NL_USAGE
 */
export function parseReference(text: string): Reference {
  const parts =
    /^([a-z0-9.-]+(?::\d+)?|\[[0-9a-f:]+\](?::\d+)?)\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?$/.exec(
      text,
    );
  if (!parts) throw new NearlightError('NL_USAGE', `${text} is no reference such as registry.example/games/arena:1`);
  const [, registry, name, tag = 'latest'] = parts;
  return { registry: registry!, name: name!, tag };
}

/**
 * Credentials for a registry: REGISTRY_USER and REGISTRY_PASSWORD, else what `docker login` has left in config.json.
 * @throws NearlightError NL_SETTING for a config.json that cannot be read
 */
export async function findCredentials(registry: string, env = process.env): Promise<Credentials | undefined> {
  const { REGISTRY_USER: user, REGISTRY_PASSWORD: password } = env;
  if (user !== undefined && password !== undefined) return { user, password };
  const path = join(env.DOCKER_CONFIG ?? join(homedir(), '.docker'), 'config.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const auth = (JSON.parse(text) as { auths?: Record<string, { auth?: string }> }).auths?.[registry]?.auth;
    if (auth === undefined) return undefined;
    const [name = '', ...rest] = Buffer.from(auth, 'base64').toString().split(':');
    return { user: name, password: rest.join(':') };
  } catch (cause) {
    throw new NearlightError(
      'NL_SETTING',
      `${path} is no JSON; log in again, or set REGISTRY_USER and REGISTRY_PASSWORD`,
      { cause },
    );
  }
}

interface Call {
  method: string;
  headers?: Record<string, string>;
  body?: Uint8Array;
  /** Statuses that are answers and no faults. */
  accept: readonly number[];
  /** Not repeated here: the caller finds out first how far it came. */
  once?: boolean;
}

/** What may go well the next time: the connection, the registry's load. */
class Passing extends Error {
  readonly afterMs: number | undefined;
  constructor(message: string, afterMs?: number) {
    super(message);
    this.afterMs = afterMs;
  }
}

/** A client of the OCI distribution protocol (distribution-spec 1.1), for pushing. */
export class Registry {
  readonly #base: string;
  readonly #name: string;
  readonly #options: RegistryOptions;
  #authorization: string | undefined;

  constructor({ registry, name }: Reference, options: RegistryOptions = {}) {
    const host = registry.replace(/:\d+$/, '');
    const isLoopback = host === 'localhost' || host === '[::1]' || host.startsWith('127.');
    this.#base = `${options.plainHttp || isLoopback ? 'http' : 'https'}://${registry}`;
    this.#name = name;
    this.#options = options;
  }

  /**
   * Puts a blob there, unless it is: in chunks, and after a break from where the registry says that it came.
   * @returns how many bytes were sent
   * @throws NearlightError NL_REGISTRY
   */
  async pushBlob(data: Uint8Array, progress: (sent: number) => void = () => {}): Promise<number> {
    const digest = digestOf(data);
    const found = await this.#call(`${this.#path('blobs')}/${digest}`, { method: 'HEAD', accept: [200, 404] });
    if (found.status === 200) return 0;
    let upload = await this.#begin();
    let [offset, sent, tries] = [0, 0, 0];
    while (offset < data.length) {
      const chunk = data.subarray(offset, offset + CHUNK_BYTES);
      const headers = {
        'content-type': 'application/octet-stream',
        'content-range': `${offset}-${offset + chunk.length - 1}`,
      };
      try {
        const answer = await this.#call(upload, { method: 'PATCH', headers, body: chunk, accept: [202], once: true });
        upload = this.#location(answer, upload);
        offset += chunk.length;
        sent += chunk.length;
        tries = 0;
      } catch (error) {
        if (!(error instanceof Passing) || ++tries >= TRIES) throw this.#final(error);
        await this.#pause(tries, error);
        ({ upload, offset } = await this.#resume(upload));
      }
      progress(offset);
    }
    const close = `${upload}${upload.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
    await this.#call(close, { method: 'PUT', headers: { 'content-length': '0' }, accept: [201] });
    return sent;
  }

  /** Puts a manifest under a tag or its digest. @throws NearlightError NL_REGISTRY */
  async pushManifest(reference: string, type: string, data: Uint8Array): Promise<Headers> {
    const headers = { 'content-type': type };
    const answer = await this.#call(`${this.#path('manifests')}/${reference}`, {
      method: 'PUT',
      headers,
      body: data,
      accept: [201],
    });
    const said = answer.headers.get('docker-content-digest');
    if (said !== null && said !== digestOf(data))
      throw new NearlightError('NL_REGISTRY', `it says that ${reference} is ${said}, and it is ${digestOf(data)}`);
    return answer.headers;
  }

  /** A manifest's bytes; undefined where there is none. @throws NearlightError NL_REGISTRY */
  async manifest(reference: string, type: string): Promise<Uint8Array | undefined> {
    const answer = await this.#call(`${this.#path('manifests')}/${reference}`, {
      method: 'GET',
      headers: { accept: type },
      accept: [200, 404],
    });
    return answer.status === 200 ? new Uint8Array(await answer.arrayBuffer()) : undefined;
  }

  #path(what: 'blobs' | 'manifests'): string {
    return `${this.#base}/v2/${this.#name}/${what}`;
  }

  async #begin(): Promise<string> {
    const path = `${this.#path('blobs')}/uploads/`;
    return this.#location(
      await this.#call(path, { method: 'POST', headers: { 'content-length': '0' }, accept: [202] }),
      path,
    );
  }

  /** Asks how much has arrived; begins anew where the upload is not known any more. */
  async #resume(upload: string): Promise<{ upload: string; offset: number }> {
    const answer = await this.#call(upload, { method: 'GET', accept: [204, 404] });
    if (answer.status === 404) return { upload: await this.#begin(), offset: 0 };
    const end = /^(?:bytes=)?0-(\d+)$/.exec(answer.headers.get('range') ?? '')?.[1];
    // docker-registry says 0-0 for nothing as for one byte; a chunk is never one byte but at the end.
    return { upload: this.#location(answer, upload), offset: end === undefined || end === '0' ? 0 : Number(end) + 1 };
  }

  #location(answer: Response, from: string): string {
    const location = answer.headers.get('location');
    if (location === null)
      throw new NearlightError('NL_REGISTRY', `${new URL(from).origin} names no location for the upload`);
    return new URL(location, from).href;
  }

  async #call(url: string, call: Call): Promise<Response> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#authorized(url, call);
      } catch (error) {
        if (!(error instanceof Passing) || call.once) throw error;
        if (tries >= TRIES) throw this.#final(error);
        await this.#pause(tries, error);
      }
    }
  }

  async #authorized(url: string, call: Call): Promise<Response> {
    let answer = await this.#send(url, call);
    if (answer.status === 401) {
      this.#authorization = await this.#authorize(answer.headers.get('www-authenticate') ?? '');
      answer = await this.#send(url, call);
    }
    if (call.accept.includes(answer.status)) return answer;
    const said = `${call.method} ${new URL(url).pathname} answered ${answer.status}: ${await reason(answer)}`;
    if (answer.status === 429 || answer.status >= 500) {
      const seconds = Number(answer.headers.get('retry-after'));
      throw new Passing(said, seconds > 0 ? Math.min(seconds * 1000, RETRY_MS_MAX) : undefined);
    }
    const advice =
      answer.status === 401 || answer.status === 403
        ? '; give REGISTRY_USER and REGISTRY_PASSWORD that may push there'
        : '';
    throw new NearlightError('NL_REGISTRY', `${said}${advice}`);
  }

  /** Another host than the registry's, to which uploads may be led, is not told who is pushing. */
  async #send(url: string, { method, headers = {}, body }: Call): Promise<Response> {
    const own = new URL(url).origin === new URL(this.#base).origin;
    const authorization = own && this.#authorization ? { authorization: this.#authorization } : {};
    try {
      return await fetch(url, {
        method,
        headers: { ...headers, ...authorization },
        redirect: 'manual',
        signal: AbortSignal.timeout(SILENCE_MS_MAX),
        ...(body ? { body: body as Uint8Array<ArrayBuffer> } : {}),
      });
    } catch (error) {
      const { message, cause } = error as Error;
      throw new Passing(`${method} ${new URL(url).origin}: ${(cause as Error | undefined)?.message ?? message}`);
    }
  }

  /** Answers a challenge (RFC 9110, 11.6.1): basic, or a bearer token from where it says (distribution, "token authentication"). */
  async #authorize(challenge: string): Promise<string> {
    const { credentials } = this.#options;
    const basic =
      credentials && `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
    if (/^basic\b/i.test(challenge) && basic) return basic;
    const fields = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
    );
    if (!/^bearer\b/i.test(challenge) || fields.realm === undefined)
      throw new NearlightError(
        'NL_REGISTRY',
        `${this.#base} asks for a user; set REGISTRY_USER and REGISTRY_PASSWORD, or log in with docker`,
      );
    const realm = new URL(fields.realm);
    if (fields.service) realm.searchParams.set('service', fields.service);
    realm.searchParams.set('scope', fields.scope ?? `repository:${this.#name}:pull,push`);
    // Credentials do not go out in the clear where the registry itself is spoken to over TLS.
    const safe = realm.protocol === 'https:' || this.#base.startsWith('http:');
    const answer = await fetch(realm, {
      headers: basic && safe ? { authorization: basic } : {},
      signal: AbortSignal.timeout(SILENCE_MS_MAX),
    }).catch((error) => {
      throw new Passing(`${realm.origin}: ${(error as Error).message}`);
    });
    if (!answer.ok)
      throw new NearlightError(
        'NL_REGISTRY',
        `${realm.origin} gives no token: ${answer.status} ${await reason(answer)}`,
      );
    const { token, access_token } = (await answer.json().catch(() => ({}))) as {
      token?: string;
      access_token?: string;
    };
    const bearer = token ?? access_token;
    if (bearer === undefined) throw new NearlightError('NL_REGISTRY', `${realm.origin} answered without a token`);
    return `Bearer ${bearer}`;
  }

  async #pause(tries: number, { afterMs }: Passing): Promise<void> {
    const wait = Math.min((this.#options.retryMs ?? RETRY_MS) * 2 ** (tries - 1), RETRY_MS_MAX) * (0.5 + Math.random());
    await new Promise((resolve) => setTimeout(resolve, afterMs ?? wait));
  }

  #final(error: unknown): Error {
    return error instanceof Passing
      ? new NearlightError('NL_REGISTRY', `${error.message}; tried ${TRIES} times`)
      : (error as Error);
  }
}

/** The registry's own words (distribution-spec, "Error codes"), or the beginning of what it sent instead. */
async function reason(answer: Response): Promise<string> {
  const body = (await answer.text().catch(() => '')).slice(0, 10_000);
  try {
    const { errors = [] } = JSON.parse(body) as { errors?: { code: string; message?: string }[] };
    return errors.map(({ code, message }) => `${code} ${message ?? ''}`.trim()).join(', ') || answer.statusText;
  } catch {
    return body.replace(/\s+/g, ' ').slice(0, 120) || answer.statusText;
  }
}
