import * as jose from 'jose';
import { describe, expect, test } from 'vitest';
import { JoinTickets } from '../../../host/edge/admission/ticket.ts';
import { MemoryTicketStore, type TicketStore } from '../../../host/edge/admission/ticket-store.ts';

const MS = 10_000;
const CONTENT = { account: { id: 'ada', role: 'player' }, room: 'arena', seat: 3 };

function begin(store: TicketStore = new MemoryTicketStore()) {
  const clock = { now: 1_700_000_000_000 };
  const tickets = new JoinTickets({ jose, store, msMax: MS, now: () => clock.now });
  return { clock, tickets, issue: (content = CONTENT) => tickets.issue(tickets.createId(), content) };
}

test('a ticket says who may take which seat in which room, and can be used once', async () => {
  const { tickets, issue } = begin();
  const { text, id } = await issue();
  expect(tickets.isTicket(text)).toBe(true);
  expect(await tickets.redeem(text)).toEqual({ ...CONTENT, id });
  await expect(tickets.redeem(text)).rejects.toMatchObject({ reason: 'ticket-used', code: 'NL_TICKET' });
});

test('of many who use one ticket at the same time, one succeeds', async () => {
  const { tickets, issue } = begin();
  const { text } = await issue();
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => tickets.redeem(text)));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a ticket without a seat is for a spectator', async () => {
  const { tickets } = begin();
  const { text } = await tickets.issue(tickets.createId(), { ...CONTENT, seat: undefined });
  expect(await tickets.redeem(text)).toMatchObject({ room: 'arena', seat: undefined });
});

test('a ticket is valid for its time to the millisecond', async () => {
  const { clock, tickets, issue } = begin();
  const [first, second] = [await issue(), await issue()];
  clock.now += MS - 1;
  await tickets.redeem(first.text);
  clock.now++;
  await expect(tickets.redeem(second.text)).rejects.toMatchObject({ reason: 'ticket-expired' });
});

test('a ticket that was used stays used when the host starts again with the same store', async () => {
  const store = new MemoryTicketStore();
  const { text } = await begin(store).issue();
  await begin(store).tickets.redeem(text);
  await expect(begin(store).tickets.redeem(text)).rejects.toMatchObject({ reason: 'ticket-used' });
  const unused = await begin(store).issue();
  expect(await begin(store).tickets.redeem(unused.text)).toMatchObject(CONTENT);
});

test('a ticket of another host is refused', async () => {
  const { text } = await begin().issue();
  await expect(begin().tickets.redeem(text)).rejects.toMatchObject({ reason: 'ticket-invalid' });
});

test('a ticket whose content was changed, and other tokens with the right key, are refused', async () => {
  const store = new MemoryTicketStore();
  const { tickets, issue } = begin(store);
  const [header = '', body = '', signature = ''] = (await issue()).text.split('.');
  const other = Buffer.from(Buffer.from(body, 'base64url').toString().replace('"seat":3', '"seat":4')).toString(
    'base64url',
  );
  const key = await store.key();
  const sign = (claims: jose.JWTPayload, typ = 'nearlight-join+jwt') =>
    new jose.SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ }).sign(key);
  const good = jose.decodeJwt((await issue()).text);
  const texts = [
    '',
    'x',
    `${header}.${other}.${signature}`,
    await sign(good, 'JWT'),
    await sign({ ...good, aud: 'other' }),
    await sign({ ...good, seat: -1 }),
    await sign({ ...good, seat: 0.5 }),
    await sign({ ...good, jti: 'short' }),
    await sign({ ...good, role: 'x'.repeat(65) }),
    await sign({ ...good, until: 'always' }),
    await sign({ ...good, room: 7 }),
  ];
  for (const text of texts)
    await expect(tickets.redeem(text), text).rejects.toMatchObject({ reason: 'ticket-invalid' });
  expect(await tickets.redeem(await sign(good))).toMatchObject(CONTENT);
});

test('a token of an issuer is not a ticket', async () => {
  const { tickets } = begin();
  const secret = new Uint8Array(32);
  const token = await new jose.SignJWT({ sub: 'ada' }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(secret);
  expect(tickets.isTicket(token)).toBe(false);
  expect(tickets.isTicket('nonsense')).toBe(false);
});

describe('the store in memory', () => {
  test('it forgets tickets that have expired, and none that have not', async () => {
    let now = 0;
    const store = new MemoryTicketStore(() => now);
    for (let i = 0; i < 4096; i++) await store.use(`old ${i}`, 1000);
    now = 999;
    await store.use('first', 5000);
    expect(store.size).toBe(4097);
    now = 1000;
    for (let i = 0; i < 4096; i++) await store.use(`new ${i}`, 9000);
    expect(store.size).toBe(4097);
    expect(await store.use('first', 5000)).toBe(false);
    expect(await store.use('old 0', 9000)).toBe(true);
  });
});
