import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach } from 'vitest';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Answers a request to a fake registry, once the request's body is complete. */
export type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

/** Starts an HTTP server that answers as a test wants, until the test ends; returns its host and port. */
export async function startFakeRegistry(answer: Answer): Promise<string> {
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => answer(request, response, Buffer.concat(parts)));
    request.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/**
 * Starts a proxy that can cut connections to a server, until the test ends; returns its host and port.
 * @param to host and port of the server
 * @param cut called with the head of each request; returns after how many bytes to cut the connection, or undefined
 */
export async function startCuttingProxy(to: string, cut: (head: string) => number | undefined): Promise<string> {
  const [host = '', port] = to.split(':');
  const proxy = createTcpServer((client) => {
    const upstream = connect(Number(port), host);
    let left: number | undefined;
    client.on('data', (chunk) => {
      // The client waits for each response, so a chunk that begins like a request is the head of one.
      if (/^[A-Z]+ \//.test(chunk.subarray(0, 10).toString('latin1'))) left ??= cut(chunk.toString('latin1'));
      const whole = left === undefined || chunk.length < left;
      upstream.write(whole ? chunk : chunk.subarray(0, left));
      if (left !== undefined) left -= chunk.length;
      if (!whole) client.destroy();
    });
    upstream.pipe(client);
    const end = (other: Socket) => () => other.destroySoon();
    client.on('error', () => {}).on('close', end(upstream));
    upstream.on('error', () => {}).on('close', end(client));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  closing.push(() => proxy.close());
  return `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}
