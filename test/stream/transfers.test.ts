import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { ANYONE } from '../../host/base/pass.ts';
import { PROTOCOL_VERSION } from '../../host/base/protocol.ts';
import { at } from '../at.ts';
import { settle } from '../wait.ts';
import { type Fixture, RecordedPlayer, startServer } from './fixture.ts';
import { Peer, until } from './peer.ts';

const fixtures: Fixture[] = [];
const peers: Peer[] = [];

async function start(...args: Parameters<typeof startServer>): Promise<Fixture> {
  const fixture = await startServer(...args);
  fixtures.push(fixture);
  return fixture;
}

async function join({ server }: Fixture, tokens: string): Promise<Peer> {
  const peer = new Peer();
  peers.push(peer);
  await peer.join(server.url, { tokens });
  return peer;
}

const digestOf = (token: string) => createHash('sha256').update(token).digest('base64url');
const TOKEN = 'm'.repeat(22);
const RIGHT = { digest: digestOf(TOKEN) };
const COMING = { client: 'move 1', isReturning: false };

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  for (const { server } of fixtures.splice(0)) await server.close();
});

test('a player who could return may move, and one who could not, or an empty seat, may not', async () => {
  const fixture = await start();
  const { transfers } = fixture.server;
  const page = await join(fixture, 'new');
  expect(transfers.rightTo('test', 0)).toEqual({ digest: digestOf(page.token), origin: digestOf(page.token) });
  expect([transfers.rightTo('test', 1), transfers.rightTo('other', 0)]).toEqual([undefined, undefined]);
  at(fixture.players, 0).hasEnded = true;
  expect(transfers.rightTo('test', 0)).toBeUndefined();
});

test('a seat that is kept is taken with its token alone, by a page that the host has never seen', async () => {
  const fixture = await start();
  const kept = await fixture.server.transfers.keep('test', RIGHT, COMING);
  expect([kept.seat, kept.state, fixture.server.held]).toEqual([0, 'waiting', 1]);
  await join(fixture, 'x'.repeat(22));
  expect([kept.state, fixture.players.length]).toEqual(['waiting', 2]);
  const page = await join(fixture, TOKEN);
  expect(at(page.notices, 0)).toMatchObject({ kind: 'joined', seat: 0 });
  expect([kept.state, fixture.players.length, fixture.server.held]).toEqual(['taken', 2, 0]);
  // Its reservation has no power over the seat any more.
  kept.cancel();
  expect(at(fixture.players, 0).closed).toEqual([]);
});

test('a seat that is kept is free when it is given up, or when no page comes in time', async () => {
  const fixture = await start({ returnMsMax: 100, reloadMsMax: 100 });
  const { transfers } = fixture.server;
  const first = await transfers.keep('test', RIGHT, COMING);
  first.cancel();
  expect([first.state, at(fixture.players, 0).closed]).toEqual(['gone', ['page']]);
  const second = await transfers.keep('test', RIGHT, COMING);
  await until(() => second.state === 'gone', 'the end of the wait');
  expect(at(fixture.players, 1).closed).toEqual(['page']);
});

test('a seat that waits for the token already is not kept twice', async () => {
  const fixture = await start();
  const { transfers } = fixture.server;
  const first = await transfers.keep('test', RIGHT, COMING);
  const again = await transfers.keep('test', RIGHT, { ...COMING, isReturning: true });
  expect([first.seat, again.seat, fixture.players.length]).toEqual([0, 0, 1]);
  expect([first.isKnown, again.isKnown]).toEqual([false, true]);
  await join(fixture, TOKEN);
  expect([first.state, again.state]).toEqual(['taken', 'taken']);
});

test('a seat that a page has already is not kept twice, unless its game has ended', async () => {
  const fixture = await start();
  const { transfers } = fixture.server;
  await transfers.keep('test', RIGHT, COMING);
  await join(fixture, TOKEN);
  const again = await transfers.keep('test', RIGHT, COMING);
  expect([again.seat, again.state, again.isKnown, fixture.players.length]).toEqual([0, 'taken', true, 1]);
  at(fixture.players, 0).hasEnded = true;
  const other = await transfers.keep('test', RIGHT, COMING);
  expect([other.seat, other.state, other.isKnown, fixture.players.length]).toEqual([1, 'waiting', false, 2]);
});

test('a seat of a match that goes on after a restart is found by the token with which the stay began', async () => {
  const fixture = await start();
  const { transfers } = fixture.server;
  const origin = Buffer.from(RIGHT.digest, 'base64url');
  const last = 'l'.repeat(22);
  const player = new RecordedPlayer(3, { width: 640, height: 360, fps: 30 });
  fixture.server.resume(player, { digest: Buffer.from(digestOf(last), 'base64url'), origin, pass: ANYONE });
  const kept = await transfers.keep('test', RIGHT, COMING);
  expect([kept.seat, kept.isKnown, fixture.players.length]).toEqual([3, true, 0]);
  // A move that is undone gives up a seat by its right alone.
  const other = await transfers.keep('test', { digest: digestOf('o') }, COMING);
  transfers.cancel({ digest: digestOf('o') });
  expect([kept.state, other.state]).toEqual(['waiting', 'gone']);
});

test('a token that has changed leaves the origin of the stay as it is', async () => {
  const fixture = await start();
  const { transfers } = fixture.server;
  await transfers.keep('test', { digest: digestOf(TOKEN), origin: digestOf('first') }, COMING);
  const page = await join(fixture, TOKEN);
  expect(transfers.rightTo('test', 0)).toEqual({
    digest: digestOf(page.token.split(',')[0] ?? ''),
    origin: digestOf('first'),
  });
});

test('no page gets a seat before all seats that wait are known', async () => {
  const ready = Promise.withResolvers<void>();
  const fixture = await start({}, { ready: ready.promise });
  const joined = join(fixture, TOKEN);
  await settle();
  const kept = await fixture.server.transfers.keep('test', RIGHT, COMING);
  ready.resolve();
  await joined;
  expect([kept.state, fixture.players.length]).toEqual(['taken', 1]);
});

test('no page comes forward in the queue before all seats that wait are known', async () => {
  const ready = Promise.withResolvers<void>();
  const fixture = await start({}, { ready: ready.promise });
  const queued = fetch(`${fixture.server.url}whep/queue?protocol=${PROTOCOL_VERSION}`, { method: 'POST' });
  await settle();
  expect(fixture.players).toHaveLength(0);
  ready.resolve();
  expect((await queued).status).toBe(200);
});

test('players who move here are not counted as those of one address', async () => {
  const fixture = await start({ addressSeatsMax: 1 });
  const { transfers } = fixture.server;
  const states = [];
  for (let n = 0; n < 3; n++)
    states.push((await transfers.keep('test', { digest: digestOf(`${n}`) }, { ...COMING, client: `move ${n}` })).state);
  expect(states).toEqual(['waiting', 'waiting', 'waiting']);
});

test('a host with other hosts to move to lets its page connect there, and one without does not', async () => {
  const policy = async ({ server }: Fixture) => (await fetch(server.url)).headers.get('content-security-policy');
  expect(await policy(await start())).not.toContain('connect-src');
  const movePeers = 'west=http://10.0.0.2:9465/|https://west.example/play,north=http://10.0.0.3/|http://10.0.0.3:8080';
  expect(await policy(await start({ movePeers }))).toMatch(
    /; connect-src 'self' https:\/\/west\.example wss:\/\/west\.example http:\/\/10\.0\.0\.3:8080 ws:\/\/10\.0\.0\.3:8080$/,
  );
});
