/**
 * A client for the few calls of the Kubernetes API that the fleet makes: get, list, create, replace, patch and watch.
 *
 * The fleet has one of its own because those few calls are 200 lines of HTTP, and because what it must not do is what the official
 * package has done: its informer has opened a further watch with each reconnection, and asked tens of times a second after one
 * (kubernetes-client/javascript, issues 494 and 1933). That package brings 47 MB of generated classes into each node's image, too.
 */
import { type IncomingMessage, Agent as PlainAgent, request as requestPlainly } from 'node:http';
import { request as requestSecurely, Agent as SecureAgent } from 'node:https';
import { NearlightError } from '../../base/errors.ts';
import type { KubeAccess } from './access.ts';
import { type Kind, type KubeObject, pathOf } from './object.ts';

const CONNECTIONS_MAX = 64;
const ANSWER_BYTES_MAX = 64 * 2 ** 20;
/** Size limit of one event of a watch. etcd takes objects of up to 1.5 MiB. */
const LINE_BYTES_MAX = 4 * 2 ** 20;
const REQUEST_MS_MAX = 10_000;

/** Content types of patches (Kubernetes, "Update API Objects in Place Using kubectl patch"). */
export const PATCH = {
  /** RFC 7386. A resourceVersion or uid in it is a precondition. */
  merge: 'application/merge-patch+json',
  /** Lists of conditions are merged by their type. */
  strategic: 'application/strategic-merge-patch+json',
} as const;

/** An answer of the API that is an error, by its HTTP status: 404 not found, 409 conflict, 410 gone. */
export class KubeError extends NearlightError {
  readonly status: number;

  constructor(status: number, detail: string) {
    super('NL_KUBE', detail);
    this.status = status;
  }
}

export interface ObjectPlace {
  namespace?: string | undefined;
  name: string;
  subresource?: string;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
}

interface Exchange {
  method: string;
  path: string;
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  body?: object;
  type?: string;
  signal?: AbortSignal | undefined;
}

export class KubeClient {
  readonly #access: KubeAccess;
  readonly #agent: PlainAgent | SecureAgent;
  readonly #isSecure: boolean;
  #isClosed = false;

  constructor(access: KubeAccess) {
    this.#access = access;
    this.#isSecure = access.url.startsWith('https:');
    const { ca, cert, key } = access;
    const pool = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
    this.#agent = this.#isSecure ? new SecureAgent({ ...pool, ca, cert, key }) : new PlainAgent(pool);
  }

  /** @throws KubeError */
  get<T extends KubeObject>(kind: Kind<T>, place: ObjectPlace): Promise<T> {
    return this.#call<T>({ method: 'GET', path: pathOf(kind, place) });
  }

  /** Returns a page of a list. @throws KubeError 410 if the list that the page continues is too old */
  list<T extends KubeObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    query: { labelSelector?: string; limit?: number; continue?: string } = {},
  ): Promise<ListPage<T>> {
    return this.#call<ListPage<T>>({ method: 'GET', path: pathOf(kind, { namespace }), query });
  }

  /** @throws KubeError 409 if there is an object of this name */
  create<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const { apiVersion, name } = kind;
    const path = pathOf(kind, { namespace: object.metadata.namespace });
    return this.#call<T>({ method: 'POST', path, body: { apiVersion, kind: name, ...object } });
  }

  /** Replaces an object that has not changed since it was read. @throws KubeError 409 if it has */
  replace<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const { apiVersion, name } = kind;
    const { namespace, name: own } = object.metadata;
    const path = pathOf(kind, { namespace, name: own });
    return this.#call<T>({ method: 'PUT', path, body: { apiVersion, kind: name, ...object } });
  }

  /** Changes parts of an object. @throws KubeError 409 if the patch has preconditions that do not hold */
  patch<T extends KubeObject>(
    kind: Kind<T>,
    place: ObjectPlace,
    body: object,
    type: (typeof PATCH)[keyof typeof PATCH] = PATCH.merge,
  ): Promise<T> {
    return this.#call<T>({ method: 'PATCH', path: pathOf(kind, place), body, type });
  }

  async remove<T extends KubeObject>(kind: Kind<T>, place: ObjectPlace): Promise<void> {
    await this.#call<object>({ method: 'DELETE', path: pathOf(kind, place) });
  }

  /**
   * Calls `onEvent` with each event of a watch, one JSON value a line, until the API ends it.
   * @throws KubeError, and if the connection breaks or `signal` aborts
   */
  async watch<T extends KubeObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    options: {
      query: Readonly<Record<string, string | number | boolean | undefined>>;
      onEvent(event: unknown): void;
      signal: AbortSignal;
    },
  ): Promise<void> {
    const { query, onEvent, signal } = options;
    const exchange = { method: 'GET', path: pathOf(kind, { namespace }), query: { ...query, watch: true }, signal };
    const response = await this.#send(exchange);
    if (response.statusCode !== 200) throw errorOf(response.statusCode ?? 0, await readAll(response));
    let rest = '';
    response.setEncoding('utf8');
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_BYTES_MAX) {
        response.destroy();
        throw new KubeError(0, `an event of a watch has more than ${LINE_BYTES_MAX} bytes`);
      }
      for (const line of lines) if (line !== '') onEvent(parse(line));
    }
  }

  /** Ends all requests. Further ones fail. */
  close(): void {
    this.#isClosed = true;
    this.#agent.destroy();
  }

  async #call<T>(exchange: Exchange): Promise<T> {
    const response = await this.#send({ ...exchange, signal: AbortSignal.timeout(REQUEST_MS_MAX) });
    const body = await readAll(response).catch((error: Error) => Promise.reject(unreachable(error)));
    const { statusCode: status = 0 } = response;
    if (status < 200 || status > 299) throw errorOf(status, body);
    return parse(body) as T;
  }

  async #send({ method, path, query = {}, body, type, signal }: Exchange): Promise<IncomingMessage> {
    const token = await this.#access.token?.();
    if (this.#isClosed) throw new KubeError(0, 'this process does not ask any more');
    const url = new URL(this.#access.url + path);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
    const bytes = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      accept: 'application/json',
      'user-agent': 'nearlight-fleet',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(bytes === undefined
        ? {}
        : { 'content-type': type ?? 'application/json', 'content-length': Buffer.byteLength(bytes) }),
    };
    return new Promise((resolve, reject) => {
      const send = this.#isSecure ? requestSecurely : requestPlainly;
      const request = send(url, { method, headers, agent: this.#agent, ...(signal ? { signal } : {}) }, resolve);
      request.on('error', (error) => reject(unreachable(error)));
      request.end(bytes);
    });
  }
}

function unreachable(error: Error): KubeError {
  return new KubeError(0, `it does not answer: ${error.message}`);
}

/** Reads a Status (Kubernetes API conventions, "Response Status Kind"). */
function errorOf(status: number, body: string): KubeError {
  let message = body.slice(0, 200);
  try {
    const parsed = JSON.parse(body) as { message?: unknown } | null;
    if (typeof parsed?.message === 'string') message = parsed.message.slice(0, 500);
  } catch {
    // A proxy in between has answered.
  }
  return new KubeError(status, `it answers ${status}: ${message}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new KubeError(0, 'its answer is not JSON');
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new KubeError(0, `it answers with more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
