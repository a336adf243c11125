import type { Socket } from 'node:dgram';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { type Faults, NO_FAULTS } from '../base/faults.ts';
import type { About } from '../base/log.ts';
import { HEADER_RETURN, QUERY_HOLD, QUERY_WATCH } from '../base/protocol.ts';
import { milli } from '../base/time.ts';
import { NO_TRACER, type Tracer } from '../base/trace.ts';
import type { Meters } from '../observe/meters.ts';
import { Admission } from './admission.ts';
import {
  accept,
  arrive,
  checkJoinable,
  checkOpen,
  closeWith,
  draining,
  keepTurn,
  open,
  type Reception,
} from './arrivals.ts';
import type { Endpoint } from './candidate.ts';
import { Carries, type CarriesOptions } from './carries.ts';
import type { CarrySeal } from './carry-ticket.ts';
import { plainAddress } from './clients.ts';
import type { PageConnection } from './connection.ts';
import { issueTicket, type Limit, limited } from './entrance.ts';
import { suffer } from './faults.ts';
import { headersFor, type PageFile, sendFile } from './files.ts';
import { type Gate, OPEN_GATE, readBearer } from './gate.ts';
import { answerJson, type Call, checkMethod, type HttpServer, openHttpServer } from './http.ts';
import { traceJoin } from './join-trace.ts';
import { type Onward, sendPagesOn } from './leaving.ts';
import { readOffer } from './offer.ts';
import { AllowedOrigins, answerPreflight } from './origin.ts';
import type { Player, ViewRequest } from './player.ts';
import { type Place, Queue } from './queue.ts';
import { openRelay, type Relay, type RelayStats } from './relay.ts';
import { checkProtocol, readAsked, readCodec, readSdp, readView } from './request.ts';
import { type KeptSeat, Returns, readTokens } from './returns.ts';
import { SocketConnection } from './socket.ts';
import { TierCounter } from './tiers.ts';
import { Transfers } from './transfers.ts';
import { checkTrickle } from './trickle.ts';
import { checkTurn, iceServerLinks } from './turn.ts';
import { openPlayerSocket } from './udp.ts';
import { WebRtcConnection } from './webrtc.ts';

/** The games into which carried players come; see CarriesOptions. */
export type CarriedGames = Pick<CarriesOptions, 'games' | 'arrive'>;

export interface StreamServerOptions {
  config: Config;
  log: Record<'debug' | 'warn', (message: string) => void> & { info(message: string, about?: About): void };
  /** The files of the player's page by path, such as `/` and `/player.js`. */
  files: ReadonlyMap<string, PageFile>;
  /** Size and frame rate of the picture for a page whose request does not give them. */
  defaultView: ViewRequest;
  /**
   * Checks that a game has a free seat, and returns a function that takes a seat when the page has connected.
   * @throws NearlightError, for example NL_ROOM_FULL, which is sent to the page; so does the function
   */
  admit(request: ViewRequest): Promise<() => Player>;
  /** Returns a function that lets a page watch a game. Without it, no one can watch. @throws NearlightError */
  watch?(request: ViewRequest): Promise<() => Player>;
  /** Decides who may join. By default anyone may. */
  gate?: Gate | undefined;
  /** Takes the seats whose players can return, whenever one was taken or given up. */
  onSeats?(seats: readonly KeptSeat[]): void;
  /** Resolves when all seats that wait for players of an earlier process are known. Pages that come earlier wait. */
  ready?: Promise<void> | undefined;
  /** Limits the requests of new players. By default there are no such limits. */
  limit?: Limit | undefined;
  /** Traces joins. By default nothing is traced. */
  tracer?: Tracer | undefined;
  /** Faults that an operator injects into requests and packets. By default there are none. */
  faults?: Pick<Faults, 'strike'> | undefined;
  /** The counters of the host process, to which the server adds its connections. */
  meters: Meters;
  /** Takes players whom another server of the game sends. Without it, none are taken with their state. */
  carry?: (CarriedGames & { seal: Pick<CarrySeal, 'open'> }) | undefined;
  /** A UDP socket in another network, and the address at which players reach it. The server closes it. */
  nodePort?: { socket: Socket; address: string } | undefined;
}

export interface StreamServer {
  readonly port: number;
  /** URL of the player's page for a browser on this machine. */
  readonly url: string;
  /** Number of pages that are connected or connecting. */
  readonly connections: number;
  /** Number of seats that wait for players who have lost their connection, or whose turn in the queue has come. */
  readonly held: number;
  /** Number of pages that wait for a free seat. */
  readonly waiting: number;
  /** Number of seats that wait for players who have not come yet. */
  readonly reserved: number;
  readonly isClosing: boolean;
  /** Whether no new players are taken. */
  isDraining: boolean;
  readonly relayStats: Readonly<RelayStats>;
  /** Holds a seat for a player whose token another process has given, for as long as for one who has lost the connection. */
  resume(player: Player, kept: Omit<KeptSeat, 'game' | 'seat'>): void;
  /** Keeps seats for players who move. */
  readonly transfers: Transfers;
  /** Sends all pages to another server. Resolves when they have left, after some seconds at the latest. */
  sendOn(onwardOf: (seat: KeptSeat) => Onward): Promise<void>;
  /** Notifies every page, then closes all connections and the server. Takes little longer than `closeMsMax`. Idempotent. */
  close(): Promise<void>;
}

interface State extends Reception {
  readonly options: StreamServerOptions;
  /** Speaks the protocol of WebSockets with pages. */
  readonly sockets: WebSocketServer;
  readonly origins: AllowedOrigins;
  readonly relay: Relay;
  /** UDP port of the relay's own socket. */
  readonly relayPort: number;
  closing: boolean;
  draining: boolean;
  leaving: boolean;
  carries: Carries | undefined;
}

/** A server that shuts down is often started again. A page that tries earlier than this finds nothing. */
const RESTART_MS = 1000;

/** A browser checks addresses that it does not use now less often than every 15 s. */
const PATH_MS_MIN = 30_000;

const CONNECTION_PATH = /^\/whep\/([\w-]{22})$/;

/**
 * Serves the player's page and connects players; nothing else is at this port.
 * `POST /whep?size=WxH&fps=N` takes an SDP offer and returns 201 with the SDP answer and a Location. `PATCH` of that
 * Location takes ICE candidates, and `DELETE` ends the connection (draft-ietf-wish-whep). `POST /whep/socket`, with the same
 * query, connects a page over a WebSocket, which the page opens at the Location. Both take a carry ticket with the offer (CARRY_TYPE). `POST /whep/queue` answers with the page's
 * position in the queue for a seat as JSON `{ position, token }`. `POST /whep/ticket`, with the same query and a token, answers with a join
 * ticket as JSON, which takes the token's place in one of the other requests. Errors are returned as JSON `{ code, message }`.
 * @throws NearlightError NL_PORT_IN_USE, or NL_SETTING if the address or the TURN servers cannot be used
 */
export async function createStreamServer(options: StreamServerOptions): Promise<StreamServer> {
  const { config, log, meters, nodePort } = options;
  checkTurn(config);
  const starting = Promise.withResolvers<State>();
  // Requests that arrive before the UDP socket is open wait for it.
  starting.promise.catch(() => {});
  const http = await openHttpServer({
    listen: { host: config.host, port: config.port, hostSetting: 'HOST', portSetting: 'PORT' },
    config,
    meters,
    warn: (message) => log.warn(message),
    headers: headersFor(config),
    route: async (call) => route(await starting.promise, call),
    onUpgrade: async (...upgrade) => attachSocket(await starting.promise, ...upgrade),
    onIce: (socket) =>
      starting.promise.then(
        ({ relay }) => relay.accept(socket),
        () => socket.destroy(),
      ),
  });
  try {
    const socket = await openPlayerSocket({ address: http.address, port: config.icePort });
    const sockets = nodePort ? [socket, nodePort.socket] : [socket];
    const admission = new Admission(config, systemClock);
    const tiers = new TierCounter({ meters, debug: (message) => log.debug(message) });
    const onChange = () => options.onSeats?.(returns.kept);
    const returns: Returns = new Returns(config, { tiers, onChange });
    const { gate = OPEN_GATE } = options;
    const reserve = (place: Place, take: () => Player) => keepTurn({ admission, returns }, place, take);
    const admit = async (request: ViewRequest, { client, pass }: Place) => {
      const take = await options.admit(request);
      await gate.judge(pass, { kind: 'play', client, game: request.game });
      return take;
    };
    const state: State = {
      options,
      connections: new Map(),
      sockets: new WebSocketServer({ noServer: true, maxPayload: config.inputBytesMax, perMessageDeflate: false }),
      admission,
      origins: new AllowedOrigins(config.allowedOrigins),
      returns,
      queue: new Queue({ limits: config, admit, reserve }),
      relay: openRelay({ sockets, idleMs: Math.max(PATH_MS_MIN, config.idleMsMax * 2), faults: options.faults }),
      relayPort: socket.address().port,
      closing: false,
      draining: false,
      leaving: false,
      carries: undefined,
    };
    const transfers = new Transfers({ places: state, config, defaultView: options.defaultView });
    const warn = (message: string) => log.warn(message);
    if (options.carry) state.carries = new Carries({ ...options.carry, transfers, warn });
    starting.resolve(state);
    let closed: Promise<void> | undefined;
    return {
      port: http.port,
      url: http.url,
      relayStats: state.relay.stats,
      transfers,
      get connections() {
        return state.connections.size;
      },
      get held() {
        return state.returns.held;
      },
      get waiting() {
        return state.queue.size;
      },
      resume(player, kept) {
        returns.resume(player, kept, config.returnMsMax);
      },
      get reserved() {
        return state.returns.reserved;
      },
      get isClosing() {
        return state.closing;
      },
      get isDraining() {
        return state.draining;
      },
      set isDraining(isDraining) {
        setDraining(state, http, isDraining);
      },
      sendOn(onwardOf) {
        state.leaving = true;
        return sendPagesOn(state, onwardOf);
      },
      close() {
        closed ??= closeAll(state, http);
        return closed;
      },
    };
  } catch (error) {
    starting.reject(error);
    const stopped = http.stop();
    http.drop();
    await stopped;
    throw error;
  }
}

async function closeAll(state: State, http: { stop(): Promise<void>; drop(): void }): Promise<void> {
  state.closing = true;
  state.queue.close();
  state.returns.close();
  const stopped = http.stop();
  const message = 'the server is shutting down';
  const notice = {
    kind: 'ended',
    code: 'NL_SHUTDOWN',
    message,
    retry: true,
    afterMs: RESTART_MS,
  } as const;
  await Promise.all([...state.connections.values()].map((connection) => connection.finish(notice, 'shutdown')));
  http.drop();
  state.relay.close();
  await stopped;
}

/** Takes no new players from now on, or takes them again. */
function setDraining(state: State, http: Pick<HttpServer, 'isLeaving'>, isDraining: boolean): void {
  state.draining = isDraining;
  state.leaving = false;
  // A page that goes on elsewhere at the same address must not come back here over a connection that it has.
  http.isLeaving = isDraining;
  if (isDraining) state.queue.dismiss(draining());
}

async function route(state: State, call: Call): Promise<void> {
  const { request, response, url } = call;
  if (!(await suffer(state.options.faults ?? NO_FAULTS, call))) return;
  if (url.pathname === '/whep') {
    if (!isAllowed(state, call, 'POST, OPTIONS')) return;
    return traced(state, call, 'join', connect);
  }
  if (url.pathname === '/whep/socket') {
    if (!isAllowed(state, call, 'POST, OPTIONS')) return;
    return traced(state, call, 'join', connectSocket);
  }
  if (url.pathname === '/whep/line') {
    // A page looks whether its line to this server is back, or why this server refuses it.
    state.origins.explain(request, response);
    if (!isAllowed(state, call, 'GET, OPTIONS')) return;
    response.writeHead(204, { 'cache-control': 'no-store' }).end();
    return;
  }
  if (url.pathname === '/whep/queue') {
    if (!isAllowed(state, call, 'POST, OPTIONS')) return;
    return traced(state, call, 'queue', queueUp);
  }
  if (url.pathname === '/whep/ticket') {
    if (!isAllowed(state, call, 'POST, OPTIONS')) return;
    return traced(state, call, 'ticket', sendTicket);
  }
  const id = CONNECTION_PATH.exec(url.pathname)?.[1];
  if (id !== undefined) {
    if (!isAllowed(state, call, 'PATCH, DELETE, OPTIONS')) return;
    return request.method === 'PATCH' ? trickle(state, id, call) : disconnect(state, id, call);
  }
  const file = state.options.files.get(url.pathname);
  if (!file) throw new NearlightError('NL_NOT_FOUND', url.pathname.slice(0, 100));
  checkMethod(call, 'GET, HEAD');
  if (file.isShared) state.origins.share(request, response);
  sendFile(request, response, file);
}

/** Answers a request for a place in a trace of its own. */
function traced(
  state: State,
  call: Call,
  name: 'join' | 'queue' | 'ticket',
  work: (state: State, call: Call) => Promise<void>,
): Promise<void> {
  const { tracer = NO_TRACER, config } = state.options;
  return traceJoin({ tracer, name, call, slowMs: config.traceSlowJoinMs }, () => work(state, call));
}

/**
 * Checks the origin and the method of a WHEP request. Answers OPTIONS.
 * @returns whether another method has to be answered
 * @throws NearlightError NL_ORIGIN, NL_METHOD
 */
function isAllowed({ origins }: State, call: Call, methods: string): boolean {
  const { request, response } = call;
  origins.check(request, response);
  checkMethod(call, methods);
  if (request.method !== 'OPTIONS') return true;
  answerPreflight(response, methods);
  return false;
}

/** Connects a page over WebRTC. Answers with the SDP answer. */
async function connect(state: State, call: Call): Promise<void> {
  const { config } = state.options;
  const { request, response } = call;
  const readBody = async () => {
    const { sdp, carry } = await readAsked(request, 'application/sdp', config.offerBytesMax);
    return { ...readOffer(sdp, config), carry };
  };
  const arriving = await arrive(state, call, readBody);
  const [offer, endpoints] = [arriving.offer, endpointsFor(state, request)];
  const connection = open(
    state,
    arriving,
    (options) => new WebRtcConnection({ ...options, offer, relay: state.relay, endpoints }),
  );
  closeWith(response, connection);
  const sdp = await connection.answer();
  accept(state, response, arriving, {
    'content-type': 'application/sdp',
    // The address is relative to that of the request, so it is right behind a proxy that adds a prefix.
    location: `whep/${arriving.id}`,
    link: iceServerLinks(config, milli(Date.now())),
  }).end(sdp);
}

/** Connects a page over a WebSocket, which the page then opens at the Location. */
async function connectSocket(state: State, call: Call): Promise<void> {
  const { request, response, url } = call;
  const codec = readCodec(url.searchParams);
  const readBody = async () => {
    const { carry } = await readAsked(request, undefined, state.options.config.offerBytesMax);
    return { watches: false, codec, carry };
  };
  const arriving = await arrive(state, call, readBody);
  closeWith(
    response,
    open(state, arriving, (options) => new SocketConnection(options, codec)),
  );
  accept(state, response, arriving, { location: arriving.id, 'content-length': 0 }).end();
}

/** Hands the WebSocket that a page opens to its connection. */
function attachSocket(state: State, request: IncomingMessage, url: URL, socket: Duplex, head: Buffer): void {
  state.origins.check(request);
  const id = CONNECTION_PATH.exec(url.pathname)?.[1] ?? '';
  const connection = connectionOf(state, id);
  if (!(connection instanceof SocketConnection))
    throw new NearlightError('NL_NOT_FOUND', 'this connection is not a WebSocket');
  state.sockets.handleUpgrade(request, socket, head, (opened) => connection.attach(opened));
}

/** Answers with a page's position in the queue, now or when it changes. At position 0 a seat waits for the page. */
async function queueUp(state: State, { request, response, url, client }: Call): Promise<void> {
  await state.options.ready;
  checkOpen(state);
  const { config, defaultView, gate = OPEN_GATE } = state.options;
  const tokens = readTokens(request.headers[HEADER_RETURN]) ?? [];
  checkProtocol(url.searchParams);
  const view = readView(url.searchParams, config, defaultView);
  const [token = ''] = tokens;
  const hasSeat = state.returns.find(tokens) !== undefined;
  if (!hasSeat) checkJoinable(state);
  const onGone = (forget: () => void) => response.once('close', forget);
  const bearer = readBearer(request.headers.authorization);
  if (gate.fleet && !hasSeat) throw gate.fleet.missing();
  const identify = () => limited(state, 'queue', () => gate.identify(bearer));
  const asked = { tokens, client, request: view, identify, onGone };
  answerJson(response, 200, hasSeat ? { position: 0, token } : await state.queue.ask(asked));
}

/** Answers with a join ticket for the token in the request. */
async function sendTicket(state: State, { request, response, url, client }: Call): Promise<void> {
  checkOpen(state);
  checkJoinable(state);
  const { config, defaultView, gate = OPEN_GATE } = state.options;
  await gate.measure('address', () => state.admission.countOffer(client));
  checkProtocol(url.searchParams);
  const view = readView(url.searchParams, config, defaultView);
  const bearer = readBearer(request.headers.authorization);
  const watches = url.searchParams.has(QUERY_WATCH);
  answerJson(response, 201, await issueTicket(state, { client, bearer, view, watches }));
}

/**
 * Returns the addresses that a page may send its packets to: the one at which its request arrived, by UDP and by TCP, that in
 * the setting ICE_ADDRESS, and that of the node's port. A stranger learns no other address of this machine.
 */
function endpointsFor({ options, relayPort }: State, { socket }: IncomingMessage): Endpoint[] {
  const { config, nodePort } = options;
  const address = plainAddress(socket.localAddress ?? '');
  const endpoints: Endpoint[] = [{ address, port: relayPort }];
  if (config.iceAddress !== '') endpoints.push({ address: config.iceAddress, port: relayPort });
  if (nodePort) endpoints.push({ address: nodePort.address, port: nodePort.socket.address().port });
  // The page's network may let nothing but TCP pass. The request's own connection shows that this address can be reached.
  if (socket.localPort !== undefined) endpoints.push({ address, port: socket.localPort, protocol: 'TCP' });
  return endpoints;
}

async function trickle(state: State, id: string, { request, response }: Call): Promise<void> {
  const connection = connectionOf(state, id);
  const body = await readSdp(request, 'application/trickle-ice-sdpfrag', state.options.config.offerBytesMax);
  checkTrickle(body, connection instanceof WebRtcConnection ? connection.remoteUfrag : '');
  response.writeHead(204).end();
}

function disconnect(state: State, id: string, { response, url }: Call): void {
  if (!state.returns.leave(id, url.searchParams.has(QUERY_HOLD))) connectionOf(state, id).close('deleted');
  response.writeHead(200, { 'content-length': 0 }).end();
}

/** @throws NearlightError NL_NOT_FOUND */
function connectionOf({ connections }: State, id: string): PageConnection {
  const connection = connections.get(id);
  if (!connection) throw new NearlightError('NL_NOT_FOUND', 'this connection has ended or never existed');
  return connection;
}
