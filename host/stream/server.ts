import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Config } from '../base/config.ts';
import { errors, NearlightError } from '../base/errors.ts';
import { fileLimit } from '../base/files.ts';
import { asResourceError } from '../base/system-error.ts';
import type { Meters } from '../observe/meters.ts';
import { type PageFile, SECURITY_HEADERS, sendFile } from './files.ts';
import { checkLiveness, checkReadiness, type Health } from './health.ts';
import { holdIcePort } from './media.ts';
import { readOffer } from './offer.ts';
import type { Player, ViewRequest } from './player.ts';
import type { Relay } from './relay.ts';
import { checkOrigin, readOfferBody, readView } from './request.ts';
import { WebRtcConnection } from './webrtc.ts';

export interface StreamServerOptions {
  config: Config;
  log: { info(message: string): void; warn(message: string): void };
  /** The files of the player's page by path, such as `/` and `/player.js`. */
  files: ReadonlyMap<string, PageFile>;
  /** Size and frame rate of the picture for a page whose request does not give them. */
  defaultView: ViewRequest;
  /** Gives a page a player's seat in a game. @throws NearlightError, for example NL_ROOM_FULL, which is sent to the page */
  accept(request: ViewRequest): Promise<Player>;
  /** Returns what `GET /status` answers as JSON. */
  status(): object;
  /** Returns the reason why no player can join now, or undefined if one can. */
  health(): NearlightError | undefined;
  /** Returns what `GET /metrics` answers, in Prometheus's text format 0.0.4. */
  metrics(): Promise<string>;
  /** The counters of the host process, to which the server adds its connections. */
  meters: Meters;
  /** Relays packets for pages that cannot reach this process's own addresses. The caller closes it after the server. */
  relay?: Relay;
}

export interface StreamServer {
  readonly port: number;
  /** URL of the player's page for a browser on this machine. */
  readonly url: string;
  /** Number of pages that are connected or connecting. */
  readonly connections: number;
  /** Notifies every page, then closes all connections and the server. Takes little longer than `closeMsMax`. Idempotent. */
  close(): Promise<void>;
}

interface State {
  readonly options: StreamServerOptions;
  readonly connections: Map<string, WebRtcConnection>;
  closing: boolean;
}

/** A page that arrives while the game is being replaced asks again after this time. */
const RETRY_SECONDS = 1;
const CONNECTION_PATH = /^\/whep\/([\w-]{22})$/;

/**
 * Serves the player's page and connects players.
 * `POST /whep?size=WxH&fps=N` takes an SDP offer and returns 201 with the SDP answer and a Location. `DELETE` of that
 * Location ends the connection (draft-ietf-wish-whep). `GET /status`, `/healthz`, `/readyz` and `/metrics` report on the
 * host. Errors are returned as JSON `{ code, message }`.
 * @throws NearlightError NL_PORT_IN_USE, or NL_SETTING if the address cannot be used
 */
export async function createStreamServer(options: StreamServerOptions): Promise<StreamServer> {
  const state: State = { options, connections: new Map(), closing: false };
  const http = createServer({ requestTimeout: 10_000, headersTimeout: 5000 }, (request, response) => {
    void answer(state, request, response);
  });
  // Most of the files that this process may open are for games and for players, who need one each after they have joined.
  http.maxConnections = Math.floor(fileLimit() / 4);
  await listen(http, options.config);
  http.on('error', (error) => options.log.warn(`a connection could not be accepted: ${error.message}`));
  const releaseIcePort = await holdIcePort(options.config).catch((error) => {
    http.close();
    throw error;
  });
  const { port } = http.address() as AddressInfo;
  const { host } = options.config;
  const name = host === '' || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  let closed: Promise<void> | undefined;
  return {
    port,
    url: `http://${name.includes(':') ? `[${name}]` : name}:${port}/`,
    get connections() {
      return state.connections.size;
    },
    close() {
      closed ??= closeAll(state, http).then(releaseIcePort);
      return closed;
    },
  };
}

async function listen(http: Server, config: Config): Promise<void> {
  const { host, port } = config;
  const listening = Promise.withResolvers<void>();
  http.once('error', listening.reject);
  http.listen({ port, ...(host === '' ? {} : { host }) }, listening.resolve);
  try {
    await listening.promise;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      const advice = 'stop the program that uses it, or choose another port with PORT (PORT=0 takes a free one)';
      throw new NearlightError('NL_PORT_IN_USE', `${host}:${port} is taken; ${advice}`, { cause });
    }
    const advice = 'set HOST to an address of this machine, and PORT to a port that you may use';
    throw new NearlightError('NL_SETTING', `cannot listen at HOST=${host} PORT=${port} (${code}); ${advice}`, {
      cause,
    });
  }
}

async function closeAll(state: State, http: Server): Promise<void> {
  state.closing = true;
  const gone = Promise.withResolvers<void>();
  http.close(() => gone.resolve());
  const message = 'the server is shutting down; try again in a moment';
  const notice = {
    kind: 'ended',
    code: 'NL_SHUTDOWN',
    message,
    retry: true,
  } as const;
  await Promise.all([...state.connections.values()].map((connection) => connection.finish(notice, 'shutdown')));
  http.closeAllConnections();
  await gone.promise;
}

async function answer(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  try {
    await route(state, request, response);
  } catch (error) {
    answerError(state, response, error);
  }
  // The body of a refused request must be read to its end, or the server would take it for the next request.
  if (!request.readableEnded) request.resume();
}

async function route(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://nearlight');
  const file = state.options.files.get(url.pathname);
  if (url.pathname === '/whep') {
    checkMethod(request, response, 'POST');
    return connect(state, url, request, response);
  }
  const id = CONNECTION_PATH.exec(url.pathname)?.[1];
  if (id !== undefined) {
    checkMethod(request, response, 'DELETE');
    return disconnect(state, id, request, response);
  }
  if (url.pathname === '/status') {
    checkMethod(request, response, 'GET, HEAD');
    return answerJson(response, 200, state.options.status());
  }
  const probe = PROBES[url.pathname];
  if (probe) {
    checkMethod(request, response, 'GET, HEAD');
    return probe(state, response);
  }
  if (!file) throw new NearlightError('NL_NOT_FOUND', url.pathname.slice(0, 100));
  checkMethod(request, response, 'GET, HEAD');
  sendFile(request, response, file);
}

/** The URL paths that Kubernetes and Prometheus poll, with their handlers. */
const PROBES: Record<string, (state: State, response: ServerResponse) => Promise<void>> = {
  '/healthz': async (_, response) => answerHealth(response, await checkLiveness()),
  '/readyz': async (state, response) => answerHealth(response, checkReadiness(problem(state))),
  '/metrics': async ({ options }, response) =>
    send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await options.metrics()),
};

/** Returns the reason why no player can join now, if there is one. */
function problem({ closing, options }: State): NearlightError | undefined {
  return closing ? new NearlightError('NL_SHUTDOWN', 'the server is shutting down') : options.health();
}

/** @throws NearlightError NL_METHOD if the request's method is not one of `methods` */
function checkMethod(request: IncomingMessage, response: ServerResponse, methods: string): void {
  if (methods.split(', ').includes(request.method ?? '')) return;
  response.setHeader('allow', methods);
  throw new NearlightError('NL_METHOD', `${request.method}; use ${methods}`);
}

async function connect(state: State, url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { config } = state.options;
  checkOrigin(request);
  const view = readView(url.searchParams, config, state.options.defaultView);
  const offer = readOffer(await readOfferBody(request, config.offerBytesMax), config);
  checkOpen(state);
  const player = await state.options.accept(view);
  const id = randomBytes(16).toString('base64url');
  const connection = open(state, id, player, offer);
  if (response.destroyed) connection.close('page');
  response.once('close', () => {
    if (!response.writableFinished) connection.close('page');
  });
  const sdp = await connection.answer();
  response.writeHead(201, {
    'content-type': 'application/sdp',
    location: `/whep/${id}`,
    'cache-control': 'no-store',
  });
  response.end(sdp);
}

function checkOpen(state: State): void {
  if (state.closing) throw new NearlightError('NL_SHUTDOWN', 'try again in a moment');
}

function open(state: State, id: string, player: Player, offer: ReturnType<typeof readOffer>): WebRtcConnection {
  const { config, log, meters, relay } = state.options;
  let connected = 0;
  try {
    checkOpen(state);
    const connection = new WebRtcConnection({
      offer,
      player,
      config,
      relay,
      warn: (message) => log.warn(message),
      onConnected: () => {
        connected = 1;
        meters.sessions++;
        meters.sessionsJoined++;
      },
      onClosed: (reason) => {
        meters.sessions -= connected;
        meters.sessionsEnded[reason]++;
        state.connections.delete(id);
        log.info(`the connection of seat ${player.seat} closed: ${reason}`);
      },
    });
    state.connections.set(id, connection);
    return connection;
  } catch (error) {
    player.onClosed(state.closing ? 'shutdown' : 'failed');
    throw error;
  }
}

function disconnect(state: State, id: string, request: IncomingMessage, response: ServerResponse): void {
  checkOrigin(request);
  const connection = state.connections.get(id);
  if (!connection) throw new NearlightError('NL_NOT_FOUND', 'this connection has ended or never existed');
  connection.close('deleted');
  response.writeHead(200, { 'content-length': 0 }).end();
}

function answerError(state: State, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const coded = asResourceError(error);
  if (!(coded instanceof NearlightError)) state.options.log.warn(`a request failed: ${error}`);
  const known =
    coded instanceof NearlightError ? coded : new NearlightError('NL_CONNECTION', 'the server failed; try again');
  const entry = errors[known.code];
  if (known.code === 'NL_ROOM_ENDED') response.setHeader('retry-after', RETRY_SECONDS);
  answerJson(response, 'http' in entry ? entry.http : 500, {
    code: known.code,
    message: known.detail,
  });
}

function answerJson(response: ServerResponse, status: number, value: object): void {
  send(response, status, 'application/json; charset=utf-8', JSON.stringify(value));
}

function answerHealth(response: ServerResponse, { status, body }: Health): void {
  answerJson(response, status, body);
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(status, {
    'content-type': type,
    'content-length': body.length,
    'cache-control': 'no-store',
  });
  response.end(body);
}
