import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:dgram';
import type { IncomingMessage } from 'node:http';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { milli } from '../base/time.ts';
import type { Meters } from '../observe/meters.ts';
import { Admission, type Ticket } from './admission.ts';
import type { Endpoint } from './candidate.ts';
import { plainAddress } from './clients.ts';
import { type PageFile, sendFile } from './files.ts';
import { type Call, checkMethod, openHttpServer } from './http.ts';
import { type Offer, readOffer } from './offer.ts';
import { AllowedOrigins, answerPreflight } from './origin.ts';
import type { Player, ViewRequest } from './player.ts';
import { openRelay, type Relay, type RelayStats } from './relay.ts';
import { readSdp, readView } from './request.ts';
import { checkTrickle } from './trickle.ts';
import { checkTurn, iceServerLinks } from './turn.ts';
import { openPlayerSocket } from './udp.ts';
import { WebRtcConnection } from './webrtc.ts';

export interface StreamServerOptions {
  config: Config;
  log: { info(message: string): void; warn(message: string): void };
  /** The files of the player's page by path, such as `/` and `/player.js`. */
  files: ReadonlyMap<string, PageFile>;
  /** Size and frame rate of the picture for a page whose request does not give them. */
  defaultView: ViewRequest;
  /**
   * Checks that a game has a free seat, and returns a function that takes a seat when the page has connected.
   * @throws NearlightError, for example NL_ROOM_FULL, which is sent to the page; so does the function
   */
  admit(request: ViewRequest): Promise<() => Player>;
  /** The counters of the host process, to which the server adds its connections. */
  meters: Meters;
  /** A UDP socket in another network, and the address at which players reach it. The server closes it. */
  nodePort?: { socket: Socket; address: string } | undefined;
}

export interface StreamServer {
  readonly port: number;
  /** URL of the player's page for a browser on this machine. */
  readonly url: string;
  /** Number of pages that are connected or connecting. */
  readonly connections: number;
  readonly isClosing: boolean;
  readonly relayStats: Readonly<RelayStats>;
  /** Notifies every page, then closes all connections and the server. Takes little longer than `closeMsMax`. Idempotent. */
  close(): Promise<void>;
}

interface State {
  readonly options: StreamServerOptions;
  readonly connections: Map<string, WebRtcConnection>;
  readonly admission: Admission;
  readonly origins: AllowedOrigins;
  readonly relay: Relay;
  /** UDP port of the relay's own socket. */
  readonly relayPort: number;
  closing: boolean;
}

const CONNECTION_PATH = /^\/whep\/([\w-]{22})$/;

/**
 * Serves the player's page and connects players; nothing else is at this port.
 * `POST /whep?size=WxH&fps=N` takes an SDP offer and returns 201 with the SDP answer and a Location. `PATCH` of that
 * Location takes ICE candidates, and `DELETE` ends the connection (draft-ietf-wish-whep). Errors are returned as JSON `{ code, message }`.
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
    route: async (call) => route(await starting.promise, call),
    onIce: (socket) =>
      starting.promise.then(
        ({ relay }) => relay.accept(socket),
        () => socket.destroy(),
      ),
  });
  try {
    const socket = await openPlayerSocket({ address: http.address, port: config.icePort });
    const sockets = nodePort ? [socket, nodePort.socket] : [socket];
    const state: State = {
      options,
      connections: new Map(),
      admission: new Admission(config, systemClock),
      origins: new AllowedOrigins(config.allowedOrigins),
      relay: openRelay({ sockets, idleMs: config.idleMsMax * 2 }),
      relayPort: socket.address().port,
      closing: false,
    };
    starting.resolve(state);
    let closed: Promise<void> | undefined;
    return {
      port: http.port,
      url: http.url,
      relayStats: state.relay.stats,
      get connections() {
        return state.connections.size;
      },
      get isClosing() {
        return state.closing;
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
  const stopped = http.stop();
  const message = 'the server is shutting down; try again in a moment';
  const notice = {
    kind: 'ended',
    code: 'NL_SHUTDOWN',
    message,
    retry: true,
  } as const;
  await Promise.all([...state.connections.values()].map((connection) => connection.finish(notice, 'shutdown')));
  http.drop();
  state.relay.close();
  await stopped;
}

async function route(state: State, call: Call): Promise<void> {
  const { request, response, url } = call;
  if (url.pathname === '/whep') {
    if (!isAllowed(state, call, 'POST, OPTIONS')) return;
    return connect(state, call);
  }
  const id = CONNECTION_PATH.exec(url.pathname)?.[1];
  if (id !== undefined) {
    if (!isAllowed(state, call, 'PATCH, DELETE, OPTIONS')) return;
    const connection = state.connections.get(id);
    if (!connection) throw new NearlightError('NL_NOT_FOUND', 'this connection has ended or never existed');
    return request.method === 'PATCH' ? trickle(state, connection, call) : disconnect(connection, call);
  }
  const file = state.options.files.get(url.pathname);
  if (!file) throw new NearlightError('NL_NOT_FOUND', url.pathname.slice(0, 100));
  checkMethod(call, 'GET, HEAD');
  sendFile(request, response, file);
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

async function connect(state: State, { request, response, url, client }: Call): Promise<void> {
  const { config, admit } = state.options;
  state.admission.countOffer(client);
  const view = readView(url.searchParams, config, state.options.defaultView);
  const offer = readOffer(await readSdp(request, 'application/sdp', config.offerBytesMax), config);
  checkOpen(state);
  const seat = await admit(view);
  checkOpen(state);
  const id = randomBytes(16).toString('base64url');
  const connection = open(state, { id, client, offer, seat, endpoints: endpointsFor(state, request) });
  if (response.destroyed) connection.close('page');
  response.once('close', () => {
    if (!response.writableFinished) connection.close('page');
  });
  const sdp = await connection.answer();
  response.writeHead(201, {
    'content-type': 'application/sdp',
    // The address is relative to that of the request, so it is right behind a proxy that adds a prefix.
    location: `whep/${id}`,
    link: iceServerLinks(config, milli(Date.now())),
    'cache-control': 'no-store',
  });
  response.end(sdp);
}

function checkOpen(state: State): void {
  if (state.closing) throw new NearlightError('NL_SHUTDOWN', 'try again in a moment');
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

interface Opening {
  id: string;
  client: string;
  offer: Offer;
  seat(): Player;
  endpoints: readonly Endpoint[];
}

function open(state: State, { id, client, offer, seat, endpoints }: Opening): WebRtcConnection {
  const { admission, relay, options } = state;
  const { config, log, meters } = options;
  let connection: WebRtcConnection | undefined;
  let player: Player | undefined;
  const ticket: Ticket = admission.open(client, () => connection?.close('displaced'));
  try {
    connection = new WebRtcConnection({
      offer,
      config,
      relay,
      endpoints,
      seat: () => {
        ticket.seat();
        player = seat();
        return player;
      },
      warn: (message) => log.warn(message),
      onConnected: () => {
        meters.sessions++;
        meters.sessionsJoined++;
      },
      onClosed: (reason) => {
        if (player) meters.sessions--;
        meters.sessionsEnded[reason]++;
        state.connections.delete(id);
        ticket.close();
        // Connections that never got a seat are only counted, because strangers could fill the log with them.
        if (player) log.info(`the connection of seat ${player.seat} closed: ${reason}`);
      },
    });
    state.connections.set(id, connection);
    return connection;
  } catch (error) {
    ticket.close();
    throw error;
  }
}

async function trickle({ options }: State, connection: WebRtcConnection, { request, response }: Call): Promise<void> {
  const body = await readSdp(request, 'application/trickle-ice-sdpfrag', options.config.offerBytesMax);
  checkTrickle(body, connection.remoteUfrag);
  response.writeHead(204).end();
}

function disconnect(connection: WebRtcConnection, { response }: Call): void {
  connection.close('deleted');
  response.writeHead(200, { 'content-length': 0 }).end();
}
