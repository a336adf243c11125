/** Joins through the whole pipeline: pages, tokens, tickets, the queue and returns, on the real server without a browser. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Config, readConfig } from '../../../host/base/config.ts';
import { NearlightError } from '../../../host/base/errors.ts';
import { HEADER_RETURN } from '../../../host/base/protocol.ts';
import { type OpenedGate, openGate } from '../../../host/edge/admission/gate.ts';
import { MemoryTicketStore, type TicketStore } from '../../../host/edge/admission/ticket-store.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { at } from '../../at.ts';
import { RecordedPlayer, startServer } from '../../stream/fixture.ts';
import { Peer, until } from '../../stream/peer.ts';
import { Issuer } from '../issuer.ts';

const SEATS = 4;

let issuer: Issuer;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  issuer = await Issuer.open();
});
afterAll(() => issuer.close());
beforeEach(() => {
  issuer.instead = undefined;
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Starts a server for a game with four seats, which players with tokens may join. */
async function start(
  settings: Partial<Config> = {},
  { seats = SEATS, tickets = undefined as TicketStore | undefined } = {},
) {
  const seated: RecordedPlayer[] = [];
  const spectators: RecordedPlayer[] = [];
  const taken = () => seated.filter(({ closed }) => closed.length === 0);
  const meters = new Meters();
  const tokens = { admission: 'token', oidcIssuer: issuer.url, oidcAudience: 'games' };
  const more = { addressOffersPerSecondMax: 100, offersPerSecondMax: 100, ...tokens, ...settings };
  const gate: OpenedGate = await openGate({
    config: { ...readConfig({}), ...more },
    log: () => {},
    meters,
    game: () => ({ id: 'test', isRunning: true, players: taken().length, seats }),
    ...(tickets ? { tickets } : {}),
  });
  closing.push(() => gate.close());
  const { server } = await startServer(more, {
    gate,
    meters,
    admit: async (view) => {
      if (taken().length >= seats) throw new NearlightError('NL_ROOM_FULL', 'all seats are taken');
      return () => {
        const used = new Set(taken().map(({ seat }) => seat));
        const player = new RecordedPlayer([0, 1, 2, 3].find((seat) => !used.has(seat)) ?? 0, view);
        seated.push(player);
        return player;
      };
    },
    watch: async (view) => () => {
      const spectator = new RecordedPlayer(-1, view);
      spectators.push(spectator);
      return spectator;
    },
  });
  closing.push(() => server.close());
  const post = async (path: string, bearer?: string, headers = {}) => {
    const authorization = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
    const response = await fetch(`${server.url}whep/${path}`, {
      method: 'POST',
      headers: { ...authorization, ...headers },
    });
    return { status: response.status, headers: response.headers, body: await response.json().catch(() => undefined) };
  };
  const join = async (options: Parameters<Peer['join']>[1] = {}) => {
    const peer = new Peer();
    closing.push(() => peer.close());
    await peer.join(server.url, options);
    return peer;
  };
  const ticket = async (claims = {}, query = '') => (await post(`ticket${query}`, await issuer.token(claims))).body;
  return { server, seated, spectators, taken, meters, gate, post, join, ticket };
}

test('a player with a token gets a seat, and the token is exchanged for a ticket that is used once', async () => {
  const { join, seated, meters } = await start();
  await join({ bearer: await issuer.token() });
  expect(seated).toHaveLength(1);
  const { address, token, ticket, account, policy, seat } = meters.joinDecisions;
  expect([address, token, ticket, account, policy, seat].map((step) => step.get('ok'))).toEqual([1, 1, 1, 1, 1, 1]);
});

test('a page without a token, with a bad one, or with another scheme gets the reason, and how to identify itself', async () => {
  const { post, join, taken } = await start();
  const missing = await post('ticket');
  expect(missing).toMatchObject({ status: 401, body: { code: 'NL_TOKEN_MISSING' } });
  expect(missing.headers.get('www-authenticate')).toBe('Bearer');
  expect(await post('ticket', 'x')).toMatchObject({ status: 401, body: { code: 'NL_TOKEN' } });
  const basic = await post('ticket', undefined, { authorization: 'Basic eDp5' });
  expect(basic).toMatchObject({ status: 401, body: { code: 'NL_TOKEN' } });
  await expect(join()).rejects.toThrow('401 {"code":"NL_TOKEN_MISSING"');
  await expect(join({ bearer: await issuer.token({ role: 'guest' }) })).rejects.toThrow('403 {"code":"NL_POLICY"');
  expect(taken()).toHaveLength(0);
});

test('a ticket takes the seat that it is bound to, once', async () => {
  const { join, ticket, seated, taken } = await start();
  const first = await ticket({ sub: 'ada' });
  const second = await ticket({ sub: 'bob' });
  expect([first, second]).toMatchObject([
    { room: 'test', seat: 0, validMs: 10_000 },
    { room: 'test', seat: 1 },
  ]);
  expect(taken()).toHaveLength(2);
  await join({ bearer: second.ticket });
  expect(seated.map(({ connection }) => connection !== undefined)).toEqual([false, true]);
  await join({ bearer: first.ticket, query: '?game=test' });
  expect(taken()).toHaveLength(2);
  await expect(join({ bearer: first.ticket })).rejects.toThrow('401 {"code":"NL_TICKET","message":"it was used before');
});

test('a ticket is of no use for another game, for a spectator, or after its seat was given away', async () => {
  const { join, ticket, post, taken } = await start({ ticketMsMax: 300 });
  const [game, watch, late] = [await ticket(), await ticket({ sub: 'bob' }), await ticket({ sub: 'cleo' })];
  await expect(join({ bearer: game.ticket, query: '?game=other' })).rejects.toThrow('it is not valid here');
  await expect(join({ bearer: watch.ticket, query: '?watch' })).rejects.toThrow('it is not valid here');
  await until(() => taken().length === 0, 'the end of the reservations');
  await expect(join({ bearer: late.ticket })).rejects.toThrow(/it has expired|its seat was given away/);
  expect(await post('queue', late.ticket)).toMatchObject({ status: 401 });
});

test('the seat of a page that does not connect is free at once', async () => {
  const { server, taken } = await start({ iceMsMax: 200 });
  const peer = new Peer();
  closing.push(() => peer.close());
  const authorization = `Bearer ${await issuer.token()}`;
  const headers = { 'content-type': 'application/sdp', authorization };
  const answer = await fetch(`${server.url}whep`, { method: 'POST', headers, body: await peer.offer() });
  expect([answer.status, taken().length]).toEqual([201, 1]);
  await until(() => taken().length === 0, 'the free seat');
});

test('a spectator needs a token too, and a ticket for one takes no seat', async () => {
  const { join, ticket, taken, spectators, post } = await start();
  await join({ bearer: await issuer.token(), query: '?watch' });
  const found = await ticket({ sub: 'bob' }, '?watch');
  expect(found).toMatchObject({ room: 'test' });
  expect(found.seat).toBeUndefined();
  await join({ bearer: found.ticket, query: '?watch' });
  await expect(join({ bearer: found.ticket, query: '?watch' })).rejects.toThrow('NL_TICKET');
  await expect(join({ query: '?watch' })).rejects.toThrow('NL_TOKEN_MISSING');
  expect(await post('ticket?watch')).toMatchObject({ status: 401 });
  expect([taken().length, spectators.length]).toEqual([0, 2]);
});

test('a returning player needs no token, and comes back while the issuer is down', async () => {
  const { join, seated, taken } = await start();
  const first = await join({ bearer: await issuer.token(), tokens: 'new' });
  issuer.instead = { status: 500, text: '' };
  first.close();
  await until(() => seated[0]?.lost === 1, 'the loss');
  const second = await join({ tokens: first.token });
  expect([taken().length, second.notices[0]]).toMatchObject([1, { kind: 'joined', seat: 0 }]);
  second.close();
  await until(() => seated[0]?.lost === 2, 'the second loss');
  await join({ tokens: second.token });
  expect(taken()).toHaveLength(1);
});

test('places of an account count until they are free, over returns too', async () => {
  const { join, seated } = await start({ accountSeatsMax: 1 });
  const bearer = await issuer.token();
  const first = await join({ bearer, tokens: 'new' });
  await expect(join({ bearer })).rejects.toThrow('429 {"code":"NL_ACCOUNT_FULL"');
  await join({ bearer: await issuer.token({ sub: 'bob' }) });
  first.close();
  await until(() => seated[0]?.lost === 1, 'the loss');
  const second = await join({ tokens: first.token });
  await expect(join({ bearer })).rejects.toThrow('NL_ACCOUNT_FULL');
  await second.leave();
  await until(() => at(seated, 0).closed.length === 1, 'the free seat');
  await join({ bearer });
});

test('a page in the queue of a full game is identified once, and judged when its turn has come', async () => {
  const { join, post, meters } = await start({}, { seats: 1 });
  const bearer = await issuer.token();
  const first = await join({ bearer });
  const bob = await issuer.token({ sub: 'bob' });
  await expect(join({ bearer: bob })).rejects.toThrow('503 {"code":"NL_ROOM_FULL"');
  expect(await post('queue')).toMatchObject({ status: 401, body: { code: 'NL_TOKEN_MISSING' } });
  const place = (await post('queue', bob)).body;
  expect(place.position).toBe(1);
  const identified = meters.joinDecisions.account.get('ok');
  const asked = post('queue', undefined, { [HEADER_RETURN]: place.token });
  await first.leave();
  expect((await asked).body).toMatchObject({ position: 0 });
  await join({ tokens: place.token });
  expect(meters.joinDecisions.account.get('ok')).toBe(identified);
});

test('a page in the queue whom the policies refuse learns that when its turn has come', async () => {
  const { join, post } = await start({}, { seats: 1 });
  const first = await join({ bearer: await issuer.token() });
  const place = (await post('queue', await issuer.token({ sub: 'bob', role: 'guest' }))).body;
  const asked = post('queue', undefined, { [HEADER_RETURN]: place.token });
  await first.leave();
  expect(await asked).toMatchObject({ status: 403, body: { code: 'NL_POLICY' } });
});

test('while the issuer is down, new players come in by the keys that are known, and none without keys', async () => {
  const known = await start();
  await known.join({ bearer: await issuer.token() });
  issuer.instead = { status: 500, text: '' };
  await known.join({ bearer: await issuer.token({ sub: 'bob' }) });
  const cold = await start();
  await expect(cold.join({ bearer: await issuer.token() })).rejects.toThrow('503 {"code":"NL_ISSUER"');
});

test('a ticket that was used is refused after the host has started again with the same store', async () => {
  const tickets = new MemoryTicketStore();
  const before = await start({}, { tickets });
  const { ticket } = await before.ticket({}, '?watch');
  await before.join({ bearer: ticket, query: '?watch' });
  const after = await start({}, { tickets });
  await expect(after.join({ bearer: ticket, query: '?watch' })).rejects.toThrow('it was used before');
});

test('where anyone may join, a token is not looked at and there are no tickets', async () => {
  const { join, post, taken } = await start({ admission: 'open' });
  await join({ bearer: 'nonsense' });
  await join();
  expect(taken()).toHaveLength(2);
  expect(await post('ticket')).toMatchObject({ status: 404, body: { code: 'NL_NOT_FOUND' } });
});
