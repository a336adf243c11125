import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NearlightError } from '../../base/errors.ts';

/** A file as it is sent. */
export interface PageFile {
  type: string;
  body: Uint8Array;
}

export interface DevServerOptions {
  port: number;
  /** The answer to GET of a path; undefined where there is nothing. */
  file(path: string): PageFile | undefined;
  /** The answer to POST of a path with this text; undefined where there is nothing. */
  ask(path: string, text: string): string | undefined;
  /** What a page is told first that listens at /events. */
  newest(): object | undefined;
}

/** Answers pages of its own origin only, on this machine only. */
export interface DevServer {
  readonly url: string;
  /** Tells every page that listens. */
  tell(notice: object): void;
  close(): Promise<void>;
}

const ADDRESS = '127.0.0.1';
const BODY_BYTES_MAX = 65_536;
/** After so long a page tries to connect again. */
const RETRY_MS = 500;

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** @throws NearlightError NL_PORT_IN_USE */
export async function startServer(options: DevServerOptions): Promise<DevServer> {
  const listeners = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    void answer(request, response, options, listeners).catch(() => response.destroy());
  });
  await listen(server, options.port);
  const url = `http://${ADDRESS}:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    tell(notice) {
      for (const listener of listeners) listener.write(event(notice));
    },
    async close() {
      for (const listener of listeners) listener.end();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(taken ? new NearlightError('NL_PORT_IN_USE', `${ADDRESS}:${port}; choose another with --port N`) : error);
    });
    server.listen(port, ADDRESS, resolve);
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: DevServerOptions,
  listeners: Set<ServerResponse>,
): Promise<void> {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  if (!ownOrigin(request))
    return void response.writeHead(403).end('NL_ORIGIN: open the address that dev has printed\n');
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (request.method === 'POST') {
    const reply = options.ask(pathname, await body(request));
    if (reply === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(reply);
  } else if (pathname === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    listeners.add(response);
    response.on('close', () => listeners.delete(response));
    const newest = options.newest();
    response.write(`retry: ${RETRY_MS}\n\n${newest ? event(newest) : ''}`);
  } else {
    const file = options.file(pathname);
    if (!file) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': file.type, 'content-length': file.body.length }).end(file.body);
  }
}

/** The Host header too: a page of another site whose name leads here (DNS rebinding) is another origin. */
function ownOrigin({ headers, socket }: IncomingMessage): boolean {
  const own = [`${ADDRESS}:${socket.localPort}`, `localhost:${socket.localPort}`];
  if (!own.includes(headers.host ?? '')) return false;
  return headers.origin === undefined || own.some((host) => headers.origin === `http://${host}`);
}

async function body(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) throw new Error('too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function event(notice: object): string {
  return `data: ${JSON.stringify(notice)}\n\n`;
}
