import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NearlightError } from '../../base/errors.ts';

/** A file of the page, with its content type. */
export interface PageFile {
  type: string;
  body: Uint8Array;
}

export interface DevServerOptions {
  port: number;
  /** Returns the file that answers a GET request; undefined if there is none at the path. */
  file(path: string): PageFile | undefined;
  /** Returns the answer to a POST request whose body is `text`; undefined if the path accepts none. */
  post(path: string, text: string): string | undefined;
  /** Returns the first event for a page that listens at /events. */
  newest(): object | undefined;
}

/** A server that answers only pages of its own origin on this machine. */
export interface DevServer {
  readonly url: string;
  /** Sends an event to every page that listens at /events. */
  broadcast(notice: object): void;
  close(): Promise<void>;
}

const ADDRESS = '127.0.0.1';
const BODY_BYTES_MAX = 65_536;
/** A page that has lost its connection to the server reconnects after this many milliseconds. */
const RETRY_MS = 500;

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Starts the development server. @throws NearlightError NL_PORT_IN_USE */
export async function startServer(options: DevServerOptions): Promise<DevServer> {
  const listeners = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    void answer(request, response, options, listeners).catch(() => response.destroy());
  });
  await listen(server, options.port);
  const url = `http://${ADDRESS}:${(server.address() as AddressInfo).port}/`;
  return {
    url,
    broadcast(notice) {
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
    server.on('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        taken ? new NearlightError('NL_PORT_IN_USE', `${ADDRESS}:${port}; choose another port with --port N`) : error,
      );
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
  if (!isOwnOrigin(request))
    return void response.writeHead(403).end('NL_ORIGIN: open the address that the command has printed\n');
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (request.method === 'POST') {
    const reply = options.post(pathname, await body(request));
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

/**
 * Tells whether a request comes from this server's own page. It checks the Host header as well, because another site can
 * make its own name point to this machine (DNS rebinding).
 */
function isOwnOrigin({ headers, socket }: IncomingMessage): boolean {
  const own = [`${ADDRESS}:${socket.localPort}`, `localhost:${socket.localPort}`];
  if (!own.includes(headers.host ?? '')) return false;
  return headers.origin === undefined || own.some((host) => headers.origin === `http://${host}`);
}

async function body(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) throw new Error('the body of the request is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function event(notice: object): string {
  return `data: ${JSON.stringify(notice)}\n\n`;
}
