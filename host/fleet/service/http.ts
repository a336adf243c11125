import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type ErrorCode, errors, NearlightError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';

const CONNECTIONS_MAX = 8192;
const HEADER_BYTES_MAX = 32_768;
const HEADERS_MS_MAX = 5000;
const REQUEST_MS_MAX = 15_000;
/** Longer than a load balancer keeps its connections by default, so that it never sends a request on one that ends. */
const KEEP_ALIVE_MS_MAX = 75_000;
/** A caller asks again after this time, in seconds, if the reason of a refusal passes quickly. */
const RETRY_SECONDS: Partial<Record<ErrorCode, number>> = { NL_FLEET_FULL: 1, NL_FLEET: 1, NL_KUBE: 1, NL_ISSUER: 2 };

/** A request and what answers it. */
export interface Call {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly method: string;
  /** The token of the request (RFC 6750, 2.1). */
  readonly bearer: string | undefined;
  /** Reads the body as a JSON object. @throws NearlightError NL_FLEET_REQUEST */
  readBody(bytesMax: number): Promise<Readonly<Record<string, unknown>>>;
}

export interface Reply {
  readonly status: number;
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FleetServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface FleetServerOptions {
  host: string;
  port: number;
  log: Log;
  /** @throws NearlightError, which is sent to the caller */
  answer(call: Call): Promise<Reply>;
}

/**
 * Serves the fleet's callers over HTTP. Errors become JSON `{ code, message }`.
 * @throws NearlightError NL_PORT_IN_USE, or NL_SETTING if the address cannot be used
 */
export async function openFleetServer({ host, port, log, answer }: FleetServerOptions): Promise<FleetServer> {
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS_MAX,
  });
  server.maxConnections = CONNECTIONS_MAX;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', (request, response) => {
    void (async () => {
      const reply = await answer(callOf(request)).catch((error: unknown) => replyTo(error, log));
      send(request, response, reply);
    })();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const code = cause.code === 'EADDRINUSE' ? 'NL_PORT_IN_USE' : 'NL_SETTING';
      const advice = 'set FLEET_HOST to an address of this machine, and FLEET_PORT to a free port';
      reject(new NearlightError(code, `cannot listen at ${host}:${port} (${cause.code}); ${advice}`, { cause }));
    });
    server.listen({ port, ...(host === '' ? {} : { host }) }, resolve);
  });
  const { address, port: taken } = server.address() as AddressInfo;
  const name = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address;
  return {
    url: `http://${name.includes(':') ? `[${name}]` : name}:${taken}/`,
    port: taken,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        // Requests that are being served have as long as they may take at all.
        setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, 1000).unref();
      }),
  };
}

export function replyTo(error: unknown, log: Log): Reply {
  if (!(error instanceof NearlightError)) {
    log('error', `a request failed: ${error instanceof Error ? error.stack : String(error)}`);
    return {
      status: 500,
      body: { code: 'NL_INTERNAL', message: 'the fleet has a bug; its log says more' },
    };
  }
  const entry: { text: string; http?: number } = errors[error.code];
  const seconds = RETRY_SECONDS[error.code];
  const status = entry.http ?? 500;
  return {
    status,
    body: { code: error.code, message: error.detail },
    headers: {
      ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
      // RFC 9110, 11.6.1.
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
  };
}

function callOf(request: IncomingMessage): Call {
  const { method = '', headers } = request;
  const target = request.url ?? '/';
  const url = new URL(target.startsWith('/') ? `http://fleet${target}` : 'http://fleet/');
  const bearer = /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  return { request, method, url, bearer, readBody: (bytesMax) => readBody(request, bytesMax) };
}

async function readBody(request: IncomingMessage, bytesMax: number): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new NearlightError('NL_FLEET_REQUEST', `the body has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new NearlightError('NL_FLEET_REQUEST', 'the body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new NearlightError('NL_FLEET_REQUEST', 'the body is not a JSON object');
  return value as Record<string, unknown>;
}

function send(request: IncomingMessage, response: ServerResponse, { status, body = {}, headers = {} }: Reply): void {
  if (response.headersSent || response.destroyed) return;
  const isText = typeof body === 'string';
  const bytes = Buffer.from(isText ? body : JSON.stringify(body));
  response.writeHead(status, {
    'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
    'content-length': bytes.length,
    'cache-control': 'no-store',
    ...headers,
    // The rest of a body that is too large is not read.
    ...(request.complete ? {} : { connection: 'close' }),
  });
  response.end(bytes);
}
