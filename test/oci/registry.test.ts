import { execFileSync } from 'node:child_process';
import { createHash, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createImage, digestOf, type Image, TYPES } from '../../oci/image.ts';
import { pushImage } from '../../oci/push.ts';
import { CHUNK_BYTES, parseReference, Registry } from '../../oci/registry.ts';
import { good } from '../engine/modules.ts';
import { type Distribution, startDistribution } from './distribution.ts';
import { cutter, fake } from './fake.ts';
import { noise } from './noise.ts';

const quiet = { retryMs: 1 };
const at = (registry: string) => ({ registry, name: 'games/arena' });
const credentials = { user: 'player', password: 'open sesame' };

let distribution: Distribution;
let image: Image;
beforeAll(async () => {
  distribution = await startDistribution();
  image = await createImage({ module: good(), title: 'game', version: '1' });
});
afterAll(() => distribution?.close());

function skopeo(address: string, ...options: string[]): Buffer {
  const source = `docker://${address}/games/arena:1`;
  return execFileSync('skopeo', ['inspect', '--raw', '--tls-verify=false', ...options, source], { stdio: 'pipe' });
}

async function stored(data: Uint8Array): Promise<boolean> {
  const answer = await fetch(`http://${distribution.address}/v2/games/arena/blobs/${digestOf(data)}`);
  return digestOf(new Uint8Array(await answer.arrayBuffer())) === digestOf(data);
}

describe('a push', () => {
  it('is what skopeo finds, and sends nothing the second time', async () => {
    const sent: number[] = [];
    await pushImage(new Registry(at(distribution.address), quiet), image, '1', ({ sent: bytes, existed }) =>
      sent.push(existed ? 0 : bytes),
    );
    expect(sent.some((bytes) => bytes > 0)).toBe(true);
    expect(digestOf(skopeo(distribution.address))).toBe(image.index.digest);
    const again: boolean[] = [];
    await pushImage(new Registry(at(distribution.address), quiet), image, '1', ({ existed }) => again.push(existed));
    expect(again.every(Boolean)).toBe(true);
    // This registry has no referrers API: the bill is found under the fallback tag, once.
    const tag = image.index.digest.replace(':', '-');
    const fallback = await new Registry(at(distribution.address)).manifest(tag, TYPES.index);
    expect(JSON.parse(fallback!.toString()).manifests).toEqual([image.bill]);
  });

  it('goes on after the connection broke between two chunks, without what has arrived', async () => {
    const ranges: string[] = [];
    const address = await cutter(distribution.address, (head) => {
      const range = /^PATCH[\s\S]*content-range: (\S+)/i.exec(head)?.[1];
      if (range === undefined) return undefined;
      return ranges.push(range) === 3 ? 1 : undefined;
    });
    const data = noise(3 * CHUNK_BYTES + 5);
    expect(await new Registry(at(address), quiet).pushBlob(data)).toBe(data.length);
    const starts = ranges.map((range) => Number(range.split('-')[0]) / CHUNK_BYTES);
    expect(starts).toEqual([0, 1, 2, 2, 3]);
    expect(await stored(data)).toBe(true);
  });

  it('ends well after the connection broke in a chunk, though docker-registry 2.8 then forgets the upload', async () => {
    let patches = 0;
    const address = await cutter(distribution.address, (head) =>
      head.startsWith('PATCH') && ++patches === 2 ? CHUNK_BYTES / 2 : undefined,
    );
    const data = noise(2 * CHUNK_BYTES + 7);
    await new Registry(at(address), quiet).pushBlob(data);
    expect(patches).toBeGreaterThan(3);
    expect(await stored(data)).toBe(true);
  });

  it('goes on where the registry says that it came to, in the middle of a chunk', async () => {
    const ranges: (string | undefined)[] = [];
    const address = await fake((request, response) => {
      const headers = { location: '/upload' };
      if (request.method === 'HEAD') response.writeHead(404).end();
      else if (request.method === 'POST') response.writeHead(202, headers).end();
      else if (request.method === 'PUT') response.writeHead(201).end();
      else if (request.method === 'GET') response.writeHead(204, { ...headers, range: '0-499999' }).end();
      else if (ranges.push(request.headers['content-range']) === 1) response.destroy();
      else response.writeHead(202, headers).end();
    });
    expect(await new Registry(at(address), quiet).pushBlob(noise(1_200_000))).toBe(700_000);
    expect(ranges).toEqual(['0-1048575', '500000-1199999']);
  });

  it('asks where it is when a chunk does not fit, and sends chunks as large as the registry wants', async () => {
    const ranges: (string | undefined)[] = [];
    const address = await fake((request, response) => {
      const headers = { location: '/upload', 'oci-chunk-min-length': '1500000' };
      if (request.method === 'HEAD') response.writeHead(404).end();
      else if (request.method === 'POST') response.writeHead(202, headers).end();
      else if (request.method === 'PUT') response.writeHead(201).end();
      else if (request.method === 'GET') response.writeHead(204, { ...headers, range: '0-999' }).end();
      else if (ranges.push(request.headers['content-range']) === 2) response.writeHead(416).end();
      else response.writeHead(202, headers).end();
    });
    await new Registry(at(address), quiet).pushBlob(noise(2_000_000));
    expect(ranges).toEqual(['0-1499999', '1500000-1999999', '1000-1500999', '1501000-1999999']);
  });

  it('is done where the blob is there though the answer was lost, and begins anew once where it is not', async () => {
    const calls: string[] = [];
    let there = false;
    const address = await fake((request, response, body) => {
      calls.push(request.method!);
      const headers = { location: '/upload' };
      if (request.method === 'HEAD') response.writeHead(there ? 200 : 404, { 'content-length': '10' }).end();
      else if (request.method === 'PUT') {
        there = calls.filter((call) => call === 'PUT').length === 2;
        response.writeHead(404).end();
      } else response.writeHead(202, headers).end(body.length > 99 ? 'never' : '');
    });
    expect(await new Registry(at(address), quiet).pushBlob(noise(10))).toBe(20);
    expect(calls.join(' ')).toBe('HEAD POST PATCH PUT HEAD POST PATCH PUT HEAD');
  });

  it('gives up where a registry takes chunks and forgets them again and again', async () => {
    let patches = 0;
    const address = await fake((request, response) => {
      const headers = { location: '/upload' };
      if (request.method === 'HEAD') response.writeHead(404).end();
      else if (request.method === 'GET') response.writeHead(204, { ...headers, range: '0-0' }).end();
      else if (request.method === 'PATCH' && ++patches % 2 === 0) response.writeHead(416).end();
      else response.writeHead(202, headers).end();
    });
    await expect(new Registry(at(address), quiet).pushBlob(noise(2 * CHUNK_BYTES))).rejects.toThrow(
      /416.*tried 6 times/,
    );
    expect(patches).toBe(12);
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
    const closed = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const { port } = server.address() as { port: number };
        server.close(() => resolve(port));
      });
    });
    await expect(new Registry(at(`127.0.0.1:${closed}`), quiet).pushBlob(noise(10))).rejects.toThrow(
      /ECONNREFUSED.*tried 6 times/,
    );
  });
});

describe('a registry with users', () => {
  it('takes a name and a password', async () => {
    // htpasswd(1) with bcrypt: player, open sesame
    const users = 'player:$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n';
    const guarded = await startDistribution('auth: { htpasswd: { realm: games, path: FOLDER/users } }', { users });
    try {
      await pushImage(new Registry(at(guarded.address), { ...quiet, credentials }), image, '1', () => {});
      expect(digestOf(skopeo(guarded.address, '--creds', 'player:open sesame'))).toBe(image.index.digest);
      const wrong = new Registry(at(guarded.address), { ...quiet, credentials: { user: 'player', password: 'x' } });
      await expect(pushImage(wrong, image, '1', () => {})).rejects.toThrow(/answered 401.*that may push there/);
    } finally {
      await guarded.close();
    }
  });

  it('takes a token from the place that it names', async () => {
    const { key, certificate } = selfSigned();
    const scopes: string[] = [];
    const server = await fake((request, response) => {
      const { searchParams } = new URL(request.url!, 'http://localhost');
      const given = request.headers.authorization?.replace('Basic ', '') ?? '';
      if (Buffer.from(given, 'base64').toString() !== 'player:open sesame') return response.writeHead(401).end();
      scopes.push(searchParams.get('scope')!);
      return response.end(JSON.stringify({ token: jwt(scopes.at(-1)!, key, certificate) }));
    });
    const auth = `auth: { token: { realm: "http://${server}/token", service: games, issuer: test, rootcertbundle: FOLDER/ca.pem } }`;
    const guarded = await startDistribution(auth, { 'ca.pem': certificate });
    try {
      await pushImage(new Registry(at(guarded.address), { ...quiet, credentials }), image, '1', () => {});
      // Registries name the actions in this order or the other.
      expect(scopes).toEqual([
        'repository:games/arena:pull',
        expect.stringMatching(/^repository:games\/arena:(pull,push|push,pull)$/),
      ]);
      const nobody = new Registry(at(guarded.address), quiet);
      await expect(pushImage(nobody, image, '1', () => {})).rejects.toThrow(/for a token\) answered 401/);
    } finally {
      await guarded.close();
    }
  });
});

function selfSigned(): { key: string; certificate: string } {
  const folder = mkdtempSync(join(tmpdir(), 'token-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'ca.pem')];
  const subject = ['-subj', '/CN=test', '-days', '2', '-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject], { stdio: 'pipe' });
  const pair = { key: readFileSync(key, 'utf8'), certificate: readFileSync(certificate, 'utf8') };
  rmSync(folder, { recursive: true });
  return pair;
}

/** A token as docker-registry reads it ("Docker Registry v2 Bearer token specification"). */
function jwt(scope: string, key: string, certificate: string): string {
  const [type, name, actions = ''] = scope.split(':');
  const access = [{ type, name, actions: actions.split(',') }];
  const now = Math.floor(Date.now() / 1000);
  const x5c = [certificate.replace(/-----[^-]+-----|\s/g, '')];
  const claims = { iss: 'test', aud: 'games', sub: 'player', jti: createHash('sha1').update(scope).digest('hex') };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ typ: 'JWT', alg: 'RS256', x5c })}.${part({ ...claims, access, iat: now, nbf: now - 10, exp: now + 60 })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}

describe('a reference', () => {
  it.each([
    ['127.0.0.1:5000/arena', { registry: '127.0.0.1:5000', name: 'arena', tag: 'latest' }],
    ['r.example/games/arena:v1.2', { registry: 'r.example', name: 'games/arena', tag: 'v1.2' }],
  ])('%s', (text, reference) => expect(parseReference(text)).toEqual(reference));
  it.each(['arena', 'r.example/Arena', 'r.example/a:', 'r.example/../a:1', 'r.example:99999/a:1', ''])(
    'refuses %j',
    (text) => {
      expect(() => parseReference(text)).toThrow('NL_USAGE');
    },
  );
});
