import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { type Clock, systemClock } from '../../base/clock.ts';
import { type ErrorCode, errors, NearlightError } from '../../base/errors.ts';
import { type Faults, INJECTED } from '../../base/faults.ts';
import type { Log } from '../../base/log.ts';
import { NO_ACCOUNT } from '../../base/pass.ts';
import type { Pressure } from '../../base/protection.ts';
import { milli } from '../../base/time.ts';
import { NO_TRACER, readTraceparent, type Tracer } from '../../base/trace.ts';
import { codeOf, inSpan } from '../../base/trace-context.ts';
import type { OpenedGate } from '../admission/gate.ts';
import { Refusal } from '../admission/reasons.ts';
import type { Limit } from '../protection/limit.ts';
import { SAVE_BYTES_MAX } from '../store/bounds.ts';
import type { EdgeStore } from '../store/store.ts';
import type { Hosts } from './hosts.ts';
import {
  BODY_BYTES_MAX,
  PREFIX,
  parseBody,
  REPORT_BYTES_MAX,
  type Report,
  type ReportCall,
  readBearerOf,
  readHost,
  readJudgeRequest,
  readPresence,
  readReports,
  readSaveId,
  readSaveQuery,
  readTicketRequest,
  readTicketText,
  SAVES,
  type Terms,
} from './protocol.ts';

const CONNECTIONS_MAX = 8192;
const HEADER_BYTES_MAX = 8192;
const REQUEST_MS_MAX = 10_000;
const JSON_TYPE = 'application/json';

/** The store's calls that hosts make. */
export type HostStore = Pick<EdgeStore, ReportCall | 'putSave' | 'getSave' | 'removeSave'>;

export interface EdgeServerOptions {
  /** Path of the socket. */
  path: string;
  gate: OpenedGate;
  store: HostStore;
  hosts: Hosts;
  /** Returns what hosts have to know. */
  terms(): Terms;
  log: Log;
  /** Bounds how many joins are decided at a time in a burst, and counts results. Without it, there is no such bound. */
  protection?: { readonly joins: Pick<Limit, 'run'>; readonly pressure: Pick<Pressure, 'count'> };
  /** Injected faults, of which `requests` strike here. By default there are none. */
  faults?: Pick<Faults, 'strike'>;
  /** Traces what hosts ask. By default nothing is traced. */
  tracer?: Tracer;
  clock?: Clock;
}

/**
 * Serves hosts at a Unix socket that only this user, and root, can open.
 * @throws NearlightError NL_EDGE if another service listens there, or the socket cannot be made
 */
export async function listenForHosts(options: EdgeServerOptions): Promise<{ close(): Promise<void> }> {
  const { path } = options;
  const server = createServer(
    { maxHeaderSize: HEADER_BYTES_MAX, requestTimeout: REQUEST_MS_MAX },
    (request, response) => {
      void answer(options, request, response);
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  // Hosts keep their connections. One that was closed here would cost a host a request.
  server.keepAliveTimeout = 0;
  await makeRoom(path);
  await listen(server, path);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function makeRoom(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (await answers(path))
    throw new NearlightError('NL_EDGE', `another edge service listens at ${path}; end it, or set EDGE_SOCKET`);
  // A service that was killed has left its socket.
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new NearlightError('NL_EDGE', `EDGE_SOCKET=${path} cannot be used: ${error.message}`, { cause: error })),
    );
    // The socket is made within the call, with this mode from the beginning.
    const before = process.umask(0o177);
    try {
      server.listen({ path }, resolve);
      chmodSync(path, 0o600);
    } catch (error) {
      reject(new NearlightError('NL_EDGE', `EDGE_SOCKET=${path} cannot be used: ${(error as Error).message}`));
    } finally {
      process.umask(before);
    }
  });
}

async function answer(options: EdgeServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://edge');
    await suffer(options, request);
    if (request.destroyed) return;
    if (url.pathname.startsWith(SAVES)) await answerSave(options.store, { request, response, url });
    else sendJson(response, 200, await route(options, request, url.pathname));
  } catch (error) {
    fail(options, { request, response }, error);
  }
}

/** Makes a request suffer an injected fault. @throws NearlightError NL_EDGE */
async function suffer(
  { faults, clock = systemClock }: Pick<EdgeServerOptions, 'faults' | 'clock'>,
  request: IncomingMessage,
): Promise<void> {
  const strike = faults?.strike('requests');
  if (strike?.kind === 'latency') await clock.until(milli(clock.now() + strike.ms));
  if (strike?.kind === 'cut') request.destroy();
  if (strike?.kind === 'error') throw new NearlightError('NL_EDGE', INJECTED);
}

async function route(options: EdgeServerOptions, request: IncomingMessage, path: string): Promise<object> {
  const name = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : '';
  const handle = Object.hasOwn(HANDLERS, name) ? HANDLERS[name] : undefined;
  if (!handle) throw new NearlightError('NL_NOT_FOUND', `${path.slice(0, 100)}; this service has ${PREFIX}`);
  if (request.method !== 'POST') throw new NearlightError('NL_METHOD', 'POST');
  const bytes = await readBody(request, name === 'report' ? REPORT_BYTES_MAX : BODY_BYTES_MAX);
  const body = parseBody(bytes.toString('utf8'));
  return TRACED.includes(name)
    ? traceCall(options, { name, request }, async () => handle(options, body))
    : handle(options, body);
}

/** Calls that belong to a join. Hosts make the others all the time. */
const TRACED: readonly string[] = ['identify', 'judge', 'ticket', 'redeem'];

/** Makes a call in a trace, which is that of the join for which the host asks. @throws what `call` throws */
async function traceCall(
  { tracer = NO_TRACER }: Pick<EdgeServerOptions, 'tracer'>,
  { name, request }: { name: string; request: IncomingMessage },
  call: () => Promise<object>,
): Promise<object> {
  const span = tracer.begin(`edge ${name}`, { parent: readTraceparent(request.headers.traceparent), kind: 'server' });
  try {
    return await inSpan(span, call);
  } catch (error) {
    span.fail(codeOf(error));
    throw error;
  } finally {
    span.end();
  }
}

type Handler = (options: EdgeServerOptions, body: ReturnType<typeof parseBody>) => object | Promise<object>;

const HANDLERS: Readonly<Record<string, Handler>> = {
  attend({ hosts, terms }, body) {
    hosts.attend(readPresence(body));
    return terms();
  },

  leave({ hosts }, body) {
    hosts.leave(readHost(body));
    return {};
  },

  async identify({ gate, protection }, body) {
    const bearer = readBearerOf(body);
    const identify = () => gate.identify(bearer);
    const pass = await (protection ? protection.joins.run(identify) : identify());
    return { account: pass.account ?? NO_ACCOUNT };
  },

  async judge({ gate }, body) {
    const { account, kind, client, game } = readJudgeRequest(body);
    await gate.judge(gate.passOf(account), { kind, client, game: game.id, facts: game });
    return {};
  },

  async ticket({ gate }, body) {
    const { id, account, room, seat } = readTicketRequest(body);
    return ticketsOf(gate).issue(id, gate.passOf(account), { room, seat });
  },

  async redeem({ gate }, body) {
    const { pass, ...place } = await ticketsOf(gate).redeem(readTicketText(body));
    return { ...place, account: pass.account ?? NO_ACCOUNT };
  },

  async report(options, body) {
    const host = readHost(body);
    const reports = readReports(body);
    for (const report of reports) {
      noteSession(options.hosts, host, report);
      if (report.call === 'addResult') options.protection?.pressure.count('results');
    }
    // All calls are made in one turn, so they share a transaction and keep their order.
    const outcomes = await Promise.allSettled(reports.map((report) => keep(options.store, report)));
    return {
      refused: outcomes.flatMap((outcome, index) =>
        outcome.status === 'fulfilled' ? [] : [{ index, ...describe(outcome.reason) }],
      ),
    };
  },
};

function ticketsOf({ tickets }: OpenedGate): NonNullable<OpenedGate['tickets']> {
  if (!tickets) throw new NearlightError('NL_NOT_FOUND', 'anyone may join here, without a ticket');
  return tickets;
}

function noteSession(hosts: Hosts, host: string, { call, input }: Report): void {
  const { id } = input as { id?: unknown };
  if (typeof id !== 'string') return;
  if (call === 'startSession') hosts.begin(host, id);
  if (call === 'endSession') hosts.end(host, id);
}

/** Makes a call whose input the store checks. */
function keep(store: HostStore, { call, input }: Report): Promise<unknown> {
  return (store[call] as (input: object) => Promise<unknown>)(input);
}

interface SaveCall {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
}

async function answerSave(store: HostStore, { request, response, url }: SaveCall): Promise<void> {
  const id = readSaveId(url.pathname);
  switch (request.method) {
    case 'PUT': {
      const about = readSaveQuery(url.searchParams);
      await store.putSave({ id, ...about, state: await readBody(request, SAVE_BYTES_MAX) });
      sendJson(response, 200, {});
      return;
    }
    case 'GET': {
      const save = await store.getSave({ id });
      if (!save) throw new NearlightError('NL_NOT_FOUND', 'no state is saved under this id');
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'nearlight-game': encodeURIComponent(save.game),
        'nearlight-saved-at': String(save.savedAt),
      });
      response.end(save.state);
      return;
    }
    case 'DELETE':
      sendJson(response, 200, { removed: await store.removeSave({ id }) });
      return;
    default:
      throw new NearlightError('NL_METHOD', 'GET, PUT, DELETE');
  }
}

function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes <= bytesMax) {
        chunks.push(chunk);
        return;
      }
      // The connection stays open for the answer.
      request.pause();
      reject(new NearlightError('NL_EDGE_REQUEST', `the body has more than ${bytesMax} bytes`));
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
  });
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': JSON_TYPE }).end(JSON.stringify(value));
}

function describe(error: unknown): { code: ErrorCode; detail: string; reason?: string } {
  if (error instanceof Refusal) return { code: error.code, detail: error.detail, reason: error.reason };
  if (error instanceof NearlightError) return { code: error.code, detail: error.detail };
  return { code: 'NL_INTERNAL', detail: 'the edge service has a bug; its log says more' };
}

function fail(
  { log }: Pick<EdgeServerOptions, 'log'>,
  { request, response }: Pick<SaveCall, 'request' | 'response'>,
  error: unknown,
): void {
  // A host that has gone ends the reading of its request, and needs no answer.
  const isGone = request.destroyed;
  if (!isGone && !(error instanceof NearlightError))
    log('error', `a request of a host failed: ${(error as Error).stack}`);
  if (response.headersSent || response.destroyed) return;
  const reply = describe(error);
  const entry: { text: string; http?: number } = errors[reply.code];
  // The rest of a body that is too large is not read.
  if (!request.complete) response.setHeader('connection', 'close');
  sendJson(response, entry.http ?? 500, reply);
}
