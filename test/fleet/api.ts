import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { KubeObject } from '../../host/fleet/kube/object.ts';
import { sleep } from '../wait.ts';

interface Stored extends KubeObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

interface WatchEvent {
  readonly collection: string;
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Stored;
}

interface Call {
  readonly request: IncomingMessage;
  readonly collection: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly body: string;
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

interface Watcher {
  readonly collection: string;
  readonly response: ServerResponse;
}

/** Faults that a test has the API make. */
export interface Faults {
  /** Answers each request after this time. */
  latencyMs: number;
  /** Answers each change with this status after making it, as a proxy does that loses the answer. */
  loseAnswers: boolean;
  /** Answers with status 500. */
  isDown: boolean;
}

const PATH =
  /^\/(?:api\/v1|apis\/[\w.]+\/v\d\w*)(?:\/namespaces\/([^/]+))?\/(pods|nodes|leases)(?:\/([^/]+))?(?:\/(status))?$/;

/**
 * A stand-in for the API server of Kubernetes with the rules on which the fleet relies: one growing version for all objects, preconditions on
 * versions and uids (409), lists in pages, watches from a version with bookmarks, and versions that it has forgotten (410). The file
 * test/cluster/allocate.cluster.ts runs the same tests against a real one.
 */
export class StandInApi {
  readonly faults: Faults = { latencyMs: 0, loseAnswers: false, isDown: false };
  /** Requests by method and kind, and watches that are open. */
  readonly requests = new Map<string, number>();
  readonly #server: Server;
  readonly #objects = new Map<string, Stored>();
  readonly #watchers = new Set<Watcher>();
  #events: WatchEvent[] = [];
  #version = 1000;
  /** The API remembers events after this version. */
  #forgotten = 1000;
  #uids = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async open(): Promise<StandInApi> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const api = new StandInApi(server);
    onTestFinished(() => api.close());
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get watches(): number {
    return this.#watchers.size;
  }

  count(request: string): number {
    return this.requests.get(request) ?? 0;
  }

  /** Creates or replaces an object, as another client would. */
  put(collection: string, object: Stored): Stored {
    const key = `${collection}/${object.metadata.name}`;
    const before = this.#objects.get(key);
    return this.#store(collection, object, before);
  }

  get(collection: string, name: string): Stored | undefined {
    return this.#objects.get(`${collection}/${name}`);
  }

  all(collection: string): Stored[] {
    return [...this.#objects].flatMap(([key, object]) => (key.startsWith(`${collection}/`) ? [object] : []));
  }

  remove(collection: string, name: string): void {
    const key = `${collection}/${name}`;
    const object = this.#objects.get(key);
    if (!object) return;
    this.#objects.delete(key);
    const version = ++this.#version;
    const metadata = { ...object.metadata, resourceVersion: String(version) };
    this.#emit({ collection, version, type: 'DELETED', object: { ...object, metadata } });
  }

  /** Forgets all events up to now, as etcd's compaction does. */
  compact(): void {
    this.#forgotten = this.#version;
    this.#events = [];
  }

  /** Sends each watch a bookmark with the present version. */
  bookmark(): void {
    const metadata = { resourceVersion: String(this.#version) };
    for (const { response } of this.#watchers)
      response.write(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`);
  }

  /** Ends all watches: in order, by a broken connection, or with an error in the stream. */
  cut(how: 'end' | 'break' | 'expire'): void {
    for (const { response } of this.#watchers) {
      const object = { kind: 'Status', code: 410, message: 'too old resource version' };
      if (how === 'expire') response.write(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      if (how === 'break') response.destroy();
      else response.end();
    }
    this.#watchers.clear();
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://api');
    const [, namespace, plural = '', name, subresource] = PATH.exec(url.pathname) ?? [];
    const collection = namespace === undefined ? plural : `${namespace}/${plural}`;
    const isWatch = url.searchParams.get('watch') === 'true';
    const label = `${isWatch ? 'WATCH' : name === undefined && request.method === 'GET' ? 'LIST' : request.method} ${plural}`;
    this.requests.set(label, this.count(label) + 1);
    const body = await readBody(request);
    if (this.faults.latencyMs > 0) await sleep(this.faults.latencyMs);
    const query = url.searchParams;
    const answer = this.#answerTo({ request, collection, name, subresource, body, query, isWatch });
    if (answer)
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
    else this.#watch(collection, query, response);
  }

  /** Returns the answer to a request; undefined for a watch that begins. */
  #answerTo(call: Call & { query: URLSearchParams; isWatch: boolean }): Answer | undefined {
    const { request, collection, name, query, isWatch } = call;
    if (this.faults.isDown) return fail(500, 'the API is down');
    if (collection === '') return fail(404, 'no such path');
    if (isWatch)
      return Number(query.get('resourceVersion') ?? 0) < this.#forgotten
        ? fail(410, 'too old resource version')
        : undefined;
    return name === undefined && request.method === 'GET' ? this.#list(collection, query) : this.#change(call);
  }

  #list(collection: string, query: URLSearchParams): Answer {
    const limit = Number(query.get('limit') ?? 0) || Number.POSITIVE_INFINITY;
    const [from, version] = (query.get('continue') ?? '').split('@');
    if (version && Number(version) < this.#forgotten) return fail(410, 'the list is too old');
    const all = this.all(collection).filter((object) => fits(object, query.get('labelSelector')));
    const start = Number(from || 0);
    const items = all.slice(start, start + limit);
    const at = version ?? String(this.#version);
    const next = start + items.length < all.length ? { continue: `${start + items.length}@${at}` } : {};
    return { status: 200, body: { metadata: { resourceVersion: at, ...next }, items } };
  }

  #watch(collection: string, query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get('resourceVersion') ?? 0);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watcher = { collection, response };
    for (const event of this.#events) if (event.version > from) tell(watcher, event);
    this.#watchers.add(watcher);
    response.once('close', () => this.#watchers.delete(watcher));
  }

  #change({ request, collection, name, subresource, body }: Call): Answer {
    const sent = (body === '' ? {} : JSON.parse(body)) as Stored;
    const known = this.#objects.get(`${collection}/${name ?? sent.metadata?.name}`);
    if (request.method === 'POST')
      return known ? fail(409, 'it exists already') : this.#changed(this.put(collection, sent));
    if (!known) return fail(404, `${collection}/${name} not found`);
    if (request.method === 'GET') return { status: 200, body: known };
    if (request.method === 'DELETE') {
      this.remove(collection, known.metadata.name);
      return { status: 200, body: {} };
    }
    const { resourceVersion, uid } = sent.metadata ?? {};
    if (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion)
      return fail(409, 'the object has been modified');
    if (uid !== undefined && uid !== known.metadata.uid) return fail(409, 'the uid does not match');
    const isStrategic = request.headers['content-type'] === 'application/strategic-merge-patch+json';
    const merged =
      request.method === 'PUT' ? sent : ((isStrategic ? mergeConditions(known, sent) : merge(known, sent)) as Stored);
    // A subresource changes its own part alone, and the main resource leaves it alone.
    const status = subresource === 'status' ? merged.status : known.status;
    const rest = subresource === 'status' ? known : merged;
    return this.#changed(this.#store(collection, { ...rest, ...(status === undefined ? {} : { status }) }, known));
  }

  #changed(object: Stored): Answer {
    return this.faults.loseAnswers ? fail(504, 'the answer is lost') : { status: 200, body: object };
  }

  #store(collection: string, object: Stored, before: Stored | undefined): Stored {
    const version = ++this.#version;
    const metadata = {
      ...object.metadata,
      uid: before?.metadata.uid ?? object.metadata.uid ?? `uid-${++this.#uids}`,
      resourceVersion: String(version),
    };
    const stored = { ...object, metadata };
    this.#objects.set(`${collection}/${metadata.name}`, stored);
    this.#emit({ collection, version, type: before ? 'MODIFIED' : 'ADDED', object: stored });
    return stored;
  }

  #emit(event: WatchEvent): void {
    this.#events.push(event);
    for (const watcher of this.#watchers) tell(watcher, event);
  }
}

function tell({ collection, response }: Watcher, event: WatchEvent): void {
  if (event.collection === collection)
    response.write(`${JSON.stringify({ type: event.type, object: event.object })}\n`);
}

function fits({ metadata: { labels = {} } }: Stored, selector: string | null): boolean {
  return (selector ?? '').split(',').every((term) => {
    const [key = '', value] = term.split('=');
    return key === '' || labels[key] === value;
  });
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(typeof target === 'object' ? target : {}) };
  for (const [key, value] of Object.entries(patch))
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  return result;
}

/** The strategic merge of a pod's conditions, by their type; everything else is merged as RFC 7386 says. */
function mergeConditions(target: Stored, patch: Stored): Stored {
  type Condition = { type: string };
  const listOf = (object: Stored) => (object.status as { conditions?: Condition[] } | undefined)?.conditions ?? [];
  const conditions = new Map(listOf(target).map((condition) => [condition.type, condition]));
  for (const condition of listOf(patch))
    conditions.set(condition.type, { ...conditions.get(condition.type), ...condition });
  const merged = merge(target, patch) as Stored;
  return { ...merged, status: { ...(merged.status as object), conditions: [...conditions.values()] } };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function fail(code: number, message: string): Answer {
  return { status: code, body: { kind: 'Status', status: 'Failure', code, message } };
}
