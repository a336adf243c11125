import { afterEach, expect, test } from 'vitest';
import { NearlightError } from '../../host/base/errors.ts';
import { Meters } from '../../host/observe/meters.ts';
import { at } from '../at.ts';
import { settle } from '../wait.ts';
import { type Fixture, RecordedPlayer, startServer } from './fixture.ts';
import { Peer, until } from './peer.ts';

const SDP = { 'content-type': 'application/sdp' };
const fixtures: Fixture[] = [];
const peers: Peer[] = [];

async function start(...args: Parameters<typeof startServer>): Promise<Fixture> {
  const fixture = await startServer(...args);
  fixtures.push(fixture);
  return fixture;
}

function makePeer(): Peer {
  const peer = new Peer();
  peers.push(peer);
  return peer;
}

async function code(response: Response): Promise<[number, string]> {
  const body = (await response.json()) as { code: string; message: string };
  expect(body.message.length).toBeGreaterThan(3);
  return [response.status, body.code];
}

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  for (const { server } of fixtures.splice(0)) await server.close();
});

test('the page is served with an entity tag and a strict content policy', async () => {
  const { server } = await start();
  const response = await fetch(server.url);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'self';/);
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(response.headers.get('access-control-allow-origin')).toBeNull();
  expect(await response.text()).toContain('<title>page</title>');
  const tag = response.headers.get('etag') ?? '';
  expect((await fetch(server.url, { headers: { 'if-none-match': tag } })).status).toBe(304);
  expect((await fetch(server.url, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  const head = await fetch(server.url, { method: 'HEAD' });
  expect([head.headers.get('etag'), await head.text()]).toEqual([tag, '']);
});

test('pages of allowed sites may load the files that are shared, and caches tell the answers apart', async () => {
  const site = 'https://play.example';
  const { server } = await start({ allowedOrigins: site });
  const load = (path: string, origin?: string) =>
    fetch(`${server.url}${path}`, { headers: origin === undefined ? {} : { origin } });
  const read = ({ headers }: Response) =>
    ['access-control-allow-origin', 'cross-origin-resource-policy', 'vary'].map((name) => headers.get(name));
  const shared = await load('player.js', site);
  expect([shared.status, ...read(shared)]).toEqual([200, site, 'cross-origin', 'origin']);
  expect(shared.headers.get('cache-control')).toBe('no-cache');
  const headers = { origin: site, 'if-none-match': shared.headers.get('etag') ?? '' };
  const current = await fetch(`${server.url}player.js`, { headers });
  expect([current.status, ...read(current)]).toEqual([304, site, 'cross-origin', 'origin']);
  expect(read(await load('player.js', 'https://other.example'))).toEqual([null, 'same-origin', 'origin']);
  expect(read(await load('player.js'))).toEqual([null, 'same-origin', 'origin']);
  expect(read(await load('', site))).toEqual([null, 'same-origin', null]);
});

test("the players' port serves the page and its connections, and nothing else", async () => {
  const { server } = await start();
  const paths = ['nothing', '..%2f..%2fetc/passwd', 'whep/short', `whep/${'A'.repeat(23)}`];
  for (const path of [...paths, 'status', 'metrics', 'healthz', 'readyz'])
    expect(await code(await fetch(`${server.url}${path}`))).toEqual([404, 'NL_NOT_FOUND']);
  const wrong: [string, string, string][] = [
    ['', 'POST', 'GET, HEAD'],
    ['whep', 'GET', 'POST, OPTIONS'],
    [`whep/${'A'.repeat(22)}`, 'PUT', 'PATCH, DELETE, OPTIONS'],
  ];
  for (const [path, method, allow] of wrong) {
    const response = await fetch(`${server.url}${path}`, { method });
    expect(response.headers.get('allow')).toBe(allow);
    expect(await code(response)).toEqual([405, 'NL_METHOD']);
  }
});

test('connections are counted, including those that were never established', async () => {
  const meters = new Meters();
  const { server } = await start({}, { meters });
  const peer = makePeer();
  await peer.join(server.url);
  expect([meters.sessions, meters.sessionsJoined]).toEqual([1, 1]);
  peer.close();
  await until(() => meters.sessionsEnded.page === 1, 'the end of the connection');
  expect([meters.sessions, meters.sessionsJoined]).toEqual([0, 1]);
  const body = await makePeer().offer();
  const impatient = await start({ iceMsMax: 300 }, { meters });
  expect((await fetch(`${impatient.server.url}whep`, { method: 'POST', headers: SDP, body })).status).toBe(201);
  await until(() => meters.sessionsEnded.timeout === 1, 'the time limit');
  expect([meters.sessions, meters.sessionsJoined]).toEqual([0, 1]);
});

test('picture sizes and frame rates are accepted up to their bounds and refused beyond', async () => {
  const { server, players } = await start({
    viewWidthMax: 1920,
    viewHeightMax: 1088,
    viewFpsMax: 120,
    offersPerSecondMax: 1000,
    addressOffersPerSecondMax: 1000,
  });
  const post = async (query: string) =>
    code(
      await fetch(`${server.url}whep${query}`, {
        method: 'POST',
        headers: SDP,
        body: 'v=1',
      }),
    );
  const allowed = [
    '',
    '?size=64x64&fps=1',
    '?size=1920x1088&fps=120',
    '?bitrate=150000',
    '?bitrate=9999999999',
    '?other=1',
  ];
  for (const query of allowed) expect(await post(query)).toEqual([400, 'NL_OFFER']);
  const refused = [
    '1922x1088',
    '1920x1090',
    '62x64',
    '64x62',
    '65x64',
    '64x65',
    '1280',
    '1280x',
    '-64x64',
    '1e3x640',
    '0640x480',
  ];
  for (const size of refused) expect([size, ...(await post(`?size=${size}`))]).toEqual([size, 400, 'NL_REQUEST']);
  for (const fps of ['0', '121', '-1', '30.5', '1e2', 'x', '', '060'])
    expect([fps, ...(await post(`?fps=${fps}`))]).toEqual([fps, 400, 'NL_REQUEST']);
  for (const bitrate of ['0', '149999', '-1', '1e6', '2.5e6', '', '0200000', '99999999999'])
    expect([bitrate, ...(await post(`?bitrate=${bitrate}`))]).toEqual([bitrate, 400, 'NL_REQUEST']);
  expect(await post('?bitrate=200000&bitrate=200000')).toEqual([400, 'NL_REQUEST']);
  expect(await post('?fps=30&fps=60')).toEqual([400, 'NL_REQUEST']);
  expect(await post('?size=640x480&size=640x480')).toEqual([400, 'NL_REQUEST']);
  expect(players).toEqual([]);
});

test('a page gets the size and rate that it asks for, or else the default', async () => {
  const { server, players } = await start();
  await makePeer().join(server.url, { query: '?size=640x360&fps=30' });
  await makePeer().join(server.url);
  expect(players.map(({ width, height, fps }) => [width, height, fps])).toEqual([
    [640, 360, 30],
    [1280, 720, 60],
  ]);
});

test('an offer is refused if it has the wrong type or is one byte too large', async () => {
  const { server, config, players } = await start({ offerBytesMax: 2000 });
  const post = async (body: string | ReadableStream, headers: Record<string, string> = SDP) =>
    code(
      await fetch(`${server.url}whep`, {
        method: 'POST',
        headers,
        body,
        duplex: 'half',
      } as RequestInit),
    );
  expect(await post('v=0', { 'content-type': 'application/json' })).toEqual([415, 'NL_OFFER_TYPE']);
  expect(await post('v=0', {})).toEqual([415, 'NL_OFFER_TYPE']);
  expect(await post('', SDP)).toEqual([400, 'NL_OFFER']);
  expect(await post('x'.repeat(config.offerBytesMax))).toEqual([400, 'NL_OFFER']);
  expect(await post('x'.repeat(config.offerBytesMax + 1))).toEqual([413, 'NL_OFFER_TOO_LARGE']);
  const chunked = new Blob(['x'.repeat(config.offerBytesMax), 'x']).stream();
  expect(await post(chunked)).toEqual([413, 'NL_OFFER_TOO_LARGE']);
  expect(players).toEqual([]);
  await makePeer().join(server.url);
});

test('a page of another site can neither join nor end a connection', async () => {
  const { server, players } = await start();
  const peer = makePeer();
  const body = await peer.offer();
  for (const origin of ['http://example.com', 'null', server.url.replace('127.0.0.1', 'localhost').slice(0, -1)]) {
    const response = await fetch(`${server.url}whep`, {
      method: 'POST',
      headers: { ...SDP, origin },
      body,
    });
    expect(await code(response)).toEqual([403, 'NL_ORIGIN']);
  }
  expect(players).toEqual([]);
  const own = { ...SDP, origin: new URL(server.url).origin };
  const response = await fetch(`${server.url}whep`, {
    method: 'POST',
    headers: own,
    body,
  });
  expect(response.status).toBe(201);
  const location = new URL(response.headers.get('location') ?? '', server.url);
  const foreign = await fetch(location, {
    method: 'DELETE',
    headers: { origin: 'http://example.com' },
  });
  expect(await code(foreign)).toEqual([403, 'NL_ORIGIN']);
  // The page's connection still exists, so the page itself can end it.
  expect((await fetch(location, { method: 'DELETE' })).status).toBe(200);
});

test('a page gets an error when the room is full, is being replaced or fails', async () => {
  let answer: Error = new NearlightError('NL_ROOM_FULL', '4 of 4 seats are taken');
  const { server, warnings } = await start({}, { admit: () => Promise.reject(answer) });
  const body = await makePeer().offer();
  const post = () => fetch(`${server.url}whep`, { method: 'POST', headers: SDP, body });
  const full = await post();
  expect([await code(full), full.headers.get('retry-after')]).toEqual([[503, 'NL_ROOM_FULL'], null]);
  answer = new NearlightError('NL_ROOM_ENDED', 'the game is being replaced');
  const between = await post();
  expect([await code(between), between.headers.get('retry-after')]).toEqual([[503, 'NL_ROOM_ENDED'], '1']);
  answer = new Error('secret');
  const response = await post();
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain('secret');
  expect(warnings).toHaveLength(1);
  expect(server.connections).toBe(0);
});

test('DELETE ends a connection, once', async () => {
  const { server, players } = await start();
  const peer = makePeer();
  await peer.join(server.url);
  const first = await fetch(peer.location, { method: 'DELETE' });
  expect([first.status, await first.text()]).toEqual([200, '']);
  expect(at(players, 0).closed).toEqual(['deleted']);
  expect(server.connections).toBe(0);
  expect(await code(await fetch(peer.location, { method: 'DELETE' }))).toEqual([404, 'NL_NOT_FOUND']);
  await until(() => peer.peerState === 'closed' || peer.peerState === 'disconnected', 'the end of the connection');
  expect(at(players, 0).closed).toEqual(['deleted']);
});

test('a page that leaves before it got its answer leaves no connection behind, and takes no seat', async () => {
  const asked = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const meters = new Meters();
  let seats = 0;
  const { server } = await start(
    {},
    {
      meters,
      admit: async (view) => {
        asked.resolve();
        await gone.promise;
        return () => new RecordedPlayer(seats++, view);
      },
    },
  );
  const abort = new AbortController();
  const request = fetch(`${server.url}whep`, {
    method: 'POST',
    headers: SDP,
    body: await makePeer().offer(),
    signal: abort.signal,
  });
  await asked.promise;
  abort.abort();
  await expect(request).rejects.toThrow();
  await settle();
  gone.resolve();
  await until(() => meters.sessionsEnded.page > 0, 'the end');
  expect([server.connections, seats]).toEqual([0, 0]);
});

test('a page that connects when the last seat was just taken gets the reason', async () => {
  const { server } = await start(
    {},
    {
      admit: async () => () => {
        throw new NearlightError('NL_ROOM_FULL', 'all 4 seats are taken');
      },
    },
  );
  const peer = makePeer();
  void peer.join(server.url).catch(() => {});
  expect(await peer.ended()).toEqual({
    kind: 'ended',
    code: 'NL_ROOM_FULL',
    message: 'all 4 seats are taken',
    retry: true,
  });
  await until(() => server.connections === 0, 'the end of the connection');
});

test('a port in use and an address of another machine are refused', async () => {
  const { server } = await start();
  await expect(startServer({ port: server.port })).rejects.toMatchObject({
    code: 'NL_PORT_IN_USE',
    message: expect.stringContaining(`127.0.0.1:${server.port} is taken`),
  });
  await expect(startServer({ host: '192.0.2.1' })).rejects.toMatchObject({
    code: 'NL_SETTING',
  });
});

test('closing the server notifies every page, and does not wait for any of them to leave', async () => {
  const { server, players } = await start();
  const joined = [makePeer(), makePeer()];
  for (const peer of joined) await peer.join(server.url);
  const idle = fetch(server.url).catch(() => {});
  const closed = server.close();
  expect(server.close()).toBe(closed);
  await closed;
  for (const peer of joined)
    expect(await peer.ended()).toMatchObject({
      code: 'NL_SHUTDOWN',
      retry: true,
    });
  expect(players.map((player) => player.closed)).toEqual([['shutdown'], ['shutdown']]);
  await idle;
  const after = fetch(server.url).then(
    () => 'answered',
    () => 'refused',
  );
  expect(await after).toBe('refused');
});
