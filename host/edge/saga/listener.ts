import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errors, NearlightError } from '../../base/errors.ts';
import { type MoveAnswer, parseMessage } from './message.ts';
import { type Handler, refusalOf } from './peer.ts';
import {
  BODY_BYTES_MAX,
  type Envelope,
  HEADER_FROM,
  HEADER_MAC,
  HEADER_TIME,
  isSame,
  macOfAnswer,
  macOfRequest,
  PATH,
  parseList,
  readBody,
  SKEW_MS_MAX,
} from './wire.ts';

/** Limits on the connections of other hosts, of which each needs a few. */
const CONNECTIONS_MAX = 1024;
const REQUEST_MS_MAX = 10_000;

export interface ListenerOptions {
  host: string;
  port: number;
  /** Name of this host. */
  name: string;
  key: string;
  /** Names of the hosts whose messages are taken. */
  peers: ReadonlySet<string>;
  handle: Handler;
  /** Milliseconds since 1970. */
  now?(): number;
}

/** The port at which other hosts send messages about moves. */
export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/** Takes messages of other hosts. @throws NearlightError NL_PORT_IN_USE, or NL_SETTING if the address cannot be used */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const server = createServer(
    { requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX },
    (request, response) => {
      void answer(options, request, response);
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.on('clientError', (_, socket) => socket.destroy());
  const { host, port } = options;
  server.listen({ port, host });
  await once(server, 'listening').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EADDRINUSE')
      throw new NearlightError('NL_PORT_IN_USE', `${host}:${port} is taken; choose another port with MOVE_PORT`, {
        cause,
      });
    const advice = `set MOVE_HOST to an address of this machine, and MOVE_PORT to a port that you may use`;
    throw new NearlightError(
      'NL_SETTING',
      `cannot listen at MOVE_HOST=${host} MOVE_PORT=${port} (${cause.code}); ${advice}`,
      { cause },
    );
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(options: ListenerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { key, handle } = options;
  try {
    if (request.url !== PATH) throw new NearlightError('NL_NOT_FOUND', `there is ${PATH} alone`);
    if (request.method !== 'POST') throw new NearlightError('NL_METHOD', 'use POST');
    const envelope = readEnvelope(options, request);
    const body = await readBody(request, BODY_BYTES_MAX);
    const mac = macOfRequest(key, envelope, body);
    if (!isSame(String(request.headers[HEADER_MAC] ?? ''), mac))
      throw new NearlightError('NL_MOVE_MESSAGE', 'the request is not signed with MOVE_KEY');
    const answers = await Promise.all(parseList(body).map((value) => answerOne(handle, value, envelope.from)));
    const bytes = Buffer.from(JSON.stringify(answers));
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': bytes.length,
      [HEADER_MAC]: macOfAnswer(key, mac, bytes),
    });
    response.end(bytes);
  } catch (error) {
    refuse(request, response, error);
  }
}

/** Checks what is known of a request before its body is read. @throws NearlightError NL_MOVE_MESSAGE */
function readEnvelope({ name, peers, now = Date.now }: ListenerOptions, { headers }: IncomingMessage): Envelope {
  const from = String(headers[HEADER_FROM] ?? '');
  const time = Number(headers[HEADER_TIME] ?? Number.NaN);
  if (!peers.has(from)) throw new NearlightError('NL_MOVE_MESSAGE', 'the host is not in MOVE_PEERS');
  if (!(Math.abs(now() - time) <= SKEW_MS_MAX))
    throw new NearlightError(
      'NL_MOVE_MESSAGE',
      `the clocks of the two hosts differ by more than ${SKEW_MS_MAX / 1000} s`,
    );
  if (Number(headers['content-length'] ?? 0) > BODY_BYTES_MAX)
    throw new NearlightError('NL_MOVE_MESSAGE', `the body has more than ${BODY_BYTES_MAX} bytes`);
  return { from, to: name, time };
}

async function answerOne(handle: Handler, value: unknown, from: string): Promise<MoveAnswer> {
  try {
    return await handle(parseMessage(value), from);
  } catch (error) {
    return refusalOf(error);
  }
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { code, message } = refusalOf(error);
  const entry = errors[code];
  const body = Buffer.from(JSON.stringify({ code, message }));
  response.writeHead('http' in entry ? entry.http : 500, {
    'content-type': 'application/json',
    'content-length': body.length,
    // The rest of a body that is too large is not read.
    ...(request.complete ? {} : { connection: 'close' }),
  });
  response.end(body);
}
