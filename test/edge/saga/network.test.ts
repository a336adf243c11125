import { beforeEach, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import type { MoveMessage } from '../../../host/edge/saga/message.ts';
import type { MoveResult } from '../../../host/edge/saga/source.ts';
import { DOUBT_MS, RESERVED_MS_MAX } from '../../../host/edge/saga/target.ts';
import { Random } from '../../random.ts';
import type { Fate } from './hosts.ts';
import { digestOf, GAME, World } from './world.ts';

const STATE = Uint8Array.of(1, 2, 3, 0, 255);
let world: World;

beforeEach(async () => {
  world = await World.open();
});

function begin(trace?: string): { done: Promise<MoveResult>; seat: number } {
  const { seat } = world.east.seats.join(STATE);
  const from = { game: GAME, seat };
  return { seat, done: world.east.life.source.start({ from, to: { host: 'west', game: GAME }, trace }) };
}

/** Numbers of players in the games of both hosts. */
const players = () => [world.east.seats.players.length, world.west.seats.players.length];
const kindsOf = (messages: readonly MoveMessage[]) => messages.map(({ kind, version }) => `${kind} ${version}`);

/** Keeps the messages that hosts send. */
function spy(): MoveMessage[] {
  const sent: MoveMessage[] = [];
  world.fate = (message, isAnswer) => {
    if (!isAnswer) sent.push(message);
    return 'arrives';
  };
  return sent;
}

test('a player moves with the state, byte for byte; all steps have one trace id, and the page is sent to the seat', async () => {
  const sent = spy();
  const trace = 'ab'.repeat(16);
  const { done, seat } = begin(trace);
  expect(await world.drive(done)).toMatchObject({ outcome: 'committed', trace });
  const { token } = must(world.east.seats.seats[seat]?.sentTo, 'destination');
  expect(world.west.seats.seats.map((each) => each?.digest)).toContain(digestOf(token));
  // The source forgets the way when the page has left.
  expect(world.east.written.map(({ state }) => state)).toEqual(['preparing', 'executing', 'committed']);
  await world.settle();
  expect(kindsOf(sent)).toEqual(['reserve 1', 'import 2', 'commit 3']);
  expect(new Set(sent.map((message) => message.trace))).toEqual(new Set([trace]));
  expect(world.east.written.map(({ state, trace: written }) => [state, written])).toEqual(
    ['preparing', 'executing', 'committed', 'cleanup'].map((state) => [state, trace]),
  );
  expect(world.east.written.at(-1)?.data).not.toContain('player');
  expect(world.west.seats.players).toEqual([STATE]);
  const { moves } = world.east.meters;
  expect([moves, world.west.meters.moves.arrived]).toEqual([{ ...moves, committed: 1, compensated: 0 }, 1]);
});

test('messages that are lost, late, out of order or doubled neither lose nor double a player', async () => {
  const random = new Random(8);
  const fates: Fate[] = ['arrives', 'arrives', 'arrives', 'arrives', 'is lost', 'is late', 'comes twice'];
  const outcomes = { committed: 0, compensated: 0 };
  for (let walk = 0; walk < 40; walk++) {
    world.clear();
    world.fate = () => fates[random.u32() % fates.length] ?? 'arrives';
    const { outcome } = await world.drive(begin().done);
    await world.settle();
    outcomes[outcome]++;
    const expected = outcome === 'committed' ? [[], [STATE]] : [[STATE], []];
    const { east, west } = world;
    expect([east.seats.players, west.seats.players], `walk ${walk}: ${outcome}`).toEqual(expected);
  }
  expect(Math.min(outcomes.committed, outcomes.compensated)).toBeGreaterThan(3);
});

test.each(['reserve', 'import'] as const)(
  'a message (%s) that gets no answer is sent twice, 300 ms apart, and then the move is undone',
  async (kind) => {
    const times: number[] = [];
    world.fate = (message, isAnswer) => {
      if (message.kind !== kind || isAnswer) return 'arrives';
      times.push(world.clock.now());
      return 'is lost';
    };
    const result = await world.drive(begin().done);
    expect(result).toMatchObject({ outcome: 'compensated', code: 'NL_MOVE_TIME' });
    expect(times.map((time) => time - must(times[0], 'time'))).toEqual([0, 300]);
    expect(players()).toEqual([1, 0]);
    await world.settle();
    expect(world.west.seats.seats.every((seat) => seat === undefined)).toBe(true);
    expect(world.east.meters.moveUndo.count).toBe(1);
  },
);

test('a game that does not hand the player over in time keeps the player', async () => {
  const { seats } = world.east;
  const { seat } = seats.join(STATE);
  let release: () => void = () => {};
  const depart = seats.depart.bind(seats);
  seats.depart = async (...args) => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return depart(...args);
  };
  const restore = seats.restore.bind(seats);
  seats.restore = async (...args) => {
    // The room does one thing after the other.
    release();
    await world.rest();
    return restore(...args);
  };
  const from = { game: GAME, seat };
  const done = world.east.life.source.start({ from, to: { host: 'west', game: GAME } });
  expect(await world.drive(done)).toMatchObject({ outcome: 'compensated', code: 'NL_MOVE_TIME' });
  await world.settle();
  expect(players()).toEqual([1, 0]);
});

test('a source repeats its decision until the target has heard it, and the target asks', async () => {
  let lost = 0;
  world.fate = (message) => {
    if (message.kind !== 'commit' && message.kind !== 'ask') return 'arrives';
    lost++;
    return lost <= 6 ? 'is lost' : 'arrives';
  };
  expect(await world.drive(begin().done)).toMatchObject({ outcome: 'committed' });
  expect(world.east.meters.movesOpen.departures).toBe(1);
  await world.settle();
  expect([players(), lost > 6]).toEqual([[0, 1], true]);
});

test('a target that hears nothing asks, and learns that the move was undone', async () => {
  const asked: MoveMessage[] = [];
  world.fate = (message) => {
    if (message.kind === 'ask') asked.push(message);
    return message.kind === 'import' && world.clock.now() < 700
      ? 'is late'
      : message.kind === 'cancel'
        ? 'is lost'
        : 'arrives';
  };
  const { outcome } = await world.drive(begin().done);
  expect(outcome).toBe('compensated');
  await world.clock.pass(DOUBT_MS + RESERVED_MS_MAX);
  await world.rest();
  const { target } = world.west.life;
  await world.drive(target.tend());
  await world.drive(target.tend());
  expect(players()).toEqual([1, 0]);
  expect(world.west.meters.movesOpen.arrivals).toBe(0);
  world.fate = () => 'arrives';
  await world.settle();
});

test('a host whose messages are slow begins no more moves than it can finish, and more when they are fast again', async () => {
  const attempt = () =>
    begin().done.then(
      ({ outcome }) => outcome,
      ({ message }: Error) => message,
    );
  const some = (count: number) => {
    for (const { seats: all } of [world.east, world.west]) all.seats = new Array(200).fill(undefined);
    return world.drive(Promise.all(Array.from({ length: count }, attempt)));
  };
  expect(new Set(await some(70))).toEqual(new Set(['committed']));
  world.fate = ({ kind }) => (kind === 'reserve' ? 'is lost' : 'arrives');
  await some(70);
  const outcomes = await some(70);
  expect(outcomes.filter((outcome) => outcome.includes('moves are slow'))).toHaveLength(6);
  world.fate = () => 'arrives';
  await some(60);
  expect((await some(70)).filter((outcome) => outcome.includes('moves are slow'))).toHaveLength(0);
});

test('a host whose disk is slow begins no more moves than it can finish', async () => {
  const { east, west } = world;
  east.writeMs = 200;
  const some = () => {
    for (const { seats: all } of [east, west]) all.seats = new Array(200).fill(undefined);
    const attempt = () =>
      begin().done.then(
        ({ outcome }) => outcome,
        ({ message }: Error) => message,
      );
    return world.drive(Promise.all(Array.from({ length: 70 }, attempt)));
  };
  expect(new Set(await some())).toEqual(new Set(['committed']));
  expect((await some()).filter((outcome) => outcome.includes('moves are slow'))).toHaveLength(6);
});

test.each([
  [850, 'committed'],
  [900, 'compensated'],
])('a move whose two writes before the decision take %i ms each is %s', async (writeMs, outcome) => {
  const { east } = world;
  east.writeMs = writeMs;
  const result = await world.drive(begin().done);
  expect(result).toMatchObject({ outcome, ...(outcome === 'committed' ? {} : { code: 'NL_MOVE_TIME' }) });
  east.writeMs = 0;
  await world.settle();
  expect(players()).toEqual(outcome === 'committed' ? [0, 1] : [1, 0]);
});

test('a seat that was reserved is free again if nothing more comes', async () => {
  const { target } = world.west.life;
  const holder = { digest: digestOf('a') };
  const message = {
    kind: 'reserve',
    id: 'i'.repeat(22),
    version: 1,
    trace: 'a'.repeat(32),
    game: GAME,
    holder,
  } as const;
  expect(await target.handle(message, 'east')).toEqual({ ok: true, seat: 0 });
  await world.clock.pass(RESERVED_MS_MAX - 1);
  await target.tend();
  expect(world.west.seats.seats[0]).toBeDefined();
  await world.clock.pass(1);
  await target.tend();
  expect(world.west.seats.seats[0]).toBeUndefined();
  const late = { kind: 'import', id: message.id, version: 2, trace: message.trace, player: 'AAAA' } as const;
  expect(await target.handle(late, 'east')).toMatchObject({ ok: false, code: 'NL_MOVE' });
});
