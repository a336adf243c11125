import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The state of a service: dead (its port is closed), slow (it answers when it is mended), or lying. */
export type Fault = 'dead' | 'slow' | RequestListener;

/** A page for signing in, as a proxy may put it in the place of any service, with status 200. */
export const HTML: RequestListener = (request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Sign in</title>');
};

/** Answers with JSON, whatever is asked. */
export function says(value: unknown, status = 200): RequestListener {
  return (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
}

/** A service over HTTP that can break and keeps its port. */
export class FaultyServer {
  readonly #port: number;
  readonly #held: (() => void)[] = [];
  #server;
  #fault: Fault | undefined;
  /** Answers requests while the service is well. */
  serve: RequestListener = says({});
  /** Number of requests that have come. */
  requests = 0;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    this.#attend();
  }

  static async open(): Promise<FaultyServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FaultyServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async break(fault: Fault): Promise<void> {
    this.#fault = fault;
    if (fault !== 'dead') return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Makes the service well again. It answers the requests that it has held back. */
  async mend(): Promise<void> {
    const wasDead = this.#fault === 'dead';
    this.#fault = undefined;
    if (wasDead) {
      this.#server = createServer();
      this.#attend();
      this.#server.listen(this.#port, '127.0.0.1');
      await once(this.#server, 'listening');
    }
    for (const answer of this.#held.splice(0)) answer();
  }

  async close(): Promise<void> {
    await this.mend();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #attend(): void {
    this.#server.on('request', (request, response) => {
      this.requests++;
      if (this.#fault === 'slow') this.#held.push(() => void this.serve(request, response));
      else if (typeof this.#fault === 'function') void this.#fault(request, response);
      else void this.serve(request, response);
    });
  }
}
