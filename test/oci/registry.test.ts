import { execFileSync } from 'node:child_process';
import { createHash, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf, type Image, TYPES } from '../../oci/image.ts';
import { pushImage } from '../../oci/push.ts';
import { CHUNK_BYTES, parseReference, Registry } from '../../oci/registry.ts';
import { good } from '../engine/modules.ts';
import { type Distribution, startDistribution } from './distribution.ts';
import { startCuttingProxy, startFakeRegistry } from './fake-registry.ts';
import { createGameImage } from './game-image.ts';
import { noise } from './noise.ts';

/** Options with which a failed request is tried again after 1 ms. */
const QUICK = { retryMs: 1 };
const at = (registry: string) => ({ registry, name: 'games/arena' });
const credentials = { user: 'player', password: 'open sesame' };

let distribution: Distribution;
let image: Image;
beforeAll(async () => {
  distribution = await startDistribution();
  image = await createGameImage({ module: good(), title: 'game', version: '1' });
});
afterAll(() => distribution?.close());

function skopeo(address: string, ...options: string[]): Buffer {
  const source = `docker://${address}/games/arena:1`;
  return execFileSync('skopeo', ['inspect', '--raw', '--tls-verify=false', ...options, source], { stdio: 'pipe' });
}

/** Whether the registry has a blob with these bytes. */
async function isStored(data: Uint8Array): Promise<boolean> {
  const answer = await fetch(`http://${distribution.address}/v2/games/arena/blobs/${digestOf(data)}`);
  return digestOf(new Uint8Array(await answer.arrayBuffer())) === digestOf(data);
}

describe('a push', () => {
  it('skopeo finds an image that was pushed, and a second push sends nothing', async () => {
    const sent: number[] = [];
    await pushImage(new Registry(at(distribution.address), QUICK), image, '1', ({ sent: bytes, existed }) =>
      sent.push(existed ? 0 : bytes),
    );
    expect(sent.some((bytes) => bytes > 0)).toBe(true);
    expect(digestOf(skopeo(distribution.address))).toBe(image.index.digest);
    const again: boolean[] = [];
    await pushImage(new Registry(at(distribution.address), QUICK), image, '1', ({ existed }) => again.push(existed));
    expect(again.every(Boolean)).toBe(true);
    // docker-registry does not have the referrers API, so the fallback tag lists the bill of materials, once.
    const tag = image.index.digest.replace(':', '-');
    const fallback = await new Registry(at(distribution.address)).manifest(tag, TYPES.index);
    expect(JSON.parse(String(fallback)).manifests).toEqual([image.bill]);
  });

  it('a push continues with the next chunk after the connection broke between two chunks', async () => {
    const ranges: string[] = [];
    const address = await startCuttingProxy(distribution.address, (head) => {
      const range = /^PATCH[\s\S]*content-range: (\S+)/i.exec(head)?.[1];
      if (range === undefined) return undefined;
      return ranges.push(range) === 3 ? 1 : undefined;
    });
    const data = noise(3 * CHUNK_BYTES + 5);
    expect(await new Registry(at(address), QUICK).pushBlob(data)).toBe(data.length);
    const starts = ranges.map((range) => Number(range.split('-')[0]) / CHUNK_BYTES);
    expect(starts).toEqual([0, 1, 2, 2, 3]);
    expect(await isStored(data)).toBe(true);
  });

  it('a push succeeds after the connection broke in a chunk, although docker-registry 2.8 then forgets the upload', async () => {
    let patches = 0;
    const address = await startCuttingProxy(distribution.address, (head) =>
      head.startsWith('PATCH') && ++patches === 2 ? CHUNK_BYTES / 2 : undefined,
    );
    const data = noise(2 * CHUNK_BYTES + 7);
    await new Registry(at(address), QUICK).pushBlob(data);
    expect(patches).toBeGreaterThan(3);
    expect(await isStored(data)).toBe(true);
  });

  it('a push continues at the offset that the registry reports, even inside a chunk', async () => {
    const ranges: (string | undefined)[] = [];
    const address = await startFakeRegistry((request, response) => {
      const headers = { location: '/upload' };
      if (request.method === 'HEAD') response.writeHead(404).end();
      else if (request.method === 'POST') response.writeHead(202, headers).end();
      else if (request.method === 'PUT') response.writeHead(201).end();
      else if (request.method === 'GET') response.writeHead(204, { ...headers, range: '0-499999' }).end();
      else if (ranges.push(request.headers['content-range']) === 1) response.destroy();
      else response.writeHead(202, headers).end();
    });
    expect(await new Registry(at(address), QUICK).pushBlob(noise(1_200_000))).toBe(700_000);
    expect(ranges).toEqual(['0-1048575', '500000-1199999']);
  });

  it('a push asks for the offset when a chunk is refused, and sends chunks as large as the registry requires', async () => {
    const ranges: (string | undefined)[] = [];
    const address = await startFakeRegistry((request, response) => {
      const headers = { location: '/upload', 'oci-chunk-min-length': '1500000' };
      if (request.method === 'HEAD') response.writeHead(404).end();
      else if (request.method === 'POST') response.writeHead(202, headers).end();
      else if (request.method === 'PUT') response.writeHead(201).end();
      else if (request.method === 'GET') response.writeHead(204, { ...headers, range: '0-999' }).end();
      else if (ranges.push(request.headers['content-range']) === 2) response.writeHead(416).end();
      else response.writeHead(202, headers).end();
    });
    await new Registry(at(address), QUICK).pushBlob(noise(2_000_000));
    expect(ranges).toEqual(['0-1499999', '1500000-1999999', '1000-1500999', '1501000-1999999']);
  });

  it('a push succeeds if the registry has the blob although it denies that, and otherwise starts again once', async () => {
    const calls: string[] = [];
    let there = false;
    const address = await startFakeRegistry((request, response, body) => {
      calls.push(request.method ?? '');
      const headers = { location: '/upload' };
      if (request.method === 'HEAD') response.writeHead(there ? 200 : 404, { 'content-length': '10' }).end();
      else if (request.method === 'PUT') {
        there = calls.filter((call) => call === 'PUT').length === 2;
        response.writeHead(404).end();
      } else response.writeHead(202, headers).end(body.length > 99 ? 'never' : '');
    });
    expect(await new Registry(at(address), QUICK).pushBlob(noise(10))).toBe(20);
    expect(calls.join(' ')).toBe('HEAD POST PATCH PUT HEAD POST PATCH PUT HEAD');
  });

  it('a push fails if the registry accepts chunks and loses them again and again', async () => {
    let patches = 0;
    const address = await startFakeRegistry((request, response) => {
      const headers = { location: '/upload' };
      if (request.method === 'HEAD') response.writeHead(404).end();
      else if (request.method === 'GET') response.writeHead(204, { ...headers, range: '0-0' }).end();
      else if (request.method === 'PATCH' && ++patches % 2 === 0) response.writeHead(416).end();
      else response.writeHead(202, headers).end();
    });
    await expect(new Registry(at(address), QUICK).pushBlob(noise(2 * CHUNK_BYTES))).rejects.toThrow(
      /416.*tried 6 times/,
    );
    expect(patches).toBe(12);
  });

  it('a push waits for a busy registry, and fails after six attempts', async () => {
    let asked = 0;
    const busy = await startFakeRegistry((_request, response) => {
      asked++;
      response.writeHead(503).end('busy');
    });
    await expect(new Registry(at(busy), QUICK).pushBlob(noise(10))).rejects.toThrow(
      /NL_REGISTRY: .*answered 503.*tried 6 times/,
    );
    expect(asked).toBe(6);
    const closed = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const { port } = server.address() as { port: number };
        server.close(() => resolve(port));
      });
    });
    await expect(new Registry(at(`127.0.0.1:${closed}`), QUICK).pushBlob(noise(10))).rejects.toThrow(
      /ECONNREFUSED.*tried 6 times/,
    );
  });
});

describe('a registry with users', () => {
  it('a registry with users accepts a name and a password', async () => {
    // htpasswd(1) wrote this line with bcrypt, for the user "player" and the password "open sesame".
    const users = 'player:$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n';
    const guarded = await startDistribution('auth: { htpasswd: { realm: games, path: FOLDER/users } }', { users });
    try {
      await pushImage(new Registry(at(guarded.address), { ...QUICK, credentials }), image, '1', () => {});
      expect(digestOf(skopeo(guarded.address, '--creds', 'player:open sesame'))).toBe(image.index.digest);
      const wrong = new Registry(at(guarded.address), { ...QUICK, credentials: { user: 'player', password: 'x' } });
      await expect(pushImage(wrong, image, '1', () => {})).rejects.toThrow(/answered 401.*who may push there/);
    } finally {
      await guarded.close();
    }
  });

  it('a registry with users accepts a token from the address that it names', async () => {
    const { key, certificate } = selfSigned();
    const scopes: string[] = [];
    const server = await startFakeRegistry((request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://localhost');
      const credentials = request.headers.authorization?.replace('Basic ', '') ?? '';
      if (Buffer.from(credentials, 'base64').toString() !== 'player:open sesame') return response.writeHead(401).end();
      const scope = searchParams.get('scope') ?? '';
      scopes.push(scope);
      return response.end(JSON.stringify({ token: createToken({ scope, key, certificate }) }));
    });
    const auth = `auth: { token: { realm: "http://${server}/token", service: games, issuer: test, rootcertbundle: FOLDER/ca.pem } }`;
    const guarded = await startDistribution(auth, { 'ca.pem': certificate });
    try {
      await pushImage(new Registry(at(guarded.address), { ...QUICK, credentials }), image, '1', () => {});
      // A registry may name the actions of a scope in either order.
      expect(scopes).toEqual([
        'repository:games/arena:pull',
        expect.stringMatching(/^repository:games\/arena:(pull,push|push,pull)$/),
      ]);
      const nobody = new Registry(at(guarded.address), QUICK);
      await expect(pushImage(nobody, image, '1', () => {})).rejects.toThrow(/for a token\) answered 401/);
    } finally {
      await guarded.close();
    }
  });
});

/** Creates an RSA key and its self-signed certificate. */
function selfSigned(): { key: string; certificate: string } {
  const folder = mkdtempSync(join(tmpdir(), 'token-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'ca.pem')];
  const subject = ['-subj', '/CN=test', '-days', '2', '-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject], { stdio: 'pipe' });
  const pair = { key: readFileSync(key, 'utf8'), certificate: readFileSync(certificate, 'utf8') };
  rmSync(folder, { recursive: true });
  return pair;
}

/** Creates a token that docker-registry accepts ("Docker Registry v2 Bearer token specification"). */
function createToken({ scope, key, certificate }: { scope: string; key: string; certificate: string }): string {
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
  ])('%s is read', (text, reference) => expect(parseReference(text)).toEqual(reference));
  it.each(['arena', 'r.example/Arena', 'r.example/a:', 'r.example/../a:1', 'r.example:99999/a:1', ''])(
    '%j is refused',
    (text) => {
      expect(() => parseReference(text)).toThrow('NL_USAGE');
    },
  );
});
