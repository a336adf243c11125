import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createImage, digestOf, type Image } from '../../oci/image.ts';
import { pushImage } from '../../oci/push.ts';
import { findCredentials, parseReference, Registry } from '../../oci/registry.ts';
import { good } from '../engine/modules.ts';
import { type Distribution, startDistribution } from './distribution.ts';

const quiet = { retryMs: 1 };
const noise = (bytes: number) => {
  const data = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(data.subarray(at, at + 65536));
  return data;
};
const at = (address: string) => ({ registry: address, name: 'games/arena', tag: '1' });

let distribution: Distribution;
let image: Image;
const closing: (() => void)[] = [];
beforeAll(async () => {
  distribution = await startDistribution();
  image = await createImage({ module: good(), title: 'game', version: '1' });
});
afterAll(() => distribution.close());
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A registry of the test's own words. */
async function fake(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server: Server = createServer((request, response) => {
    request.resume();
    request.on('end', () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a push', () => {
  it('is what skopeo finds, and sends nothing the second time', async () => {
    const sent: number[] = [];
    await pushImage(new Registry(at(distribution.address), quiet), image, '1', ({ sent: bytes, existed }) =>
      sent.push(existed ? 0 : bytes),
    );
    expect(sent.some((bytes) => bytes > 0)).toBe(true);
    const raw = execFileSync('skopeo', [
      'inspect',
      '--raw',
      '--tls-verify=false',
      `docker://${distribution.address}/games/arena:1`,
    ]);
    expect(digestOf(raw)).toBe(image.index.digest);
    const again: boolean[] = [];
    await pushImage(new Registry(at(distribution.address), quiet), image, '1', ({ existed }) => again.push(existed));
    expect(again.every(Boolean)).toBe(true);
    // This registry has no referrers API: the bill is found under the fallback tag, once.
    const fallback = await new Registry(at(distribution.address)).manifest(
      image.index.digest.replace(':', '-'),
      'application/vnd.oci.image.index.v1+json',
    );
    expect(JSON.parse(Buffer.from(fallback!).toString()).manifests).toEqual([image.bill]);
  });

  it('goes on after the connection broke, without what has arrived', async () => {
    const [host, port] = distribution.address.split(':') as [string, string];
    let passed = 0;
    let patches = 0;
    let breaks = 0;
    // Cuts the connection at the third chunk.
    const proxy = createTcpServer((client) => {
      const upstream = connect(Number(port), host);
      client.on('data', (chunk) => {
        passed += chunk.length;
        if (chunk.subarray(0, 5).toString() === 'PATCH' && ++patches === 3) {
          breaks++;
          client.destroy();
          upstream.destroy();
        } else upstream.write(chunk);
      });
      upstream.pipe(client);
      for (const socket of [client, upstream])
        socket.on('error', () => {}).on('close', () => [client, upstream].map((other) => other.destroy()));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    closing.push(() => proxy.close());
    const data = noise(4_000_000);
    const address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const sent = await new Registry(at(address), quiet).pushBlob(data);
    expect(breaks).toBe(1);
    expect(sent).toBe(data.length);
    expect(passed).toBeLessThan(data.length + 1_500_000);
    const stored = await fetch(`http://${distribution.address}/v2/games/arena/blobs/${digestOf(data)}`);
    expect(digestOf(new Uint8Array(await stored.arrayBuffer()))).toBe(digestOf(data));
  });

  it('goes on where the registry says that it came to, in the middle of a chunk', async () => {
    const ranges: (string | undefined)[] = [];
    const address = await fake((request, response) => {
      const location = '/upload';
      if (request.method === 'HEAD') response.writeHead(404).end();
      else if (request.method === 'POST') response.writeHead(202, { location }).end();
      else if (request.method === 'PUT') response.writeHead(201).end();
      else if (request.method === 'GET') response.writeHead(204, { location, range: '0-499999' }).end();
      else if (ranges.push(request.headers['content-range']) === 1) response.destroy();
      else response.writeHead(202, { location }).end();
    });
    expect(await new Registry(at(address), quiet).pushBlob(noise(1_200_000))).toBe(700_000);
    expect(ranges).toEqual(['0-1048575', '500000-1199999']);
  });

  it('waits where the registry is busy, and gives up after a while', async () => {
    let asked = 0;
    const busy = await fake((_request, response) => {
      asked++;
      response.writeHead(503).end('busy');
    });
    await expect(new Registry(at(busy), quiet).pushBlob(noise(10))).rejects.toThrow(
      /NL_REGISTRY: .*answered 503.*tried 6 times/,
    );
    expect(asked).toBe(6);
    await expect(new Registry(at('127.0.0.1:9'), quiet).pushBlob(noise(10))).rejects.toThrow(
      /ECONNREFUSED.*tried 6 times|bad port/,
    );
  });
});

describe('a user', () => {
  it('is told of to a registry that asks, once', async () => {
    const seen: (string | undefined)[] = [];
    const address = await fake((request, response) => {
      seen.push(request.headers.authorization);
      if (!request.headers.authorization) response.writeHead(401, { 'www-authenticate': 'Basic realm="games"' }).end();
      else response.writeHead(200).end();
    });
    const credentials = { user: 'player', password: 'se:cret' };
    await new Registry(at(address), { ...quiet, credentials }).pushBlob(noise(10));
    expect(seen).toEqual([undefined, `Basic ${Buffer.from('player:se:cret').toString('base64')}`]);
    await expect(new Registry(at(address), quiet).pushBlob(noise(10))).rejects.toThrow(
      'set REGISTRY_USER and REGISTRY_PASSWORD',
    );
  });

  it('gets a token where the registry names a place for it, and is refused once where that does not help', async () => {
    const asked: string[] = [];
    const address: string = await fake((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization ?? ''}`.trim());
      if (request.url?.startsWith('/token')) response.end(JSON.stringify({ token: 'abc' }));
      else if (request.headers.authorization === 'Bearer abc' && request.url?.includes('arena'))
        response.writeHead(200).end();
      else
        response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${address}/token",service="games"` }).end();
    });
    const credentials = { user: 'player', password: 'secret' };
    const data = noise(10);
    await new Registry(at(address), { ...quiet, credentials }).pushBlob(data);
    expect(asked[1]).toBe(
      `/token?service=games&scope=repository%3Agames%2Farena%3Apull%2Cpush Basic ${Buffer.from('player:secret').toString('base64')}`,
    );
    const other = new Registry({ ...at(address), name: 'games/other' }, { ...quiet, credentials });
    await expect(other.pushBlob(data)).rejects.toThrow(/answered 401.*that may push there/);
  });

  it('is not told of to another host that an upload is led to', async () => {
    const elsewhere: (string | undefined)[] = [];
    const storage = await fake((request, response) => {
      elsewhere.push(request.headers.authorization);
      response.writeHead(request.method === 'PUT' ? 201 : 202, { location: `http://${storage}/upload` }).end();
    });
    const address = await fake((request, response) => {
      if (!request.headers.authorization) response.writeHead(401, { 'www-authenticate': 'Basic realm="games"' }).end();
      else if (request.method === 'HEAD') response.writeHead(404).end();
      else response.writeHead(202, { location: `http://${storage}/upload` }).end();
    });
    await new Registry(at(address), { ...quiet, credentials: { user: 'player', password: 'secret' } }).pushBlob(
      noise(10),
    );
    expect(elsewhere).toEqual([undefined, undefined]);
  });

  it('comes from the environment, or from what docker keeps', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'docker-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const auth = Buffer.from('kept:pass:word').toString('base64');
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths: { 'a.test': { auth } } }));
    expect(await findCredentials('a.test', { DOCKER_CONFIG: folder })).toEqual({ user: 'kept', password: 'pass:word' });
    expect(await findCredentials('b.test', { DOCKER_CONFIG: folder })).toBeUndefined();
    const env = { DOCKER_CONFIG: folder, REGISTRY_USER: 'u', REGISTRY_PASSWORD: 'p' };
    expect(await findCredentials('a.test', env)).toEqual({ user: 'u', password: 'p' });
    writeFileSync(join(folder, 'config.json'), '{');
    await expect(findCredentials('a.test', { DOCKER_CONFIG: folder })).rejects.toMatchObject({ code: 'NL_SETTING' });
  });
});

describe('a registry that answers badly', () => {
  it.each([
    [
      'a page',
      (response: ServerResponse) => response.writeHead(404).end('<html>not found</html>'),
      /answered 404: <html>/,
    ],
    [
      'a refusal',
      (response: ServerResponse) => response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"no"}]}'),
      /DENIED no/,
    ],
    ['no location', (response: ServerResponse) => response.writeHead(202).end(), /names no location/],
  ])('%s', async (_name, answer, message) => {
    const address = await fake((request, response) => {
      if (request.method === 'HEAD') response.writeHead(404).end();
      else answer(response);
    });
    await expect(new Registry(at(address), quiet).pushBlob(noise(10))).rejects.toThrow(message);
  });

  it('another digest', async () => {
    const address = await fake((_request, response) =>
      response.writeHead(201, { 'docker-content-digest': 'sha256:0' }).end(),
    );
    await expect(new Registry(at(address), quiet).pushManifest('1', 'text/plain', noise(3))).rejects.toThrow(
      'it says that 1 is sha256:0',
    );
  });
});

describe('a reference', () => {
  it.each([
    ['127.0.0.1:5000/arena', { registry: '127.0.0.1:5000', name: 'arena', tag: 'latest' }],
    ['r.example/games/arena:v1.2', { registry: 'r.example', name: 'games/arena', tag: 'v1.2' }],
  ])('%s', (text, reference) => expect(parseReference(text)).toEqual(reference));
  it.each(['arena', 'r.example/Arena', 'r.example/a:', 'r.example/../a:1', ''])('refuses %j', (text) => {
    expect(() => parseReference(text)).toThrow('NL_USAGE');
  });
});
