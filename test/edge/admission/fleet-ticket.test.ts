import * as jose from 'jose';
import { expect, test } from 'vitest';
import { FLEET_NAME, FLEET_TICKET_TYPE } from '../../../host/base/fleet-ticket.ts';
import { FleetTickets } from '../../../host/edge/admission/fleet-ticket.ts';
import { MemoryTicketStore } from '../../../host/edge/admission/ticket-store.ts';
import { createSigningKey, TicketSigner } from '../../../host/fleet/allocate/tickets.ts';

const START = 1_800_000_000_000;

/** A fleet and a host with the same clock. */
function pair() {
  const time = { at: START };
  const now = () => time.at;
  const signer = new TicketSigner(createSigningKey(), now);
  const host = (more: Partial<ConstructorParameters<typeof FleetTickets>[0]> = {}) =>
    new FleetTickets({ jose, keys: [signer.publicKey], audience: 'pod-1', now, ...more });
  const sign = (content: object = {}, audience = 'pod-1') =>
    signer.sign(audience, {
      account: { id: 'ada', role: 'player' },
      reservation: 'match-1',
      index: 0,
      until: time.at + 30_000,
      ...content,
    });
  return { time, signer, host, sign };
}

test('a ticket of the fleet is used up once, also as a second copy of it', async () => {
  const { host, sign } = pair();
  const tickets = host();
  const text = await sign();
  expect(await tickets.redeem(text)).toMatchObject({ account: { id: 'ada', role: 'player' }, reservation: 'match-1' });
  await expect(tickets.redeem(text)).rejects.toMatchObject({ reason: 'ticket-used' });
  await expect(tickets.redeem(await sign({ until: START + 40_000 }))).rejects.toMatchObject({ reason: 'ticket-used' });
  expect(await tickets.redeem(await sign({ index: 1 }))).toMatchObject({ index: 1 });
});

test('a ticket is for one pod, until its time is over', async () => {
  const { host, sign, time } = pair();
  const tickets = host();
  await expect(tickets.redeem(await sign({}, 'pod-2'))).rejects.toMatchObject({ reason: 'ticket-invalid' });
  const [early, late] = [await sign(), await sign({ index: 1 })];
  time.at = START + 29_999;
  await tickets.redeem(early);
  time.at = START + 30_000;
  await expect(tickets.redeem(late)).rejects.toMatchObject({ reason: 'ticket-expired' });
});

test('a ticket of another key is refused, and one of the key before the present one is not', async () => {
  const { host, sign, signer } = pair();
  const other = new TicketSigner(createSigningKey());
  await expect(host({ keys: [other.publicKey] }).redeem(await sign())).rejects.toMatchObject({
    reason: 'ticket-invalid',
  });
  expect(await host({ keys: [other.publicKey, signer.publicKey] }).redeem(await sign())).toMatchObject({ index: 0 });
});

test('a host that has started again takes no tickets from before, unless it remembers which were used', async () => {
  const { host, sign, time } = pair();
  const text = await sign();
  time.at += 1;
  await expect(host().redeem(text)).rejects.toMatchObject({ reason: 'ticket-expired' });
  const store = new MemoryTicketStore(() => time.at);
  await host({ store }).redeem(text);
  await expect(host({ store }).redeem(text)).rejects.toMatchObject({ reason: 'ticket-used' });
});

test('arrivals are counted by reservation, and forgotten after the fleet has forgotten it', async () => {
  const { host, time } = pair();
  const tickets = host();
  const ticket = { account: { id: 'ada', role: 'player' }, reservation: 'r', index: 0, until: START + 30_000 };
  tickets.arrive(ticket);
  tickets.arrive({ ...ticket, index: 1 });
  tickets.arrive({ ...ticket, reservation: 's' });
  expect(tickets.arrived).toEqual({ r: 2, s: 1 });
  time.at = START + 59_999;
  expect(tickets.arrived).toEqual({ r: 2, s: 1 });
  time.at = START + 60_000;
  expect(tickets.arrived).toEqual({});
  for (let n = 0; n < 257; n++) tickets.arrive({ ...ticket, reservation: `m${n}`, until: time.at + 1 });
  expect([Object.keys(tickets.arrived).length, tickets.arrived.m0, tickets.arrived.m1]).toEqual([256, undefined, 1]);
});

test('someone without a ticket learns where to get one', async () => {
  await expect(pair().host().redeem(undefined)).rejects.toMatchObject({ code: 'NL_TICKET', reason: 'fleet-missing' });
});

test('other texts, and tickets whose content is beyond its bounds, are refused', async () => {
  const { host, sign } = pair();
  const tickets = host();
  const secret = new TextEncoder().encode('a secret that is long enough for HS256');
  const forged = await new jose.SignJWT({ role: '', reservation: 'r', index: 0, until: START + 9, issuedAt: START })
    .setProtectedHeader({ alg: 'HS256', typ: FLEET_TICKET_TYPE })
    .setIssuer(FLEET_NAME)
    .setAudience('pod-1')
    .setJti('r.0')
    .setExpirationTime(START / 1000 + 30)
    .sign(secret);
  const wrong = [
    '',
    'x',
    forged,
    'x'.repeat(5000),
    await sign({ index: 1024 }),
    await sign({ index: -1 }),
    await sign({ reservation: 'a.b' }),
    await sign({ account: { id: 'i'.repeat(256), role: 'player' } }),
    await sign({ account: { id: 'ada', role: 'r'.repeat(65) } }),
  ];
  for (const text of wrong) await expect(tickets.redeem(text)).rejects.toMatchObject({ reason: 'ticket-invalid' });
  await tickets.redeem(await sign({ index: 1023, account: { id: 'i'.repeat(255), role: 'r'.repeat(64) } }));
});
