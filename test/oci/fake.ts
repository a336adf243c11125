import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach } from 'vitest';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

export type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

/** A registry of a test's own words, until the test ends; gives its host and port. */
export async function fake(answer: Answer): Promise<string> {
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

/** Stands before a server until the test ends; `cut` is told of every request's head and says after how many bytes it breaks. */
export async function cutter(to: string, cut: (head: string) => number | undefined): Promise<string> {
  const [host, port] = to.split(':') as [string, string];
  const proxy = createTcpServer((client) => {
    const upstream = connect(Number(port), host);
    let left: number | undefined;
    client.on('data', (chunk) => {
      // A client that waits for answers sends the head of a request first.
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
