import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { type ErrorCode, errors, NearlightError } from '../base/errors.ts';
import { fileLimit } from '../base/files.ts';
import { Bucket, RateLimiter } from '../base/limiter.ts';
import { asResourceError } from '../base/system-error.ts';
import type { Meters } from '../observe/meters.ts';
import { Clients, networkOf, plainAddress } from './clients.ts';
import { SECURITY_HEADERS } from './files.ts';
import { AllowedHosts, readTarget } from './hosts.ts';
import { isIceFrame } from './ice-tcp.ts';

const HEADERS_MS_MAX = 5000;
const REQUEST_MS_MAX = 10_000;
const KEEP_ALIVE_MS_MAX = 5000;
/** How often Node looks for connections that exceed these limits. By default it does so every 30 s. */
const CHECK_MS = 500;
const HEADER_BYTES_MAX = 16_384;
/**
 * Requests on one connection: these many at once and per second. Further ones wait, so that other connections get their turn.
 * Trusted proxies, whose connections many players share, have no limit.
 */
const REQUESTS_AT_ONCE = 30;
const REQUESTS_PER_SECOND = 4;
/** A connection on which more requests wait is closed. */
const REQUESTS_WAITING_MAX = 8;
/** New connections from one address: these many at once and per second. Further ones are closed before they are read. */
const CONNECTIONS_AT_ONCE = 200;
const CONNECTIONS_PER_SECOND = 50;
/** A page asks again after this time, in seconds, if the reason of a refusal passes quickly. */
const RETRY_SECONDS: Partial<Record<ErrorCode, number>> = {
  NL_ROOM_ENDED: 1,
  NL_OFFER_RATE: 1,
  NL_HALF_OPEN: 1,
  NL_ACCOUNT_RATE: 1,
  NL_DRAINING: 1,
};

/** The address and the port that a server listens on, with the names of their settings. */
export interface Listen {
  host: string;
  port: number;
  hostSetting: string;
  portSetting: string;
}

export interface HttpServerOptions {
  listen: Listen;
  config: Pick<Config, 'allowedHosts' | 'trustedProxies' | 'httpConnectionsMax'>;
  /** The counters of the host process, to which the server adds the requests that it refuses. */
  meters: Pick<Meters, 'countRefusedRequest'>;
  warn(message: string): void;
  /** HTTP headers of every answer; SECURITY_HEADERS by default. */
  headers?: Readonly<Record<string, string>>;
  /** Answers a request. @throws NearlightError, which is sent to the client */
  route(call: Call): void | Promise<void>;
  /**
   * Takes over the connection of a request that asks for a WebSocket, to which no answer was sent yet. Without it, such requests
   * are refused. @throws NearlightError, which is sent to the client
   */
  onUpgrade?(request: IncomingMessage, url: URL, socket: Duplex, head: Buffer): void | Promise<void>;
  /** Takes over a connection that carries packets of ICE instead of requests. Without it, such connections are refused. */
  onIce?(socket: Socket): void;
}

/** One request and its answer. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** The key under which the client is counted (Clients.keyOf). */
  readonly client: string;
}

export interface HttpServer {
  /** The address that the server listens on; `::` or `0.0.0.0` for all. */
  readonly address: string;
  readonly port: number;
  /** URL of the server for a program on this machine. */
  readonly url: string;
  /** Whether each connection ends with its next answer, so that its client takes another one for what it asks next. */
  isLeaving: boolean;
  /** Accepts no more connections. Resolves when all have ended. */
  stop(): Promise<void>;
  /** Closes all connections at once. */
  drop(): void;
}

interface Pace {
  bucket: Bucket;
  waiting: number;
}

/**
 * Listens for HTTP requests, checks their targets and host names, paces them, and turns errors into JSON `{ code, message }`.
 * @throws NearlightError NL_PORT_IN_USE, or NL_SETTING if the address cannot be used
 */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { config, meters } = options;
  const server = createServer({
    headersTimeout: HEADERS_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS_MAX,
    connectionsCheckingInterval: CHECK_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
  });
  if (options.onIce) divertIce(server, options.onIce);
  // Most of the files that this process may open are for games and for players, who need one each after they have joined.
  server.maxConnections = Math.min(config.httpConnectionsMax, Math.floor(fileLimit() / 4));
  const arrivals = new RateLimiter({
    perSecond: CONNECTIONS_PER_SECOND,
    burst: CONNECTIONS_AT_ONCE,
    clock: systemClock,
  });
  server.prependListener('connection', (socket: Socket) => {
    if (arrivals.take(networkOf(plainAddress(socket.remoteAddress ?? ''))) > 0) socket.destroy();
  });
  server.on('clientError', ({ code }: NodeJS.ErrnoException, socket) => {
    if (code !== 'ECONNRESET') meters.countRefusedRequest('NL_REQUEST');
    // Node has no response for a request that it cannot parse, so the status line is written here.
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    else socket.destroy();
  });
  const answerer = new Answerer(options);
  server.on('request', (request, response) => void answerer.answer(request, response));
  server.on('upgrade', (request, socket, head) => void answerer.upgrade(request, socket, head));
  await listen(server, options.listen);
  server.on('error', (error) => options.warn(`a connection could not be accepted: ${error.message}`));
  const { address, port } = server.address() as AddressInfo;
  return {
    address,
    port,
    url: urlOf(address, port),
    get isLeaving() {
      return answerer.isLeaving;
    },
    set isLeaving(isLeaving) {
      answerer.isLeaving = isLeaving;
      if (isLeaving) server.closeIdleConnections();
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
    drop: () => server.closeAllConnections(),
  };
}

/**
 * Looks at the first byte of each connection: those that carry packets of ICE go to `accept`, all others to the HTTP server.
 * So players need one TCP port only.
 */
function divertIce(server: Server, accept: (socket: Socket) => void): void {
  const [serve] = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const timer = setTimeout(() => socket.destroy(), HEADERS_MS_MAX);
    const ignore = () => {};
    socket.on('error', ignore);
    socket.once('close', () => clearTimeout(timer));
    socket.once('readable', () => {
      clearTimeout(timer);
      const bytes: Buffer | null = socket.read();
      if (bytes === null) {
        socket.destroy();
        return;
      }
      socket.unshift(bytes);
      socket.removeListener('error', ignore);
      if (isIceFrame(bytes.readUInt8())) accept(socket);
      else serve?.call(server, socket);
    });
  });
}

class Answerer {
  readonly #options: HttpServerOptions;
  readonly #hosts: AllowedHosts;
  readonly #clients: Clients;
  readonly #paces = new WeakMap<Socket, Pace>();
  /** See HttpServer. */
  isLeaving = false;

  constructor(options: HttpServerOptions) {
    const { allowedHosts, trustedProxies } = options.config;
    this.#options = options;
    this.#hosts = new AllowedHosts(allowedHosts);
    this.#clients = new Clients(trustedProxies);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers = SECURITY_HEADERS } = this.#options;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (this.isLeaving) response.setHeader('connection', 'close');
    try {
      if (!(await this.#isDue(request))) return;
      const url = readTarget(request.url ?? '');
      this.#hosts.check(request, url);
      await this.#options.route({ request, response, url, client: this.#clients.keyOf(request) });
    } catch (error) {
      this.#refuse(response, error);
    }
    // The body of a refused request must be read to its end, or the server would take it for the next request.
    if (!request.readableEnded) request.resume();
  }

  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    try {
      const url = readTarget(request.url ?? '');
      this.#hosts.check(request, url);
      const { onUpgrade } = this.#options;
      if (!onUpgrade) throw new NearlightError('NL_NOT_FOUND', 'there are no WebSockets here');
      await onUpgrade(request, url, socket, head);
    } catch (error) {
      const code = error instanceof NearlightError ? error.code : 'NL_CONNECTION';
      this.#options.meters.countRefusedRequest(code);
      const entry = errors[code];
      const status = 'http' in entry ? entry.http : 500;
      socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    }
  }

  /** Waits until it is the request's turn on its connection. @returns false if the connection has ended */
  async #isDue({ socket }: IncomingMessage): Promise<boolean> {
    if (this.#clients.isProxy(socket)) return true;
    const now = systemClock.now();
    let pace = this.#paces.get(socket);
    if (!pace) {
      const bucket = new Bucket({ perSecond: REQUESTS_PER_SECOND, burst: REQUESTS_AT_ONCE, now });
      pace = { bucket, waiting: 0 };
      this.#paces.set(socket, pace);
    }
    const waitMs = pace.bucket.reserve(now);
    if (waitMs > 0) {
      if (pace.waiting >= REQUESTS_WAITING_MAX) {
        socket.destroy();
        return false;
      }
      pace.waiting++;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      pace.waiting--;
    }
    return !socket.destroyed;
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const { warn, meters } = this.#options;
    const coded = asResourceError(error);
    if (!(coded instanceof NearlightError)) warn(`a request failed: ${error}`);
    const known =
      coded instanceof NearlightError ? coded : new NearlightError('NL_CONNECTION', 'the server failed; try again');
    meters.countRefusedRequest(known.code);
    const entry = errors[known.code];
    const seconds = RETRY_SECONDS[known.code];
    if (seconds !== undefined) response.setHeader('retry-after', seconds);
    // RFC 9110, 11.6.1.
    if ('http' in entry && entry.http === 401) response.setHeader('www-authenticate', 'Bearer');
    answerJson(response, 'http' in entry ? entry.http : 500, { code: known.code, message: known.detail });
  }
}

/** @throws NearlightError NL_METHOD if the request's method is not one of `methods` */
export function checkMethod({ request, response }: Call, methods: string): void {
  if (methods.split(', ').includes(request.method ?? '')) return;
  response.setHeader('allow', methods);
  throw new NearlightError('NL_METHOD', `${request.method}; use ${methods}`);
}

export function answerJson(response: ServerResponse, status: number, value: object): void {
  send(response, { status, type: JSON_TYPE, body: Buffer.from(JSON.stringify(value)) });
}

export const JSON_TYPE = 'application/json; charset=utf-8';

/** An answer that can be sent more than once. */
export interface Answer {
  status: number;
  /** Content type, with its charset. */
  type: string;
  body: Buffer;
}

export function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': body.length,
    'cache-control': 'no-store',
  });
  response.end(body);
}

async function listen(server: Server, { host, port, hostSetting, portSetting }: Listen): Promise<void> {
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen({ port, ...(host === '' ? {} : { host }) }, listening.resolve);
  try {
    await listening.promise;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      const advice = `stop the program that uses it, or choose another port with ${portSetting} (${portSetting}=0 takes a free one)`;
      throw new NearlightError('NL_PORT_IN_USE', `${host}:${port} is taken; ${advice}`, { cause });
    }
    const advice = `set ${hostSetting} to an address of this machine, and ${portSetting} to a port that you may use`;
    throw new NearlightError(
      'NL_SETTING',
      `cannot listen at ${hostSetting}=${host} ${portSetting}=${port} (${code}); ${advice}`,
      { cause },
    );
  }
}

function urlOf(address: string, port: number): string {
  const name = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}/`;
}
