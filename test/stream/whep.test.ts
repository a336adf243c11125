import { createHmac } from 'node:crypto';
import { request as openRequest } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { PROTOCOL_VERSION } from '../../host/base/protocol.ts';
import { milli } from '../../host/base/time.ts';
import { checkTrickle } from '../../host/stream/trickle.ts';
import { iceServerLinks } from '../../host/stream/turn.ts';
import { type Fixture, startServer } from './fixture.ts';
import { Peer } from './peer.ts';

const SITE = 'https://play.example';
const fixtures: Fixture[] = [];
const peers: Peer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  for (const { server } of fixtures.splice(0)) await server.close();
});

async function start(...args: Parameters<typeof startServer>): Promise<string> {
  const fixture = await startServer(...args);
  fixtures.push(fixture);
  return fixture.server.url;
}

function makePeer(): Peer {
  const peer = new Peer();
  peers.push(peer);
  return peer;
}

/** Sends a request with any headers, of which fetch() would drop some. */
function send(url: string, method: string, headers: Record<string, string>, body = ''): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const request = openRequest(url, { method, headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      const all = Object.entries(response.headersDistinct).flatMap(([name, values = []]) =>
        values.map((value): [string, string] => [name, value]),
      );
      const text = response.statusCode === 204 ? null : Buffer.concat(chunks).toString();
      resolve(new Response(text, { status: response.statusCode ?? 0, headers: all }));
    });
  });
  request.on('error', reject);
  request.end(body);
  return promise;
}

describe('the origin of an offer', () => {
  async function offerFrom(url: string, headers: Record<string, string>): Promise<Response> {
    const body = await makePeer().offer();
    return send(`${url}whep`, 'POST', { 'content-type': 'application/sdp', ...headers }, body);
  }

  test('a page behind a proxy that replaces the Host header joins, because its browser says that it is of the same site', async () => {
    const url = await start();
    const response = await offerFrom(url, { origin: SITE, 'sec-fetch-site': 'same-origin' });
    expect(response.status).toBe(201);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  test.each(['same-site', 'cross-site', 'none', ''])(
    'Sec-Fetch-Site: %s does not let a page of another site join',
    async (site) => {
      const response = await offerFrom(await start(), { origin: SITE, 'sec-fetch-site': site });
      expect([response.status, await response.json()]).toMatchObject([403, { code: 'NL_ORIGIN' }]);
    },
  );

  test('the refusal tells the operator of a proxy what to do', async () => {
    const response = await offerFrom(await start(), { origin: SITE });
    expect(await response.json()).toEqual({
      code: 'NL_ORIGIN',
      message:
        'open the game at the address of this server; a proxy before it must pass the Host header on, or ALLOWED_ORIGINS must name the origin of the page',
    });
  });

  test('a page of an allowed site joins and may read the answer, and no other', async () => {
    const url = await start({ allowedOrigins: SITE });
    const response = await offerFrom(url, { origin: SITE });
    expect(response.status).toBe(201);
    expect(response.headers.get('access-control-allow-origin')).toBe(SITE);
    expect(response.headers.get('access-control-expose-headers')).toBe(
      'location, link, retry-after, nearlight-return, nearlight-hold-ms',
    );
    expect(response.headers.get('vary')).toBe('origin');
    expect((await offerFrom(url, { origin: 'https://play.example.org' })).status).toBe(403);
    expect((await offerFrom(url, { origin: 'http://play.example' })).status).toBe(403);
  });

  test('a page of any site may read whether it can play here, and nothing else', async () => {
    const ask = async (allowedOrigins: string) => {
      const response = await send(`${await start({ allowedOrigins })}whep/line`, 'GET', { origin: SITE });
      const names = ['access-control-allow-origin', 'cross-origin-resource-policy', 'vary'];
      return [response.status, ...names.map((name) => response.headers.get(name)), await response.text()];
    };
    expect(await ask(SITE)).toEqual([204, SITE, 'cross-origin', 'origin', '']);
    const readable = [SITE, 'cross-origin', 'origin', expect.stringContaining('"NL_ORIGIN"')];
    expect(await ask('https://play.example.org')).toEqual([403, ...readable]);
    const refused = await offerFrom(await start(), { origin: SITE });
    expect(refused.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('a refusal can be read by a page of an allowed site', async () => {
    const url = await start({ allowedOrigins: '*' });
    const response = await send(`${url}whep`, 'POST', { origin: SITE, 'content-type': 'text/plain' });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([415, SITE]);
  });
});

describe('the version of the protocol', () => {
  async function ask(path: string, version: string): Promise<unknown[]> {
    const url = await start();
    const [type, body] = ['application/sdp', await makePeer().offer()];
    const response = await send(`${url}${path}?protocol=${version}`, 'POST', { 'content-type': type }, body);
    return [response.status, response.ok ? '' : ((await response.json()) as { code: string }).code];
  }

  test.each(['whep', 'whep/socket', 'whep/queue'])(
    'at %s, a page of this version is welcome, and no other',
    async (path) => {
      const [status] = await ask(path, String(PROTOCOL_VERSION));
      expect(status).not.toBe(409);
      for (const version of [PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1, '', 'x'.repeat(500)])
        expect(await ask(path, String(version))).toEqual([409, 'NL_PAGE_VERSION']);
    },
  );
});

describe('OPTIONS', () => {
  test('a browser may ask before a page of an allowed site joins', async () => {
    const url = await start({ allowedOrigins: SITE });
    const response = await send(`${url}whep`, 'OPTIONS', { origin: SITE });
    expect(response.status).toBe(204);
    const names = [
      'allow',
      'access-control-allow-origin',
      'access-control-allow-methods',
      'access-control-allow-headers',
    ];
    expect(names.map((name) => response.headers.get(name))).toEqual([
      'POST, OPTIONS',
      SITE,
      'POST, OPTIONS',
      'content-type, authorization, nearlight-return, nearlight-page, traceparent',
    ]);
  });

  test('without an origin it names the methods only, and a foreign origin is refused', async () => {
    const url = await start();
    const response = await send(`${url}whep/${'A'.repeat(22)}`, 'OPTIONS', {});
    expect([response.status, response.headers.get('allow')]).toEqual([204, 'PATCH, DELETE, OPTIONS']);
    expect(response.headers.get('access-control-allow-methods')).toBeNull();
    expect((await send(`${url}whep`, 'OPTIONS', { origin: SITE })).status).toBe(403);
  });
});

describe('the location of a connection', () => {
  test('it is relative, so that a proxy may add a prefix to the path', async () => {
    const url = await start();
    const body = await makePeer().offer();
    const response = await fetch(`${url}whep`, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp' },
      body,
    });
    const location = response.headers.get('location') ?? '';
    expect(location).toMatch(/^whep\/[\w-]{22}$/);
    expect((await fetch(new URL(location, response.url), { method: 'DELETE' })).status).toBe(200);
  });
});

describe('PATCH', () => {
  const TRICKLE = { 'content-type': 'application/trickle-ice-sdpfrag' };

  test('a client may send its candidates, which the host does not need', async () => {
    const url = await start();
    const peer = makePeer();
    await peer.join(url);
    const ufrag = /^a=ice-ufrag:(\S+)/m.exec(peer.peer.localDescription()?.sdp ?? '')?.[1];
    const fragment = `a=ice-ufrag:${ufrag}\r\na=ice-pwd:x\r\na=candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\n`;
    expect((await send(peer.location, 'PATCH', TRICKLE, fragment)).status).toBe(204);
    const restart = await send(peer.location, 'PATCH', TRICKLE, fragment.replace(`${ufrag}`, 'other'));
    expect([restart.status, await restart.json()]).toMatchObject([422, { code: 'NL_ICE_RESTART' }]);
    const typed = await send(peer.location, 'PATCH', { 'content-type': 'application/sdp' }, fragment);
    expect([typed.status, await typed.json()]).toMatchObject([415, { code: 'NL_OFFER_TYPE' }]);
  });

  test('a connection that does not exist has no candidates', async () => {
    const response = await send(`${await start()}whep/${'A'.repeat(22)}`, 'PATCH', TRICKLE, 'a=ice-ufrag:x');
    expect([response.status, await response.json()]).toMatchObject([404, { code: 'NL_NOT_FOUND' }]);
  });

  test('a fragment without a user name is refused', () => {
    expect(() => checkTrickle('a=ice-ufrag:abcd', 'abcd')).not.toThrow();
    expect(() => checkTrickle('m=video 9 RTP/AVP 0\r\na=ice-ufrag:abcd\r\n', 'abcd')).not.toThrow();
    for (const body of ['', 'a=ice-ufrag:', 'x a=ice-ufrag:abcd'])
      expect(() => checkTrickle(body, 'abcd')).toThrow('NL_OFFER: The offer cannot be used');
  });
});

describe('ICE servers', () => {
  const NOW = milli(1_700_000_000_000);

  test('a TURN server gets a name that expires in twelve hours and the password that the shared secret makes of it', () => {
    const links = iceServerLinks(
      { turnUrls: 'turn:turn.example?transport=tcp, stun:stun.example', turnSecret: 'key' },
      NOW,
    );
    const credential = createHmac('sha1', 'key').update('1700043200').digest('base64');
    expect(links).toEqual([
      `<turn:turn.example?transport=tcp>; rel="ice-server"; username="1700043200"; credential="${credential}"; credential-type="password"`,
      '<stun:stun.example>; rel="ice-server"',
    ]);
    expect(iceServerLinks({ turnUrls: '', turnSecret: '' }, NOW)).toEqual([]);
  });

  test('an answer names each server in a header of its own', async () => {
    const url = await start({ turnUrls: 'turn:turn.example,stun:stun.example', turnSecret: 'key' });
    const body = await makePeer().offer();
    const response = await send(`${url}whep`, 'POST', { 'content-type': 'application/sdp' }, body);
    expect(response.headers.get('link')).toMatch(/^<turn:turn\.example>; rel="ice-server"; .*, <stun:stun\.example>; /);
  });

  test('the host does not start with a TURN server that would refuse every page', async () => {
    await expect(startServer({ turnUrls: 'TURN:turn.example' })).rejects.toThrow('TURN_SECRET must be set too');
    await start({ turnUrls: 'stun:stun.example' });
  });
});
