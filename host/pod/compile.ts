import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, NearlightError } from '../base/errors.ts';
import { Compilations } from './compilations.ts';
import { HEADERS } from './compile-client.ts';
import { type QueueBounds, QueueFull, type Tenant } from './fair-queue.ts';
import { KeeperMeters, keeperMetrics } from './keeper-meters.ts';

/** How many requests to compile may wait or run at a time. The keeper refuses more, and whoever asked tries again. */
const BOUNDS: QueueBounds = { pod: 4, namespace: 32, all: 64 };
/** How many requests one process may have open, whatever their state. */
const OPEN_MAX = 8;
/** How long a host may take to send a request. */
const REQUEST_MS_MAX = 20_000;

/** The compiler of the keeper, with its cache. */
export interface Compiler {
  /** Describes the compiler. Hosts that run with another one cannot use its code. */
  identity(): Promise<string>;
  /** Returns the native code of a module if the cache has it. */
  find(module: Uint8Array): Promise<Uint8Array | undefined>;
  /**
   * Checks a module, compiles it and stores the result in the cache. Calls `spent` with the CPU time in milliseconds of each
   * run of the compiler.
   * @throws NearlightError
   */
  make(module: Uint8Array, spent: (cpuMs: number) => void): Promise<Uint8Array>;
  readonly counts: { hits: number; misses: number; rejected: number };
}

export interface CompileServiceOptions {
  socket: string;
  moduleBytesMax: number;
  compiler: Compiler;
  /** How many modules are compiled at a time. */
  slots: number;
  /** Returns the id of the process that connected, according to the kernel; undefined if it is not known. */
  peerOf(socket: Socket): number | undefined;
  /** Returns the pod that a process serves. */
  tenantOf(pid: number | undefined): Tenant;
  meters?: KeeperMeters;
  /** How many host processes the keeper watches, for its metrics. */
  hostsWatched?(): number;
}

export interface CompileService {
  /** Number of requests whose module waits for its turn or is being compiled. */
  readonly queued: number;
  close(): Promise<void>;
}

/**
 * Serves `POST /compile` on a unix socket that only our own user can open. The request is a module, the response its native
 * code. Status 422 with a code and a message means that the module is at fault, 429 that the caller should try again, and any
 * other error status that the service is at fault. The keeper reads and writes the cache and never runs a game, so no game can
 * tamper with the cache. `GET /metrics` returns what the keeper counts.
 */
export async function serveCompiler(options: CompileServiceOptions): Promise<CompileService> {
  const { socket } = options;
  const service = new Service(options);
  const server = createServer((incoming, response) => void service.answer(incoming, response));
  server.requestTimeout = REQUEST_MS_MAX;
  // A host keeps its connection open while it waits for a pod.
  server.keepAliveTimeout = 0;
  // A keeper that died may have left its socket file.
  await rm(socket, { force: true });
  server.listen({ path: socket });
  await once(server, 'listening');
  await chmod(socket, 0o600);
  return {
    get queued() {
      return service.queued;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

class Service {
  readonly #options: CompileServiceOptions;
  readonly #meters: KeeperMeters;
  readonly #compilations: Compilations;
  /** Number of open requests of each process. */
  readonly #open = new Map<number, number>();
  queued = 0;

  constructor(options: CompileServiceOptions) {
    const { compiler, slots, meters = new KeeperMeters() } = options;
    this.#options = options;
    this.#meters = meters;
    this.#compilations = new Compilations({
      slots,
      bounds: BOUNDS,
      make: (module, spent) => compiler.make(module, spent),
      ended: (...figures) => meters.countCompilation(...figures),
    });
  }

  async answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if (incoming.method === 'GET' && incoming.url === '/metrics') {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(this.#metrics());
      return;
    }
    if (incoming.method !== 'POST' || incoming.url !== '/compile')
      return refuse(response, { status: 404, code: 'NL_NOT_FOUND', message: 'use POST /compile or GET /metrics' });
    const pid = this.#options.peerOf(incoming.socket);
    const open = pid === undefined ? 0 : (this.#open.get(pid) ?? 0);
    if (open >= OPEN_MAX) return this.#refuseForNow(response, `${open} requests of this process are open already`);
    if (pid !== undefined) this.#open.set(pid, open + 1);
    try {
      await this.#compile(incoming, response, pid);
    } finally {
      if (pid !== undefined) this.#release(pid);
    }
  }

  #release(pid: number): void {
    const left = (this.#open.get(pid) ?? 1) - 1;
    if (left > 0) this.#open.set(pid, left);
    else this.#open.delete(pid);
  }

  async #compile(incoming: IncomingMessage, response: ServerResponse, pid: number | undefined): Promise<void> {
    const { compiler, moduleBytesMax, tenantOf } = this.#options;
    try {
      const identity = await compiler.identity();
      if (incoming.headers[HEADERS.identity] !== identity)
        return refuse(response, { status: 409, code: 'NL_COMPILE', message: 'the caller uses another compiler' });
      const module = await readBody(incoming, moduleBytesMax);
      const cached = await compiler.find(module);
      if (cached) return respond(response, cached, { [HEADERS.cached]: 'true' });
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      const tenant = tenantOf(pid);
      this.queued++;
      const { code, cpuMs, waitedMs } = await this.#compilations
        .compile({ module, tenant, signal: gone.signal })
        .finally(() => this.queued--);
      respond(response, code, { [HEADERS.cpuMs]: cpuMs.toFixed(0), [HEADERS.waitedMs]: waitedMs.toFixed(0) });
    } catch (error) {
      if (error instanceof QueueFull) this.#refuseForNow(response, error.message);
      else if (error instanceof NearlightError)
        refuse(response, { status: 422, code: error.code, message: error.detail });
      else refuse(response, { status: 500, code: 'NL_COMPILE', message: String(error) });
    }
  }

  #refuseForNow(response: ServerResponse, message: string): void {
    this.#meters.refused++;
    refuse(response, { status: 429, code: 'NL_COMPILE', message });
  }

  #metrics(): string {
    const { waiting, running } = this.#compilations;
    const { compiler, hostsWatched } = this.#options;
    const queue = { waiting, running };
    return keeperMetrics(this.#meters, { queue, cache: compiler.counts, hostsWatched: hostsWatched?.() ?? 0 });
  }
}

function respond(response: ServerResponse, code: Uint8Array, headers: Record<string, string>): void {
  const type = { 'content-type': 'application/octet-stream', 'content-length': code.length };
  response.writeHead(200, { ...type, ...headers }).end(code);
}

interface Refusal {
  status: number;
  code: ErrorCode;
  message: string;
}

function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  // We read no more of the request's body, so the connection cannot be used again.
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify({ code, message }));
}

async function readBody(stream: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const tooLong = () =>
    new NearlightError('NL_MODULE_LIMIT', `the module is larger than ${bytesMax} bytes (MODULE_BYTES_MAX)`);
  if (Number(stream.headers['content-length'] ?? 0) > bytesMax) throw tooLong();
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= bytesMax) chunks.push(chunk);
    else chunks.length = 0;
  });
  await once(stream, 'end');
  if (bytes > bytesMax) throw tooLong();
  return Buffer.concat(chunks);
}
