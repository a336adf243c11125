import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import type { Config } from '../../host/base/config.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { CARRY_LENGTH_MAX, CARRY_TYPE } from '../../host/base/protocol.ts';
import { CARRY_MS, type Carried, CarrySeal } from '../../host/stream/carry-ticket.ts';
import type { StreamServerOptions } from '../../host/stream/server.ts';
import { at } from '../at.ts';
import { type Fixture, RecordedPlayer, startServer } from './fixture.ts';
import { Peer, until } from './peer.ts';

const KEY = 'k'.repeat(32);
const TOKEN = 't'.repeat(22);
const digestOf = (token: string) => createHash('sha256').update(token).digest('base64url');
const PLAYER: Carried = { game: 'test', digest: digestOf(TOKEN), origin: digestOf('first'), state: Uint8Array.of(7) };

const fixtures: Fixture[] = [];
const peers: Peer[] = [];
/** The states with which players came. */
const arrived: [game: string, seat: number, state: Uint8Array][] = [];

/** Starts a server of the game `test` that takes players of other servers with the same key. */
async function start(settings: Partial<Config> = {}, overrides: Partial<StreamServerOptions> = {}): Promise<Fixture> {
  const fixture = await startServer(settings, {
    carry: {
      seal: new CarrySeal([KEY]),
      games: () => ['test'],
      arrive: async (...arrival) => {
        arrived.push(arrival);
        return true;
      },
    },
    ...overrides,
  });
  fixtures.push(fixture);
  return fixture;
}

const ticketFor = (player: Partial<Carried> = {}, key = KEY) =>
  new CarrySeal([key]).seal({ ...PLAYER, ...player }) ?? '';

async function join(url: string, options: { tokens?: string; carry?: string }): Promise<Peer> {
  const peer = new Peer();
  peers.push(peer);
  await peer.join(url, options);
  return peer;
}

afterEach(async () => {
  arrived.splice(0);
  for (const peer of peers.splice(0)) peer.close();
  for (const { server } of fixtures.splice(0)) await server.close();
});

test('a page takes a seat with its ticket and token in one request, and the state is there before it', async () => {
  const { server, players } = await start();
  const page = await join(server.url, { tokens: TOKEN, carry: ticketFor() });
  expect(at(page.notices, 0)).toMatchObject({ kind: 'joined', seat: 0 });
  expect(arrived).toEqual([['test', 0, Uint8Array.of(7)]]);
  expect([players.length, server.held, server.reserved]).toEqual([1, 0, 0]);
  // The stay is the one that began on the other server, and the token has changed.
  const [token = ''] = page.token.split(',');
  expect(server.transfers.rightTo('test', 0)).toEqual({ digest: digestOf(token), origin: digestOf('first') });
});

test('a ticket without its token keeps a seat that no one else can take, and works once', async () => {
  const { server, players } = await start();
  const carry = ticketFor();
  const thief = await join(server.url, { tokens: 'x'.repeat(22), carry });
  expect(at(thief.notices, 0)).toMatchObject({ seat: 1 });
  expect([server.held, server.reserved]).toEqual([1, 1]);
  await expect(join(server.url, { tokens: 'y'.repeat(22), carry })).rejects.toThrow(/409.*NL_CARRY.*used here before/);
  const owner = await join(server.url, { tokens: TOKEN, carry });
  expect(at(owner.notices, 0)).toMatchObject({ seat: 0 });
  expect([players.length, server.reserved]).toEqual([2, 0]);
});

test.each<[string, () => string, RegExp]>([
  ['another key', () => ticketFor({}, 'o'.repeat(32)), /another CARRY_KEY/],
  ['another game', () => ticketFor({ game: 'other' }), /the game other, which is not here/],
  ['a damaged content', () => `${ticketFor().slice(0, -1)}_`, /NL_CARRY/],
])('a ticket of %s is refused, and the page can join without it', async (_, make, reason) => {
  const { server } = await start();
  await expect(join(server.url, { tokens: TOKEN, carry: make() })).rejects.toThrow(reason);
  await join(server.url, { tokens: TOKEN });
  expect(arrived).toEqual([]);
});

test('a ticket that has expired is refused', async () => {
  const { server } = await start();
  const carry = new CarrySeal([KEY], () => Date.now() - CARRY_MS).seal(PLAYER) ?? '';
  await expect(join(server.url, { tokens: TOKEN, carry })).rejects.toThrow(/409.*NL_CARRY.*expired/);
});

test('a server that takes no carried players says so', async () => {
  const { server } = await start({}, { carry: undefined });
  await expect(join(server.url, { tokens: TOKEN, carry: ticketFor() })).rejects.toThrow(/NL_CARRY.*no CARRY_KEY/);
});

test('a ticket for which no seat is free can be used when one is', async () => {
  let isFull = true;
  const taking = await start();
  const { server } = await start(
    {},
    {
      admit: async (view) => {
        if (isFull) throw new NearlightError('NL_ROOM_FULL', 'all seats are taken');
        return () => new RecordedPlayer(0, view);
      },
    },
  );
  const carry = ticketFor();
  await expect(join(server.url, { tokens: TOKEN, carry })).rejects.toThrow(/503.*NL_ROOM_FULL/);
  isFull = false;
  await join(server.url, { tokens: TOKEN, carry });
  // Another server, which cannot know that, takes the same ticket while it is valid.
  await join(taking.server.url, { tokens: TOKEN, carry });
  expect(arrived).toHaveLength(2);
});

test('a player whose game does not take the state plays without it', async () => {
  const { server, warnings } = await start(
    {},
    {
      carry: { seal: new CarrySeal([KEY]), games: () => ['test'], arrive: async () => false },
    },
  );
  await join(server.url, { tokens: TOKEN, carry: ticketFor() });
  expect(warnings.join()).toContain('without the state');
});

test.each<[string, string, object, number, string]>([
  ['without a ticket', CARRY_TYPE, { sdp: '' }, 400, 'NL_REQUEST'],
  ['with a number for a ticket', CARRY_TYPE, { sdp: '', carry: 7 }, 400, 'NL_REQUEST'],
  ['with a number for an offer', CARRY_TYPE, { sdp: 7, carry: '' }, 400, 'NL_REQUEST'],
  ['that is not an object', CARRY_TYPE, [null], 400, 'NL_REQUEST'],
  ['with an offer that is too long', CARRY_TYPE, { sdp: 'a'.repeat(1025), carry: '' }, 413, 'NL_OFFER_TOO_LARGE'],
  ['with an offer of the greatest length', CARRY_TYPE, { sdp: 'a'.repeat(1024), carry: '' }, 400, 'NL_OFFER'],
  ['that is too long', CARRY_TYPE, { sdp: '', carry: 'a'.repeat(CARRY_LENGTH_MAX + 2048) }, 413, 'NL_OFFER_TOO_LARGE'],
  ['of another type', 'application/json', {}, 415, 'NL_OFFER_TYPE'],
])('a request %s is refused', async (_, type, body, status, code) => {
  const { server } = await start({ offerBytesMax: 1024 });
  const response = await fetch(`${server.url}whep`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: JSON.stringify(Array.isArray(body) ? body[0] : body),
  });
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code]);
});

test('a page without WebRTC brings its ticket without an offer', async () => {
  const { server } = await start();
  const response = await fetch(`${server.url}whep/socket`, {
    method: 'POST',
    headers: { 'content-type': CARRY_TYPE, 'nearlight-return': TOKEN },
    body: JSON.stringify({ carry: ticketFor() }),
  });
  expect([response.status, response.headers.get('connection')]).toEqual([201, 'close']);
  expect(arrived).toEqual([['test', 0, Uint8Array.of(7)]]);
});

test('a draining server takes no new players, ends the connections of clients, and lets those who play come back', async () => {
  const { server } = await start({}, { watch: () => Promise.reject(new Error('not reached')) });
  const page = await join(server.url, { tokens: 'new' });
  const waiting = fetch(`${server.url}whep/line`);
  expect((await waiting).headers.get('connection')).not.toBe('close');
  server.isDraining = true;
  const ask = (path: string) => fetch(`${server.url}${path}`, { method: 'POST' });
  for (const path of ['whep/socket', 'whep/socket?watch', 'whep/queue', 'whep/ticket']) {
    const response = await ask(path);
    const { code } = (await response.json()) as { code: string };
    expect([path, response.status, code]).toEqual([path, 503, 'NL_DRAINING']);
    expect([response.headers.get('connection'), response.headers.get('retry-after')]).toEqual(['close', '1']);
  }
  await expect(join(server.url, { tokens: TOKEN, carry: ticketFor() })).rejects.toThrow('NL_DRAINING');
  const again = await join(server.url, { tokens: page.token });
  expect(at(again.notices, 0)).toMatchObject({ seat: 0 });
  server.isDraining = false;
  // The ticket was not used.
  await join(server.url, { tokens: TOKEN, carry: ticketFor() });
});

test('pages are sent on with tickets in parts that they take, and others learn that they may come back', async () => {
  const { server, players } = await start({ closeMsMax: 100 });
  const page = await join(server.url, { tokens: 'new' });
  const stranger = await join(server.url, {});
  const ticket = 'T'.repeat(40_000);
  const notice = { kind: 'moved', game: 'test', token: TOKEN, holdMs: CARRY_MS, why: 'update' } as const;
  const seats: number[] = [];
  const gone = server.sendOn((seat) => {
    seats.push(seat.seat);
    return { notice, ticket };
  });
  expect(await stranger.ended()).toMatchObject({ code: 'NL_DRAINING', retry: true });
  await until(() => page.notices.some(({ kind }) => kind === 'moved'), 'the notice "moved"');
  const parts = page.notices.flatMap((each) => (each.kind === 'carry' ? [each.part] : []));
  expect([parts.join(''), parts.length, seats]).toEqual([ticket, 3, [0]]);
  expect(page.notices.at(-1)).toEqual(notice);
  // No player may play on two servers.
  await expect(join(server.url, { tokens: page.token })).rejects.toThrow(/503.*NL_DRAINING/);
  page.close();
  await gone;
  expect(players.map(({ closed }) => closed)).toEqual([['shutdown'], ['shutdown']]);
});
