import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { ANYONE } from '../../host/base/pass.ts';
import { Carrier } from '../../host/play/carrier.ts';
import type { Room } from '../../host/room/room.ts';
import { CARRY_MS, CarrySeal } from '../../host/stream/carry-ticket.ts';
import { ManualClock } from '../room/fake.ts';

const KEY = 'k'.repeat(32);
const digestOf = (token: string) => createHash('sha256').update(token).digest();

function open(carryKey = KEY, carryUrl = '') {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = (_: string, message: string) => void lines.push(message);
  return { carrier: new Carrier({ config: { carryKey, carryUrl }, clock, log }), clock, lines };
}

/** A room whose seats have these states; a state that never comes is undefined. */
function room(name: string, states: (Promise<Uint8Array | undefined> | undefined)[]): Room {
  const never = new Promise<undefined>(() => {});
  return { name, seats: states.length, moves: { export: (seat: number) => states[seat] ?? never } } as unknown as Room;
}

const kept = (game: string, seat: number, pass = ANYONE) => ({
  game,
  seat,
  digest: digestOf('now'),
  origin: digestOf('first'),
  pass,
});

test('each page gets a token of its own, and a ticket with the state of its seat', async () => {
  const { carrier } = open();
  await carrier.collect(room('one', [Promise.resolve(Uint8Array.of(1)), Promise.resolve(Uint8Array.of(2))]));
  await carrier.collect(room('two', [Promise.resolve(undefined)]));
  const account = { id: 'ada', role: 'player', more: 1 };
  const onward = [kept('one', 1, { ...ANYONE, account }), kept('two', 0)].map((seat) => carrier.onwardOf(seat));
  const tickets = onward.map(({ ticket }) => new CarrySeal([KEY]).open(ticket ?? ''));
  expect(tickets).toMatchObject([
    { game: 'one', state: Uint8Array.of(2), account: { id: 'ada', role: 'player' } },
    { game: 'two' },
  ]);
  expect([tickets[0]?.account, tickets[1]?.state]).toEqual([{ id: 'ada', role: 'player' }, undefined]);
  for (const [n, { notice }] of onward.entries()) {
    expect(notice).toEqual({
      kind: 'moved',
      game: tickets[n]?.game,
      token: expect.stringMatching(/^[\w-]{22}$/),
      holdMs: CARRY_MS,
      why: 'update',
    });
    expect(tickets[n]?.digest).toBe(digestOf(notice.token).toString('base64url'));
    expect(tickets[n]?.origin).toBe(digestOf('first').toString('base64url'));
  }
});

test('players who go on in another game of the host leave no states behind', async () => {
  const { carrier } = open();
  await carrier.collect(room('one', [Promise.resolve(Uint8Array.of(1))]));
  carrier.clear();
  const { ticket = '' } = carrier.onwardOf(kept('one', 0));
  expect(new CarrySeal([KEY]).open(ticket).state).toBeUndefined();
});

test('a game that hands over some states late keeps no one', async () => {
  const { carrier, clock, lines } = open();
  const collecting = carrier.collect(room('slow', [Promise.resolve(Uint8Array.of(1)), undefined]));
  await clock.pass(1000);
  await collecting;
  expect(lines).toEqual(['slow has not handed over the states of all players in time']);
  const { ticket = '' } = carrier.onwardOf(kept('slow', 0));
  expect(new CarrySeal([KEY]).open(ticket).state).toEqual(Uint8Array.of(1));
});

test('without a key, pages go on without tickets, and games hand over no states', async () => {
  const { carrier } = open('', 'https://play.example/arena');
  await carrier.collect({ name: 'one', seats: 1, moves: undefined } as unknown as Room);
  const { notice, ticket } = carrier.onwardOf(kept('one', 0));
  expect([ticket, notice.url]).toEqual([undefined, 'https://play.example/arena/whep']);
  expect(open('', 'https://play.example/').carrier.onwardOf(kept('one', 0)).notice.url).toBe(
    'https://play.example/whep',
  );
});

test('a key that is too short is refused at the start', () => {
  expect(() => open('short')).toThrow('NL_SETTING');
});
