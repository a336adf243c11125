import { expect, test } from 'vitest';
import type { Phase } from '../../host/base/bus.ts';
import { Drain, type DrainEnd } from '../../host/play/drain.ts';
import { ManualClock } from '../room/fake.ts';

/** A host with rooms that the test changes. */
function begin(rooms: { players: number; phase?: Phase; isClosed?: boolean }[], secondsMax = 25) {
  const clock = new ManualClock();
  const ends: DrainEnd[] = [];
  let begun = 0;
  const list = rooms.map((room) => ({ isClosed: false, phase: undefined as Phase | undefined, ...room }));
  const drain = new Drain({
    clock,
    log: () => {},
    secondsMax,
    rooms: () => list,
    onBegin: () => {
      begun += 1;
    },
  });
  expect(drain.isDraining).toBe(false);
  void drain.begin().then((end) => ends.push(end));
  void drain.begin();
  expect([drain.isDraining, begun]).toEqual([true, 1]);
  return { clock, rooms: list, ends, drain };
}

test('a drain is over at once if no one plays', async () => {
  for (const rooms of [[], [{ players: 0 }], [{ players: 2, isClosed: true }]]) {
    const { clock, ends } = begin(rooms);
    await clock.pass(0);
    expect(ends).toEqual(['empty']);
  }
});

test('players of a game without phases play on until they leave, or until their time is up', async () => {
  const left = begin([{ players: 2 }]);
  await left.clock.pass(10_000);
  expect(left.ends).toEqual([]);
  Object.assign(left.rooms[0] ?? {}, { players: 0 });
  await left.clock.pass(100);
  expect(left.ends).toEqual(['empty']);
  const late = begin([{ players: 1 }], 3);
  await late.clock.pass(2999);
  expect(late.ends).toEqual([]);
  await late.clock.pass(1);
  expect(late.ends).toEqual(['time']);
});

test('players play on until the rounds of all games are over that someone plays', async () => {
  const { clock, rooms, ends } = begin([
    { players: 1, phase: 'active' },
    { players: 1, phase: 'waiting' },
    { players: 0, phase: 'active' },
  ]);
  await clock.pass(5000);
  expect(ends).toEqual([]);
  Object.assign(rooms[0] ?? {}, { phase: 'ended' });
  await clock.pass(100);
  expect(ends).toEqual(['round']);
});

test('players between two rounds stay until the network knows that this host takes no one', async () => {
  const { clock, ends } = begin([{ players: 1, phase: 'waiting' }]);
  await clock.pass(1999);
  expect(ends).toEqual([]);
  await clock.pass(1);
  expect(ends).toEqual(['round']);
  const short = begin([{ players: 1, phase: 'waiting' }], 1);
  await short.clock.pass(1000);
  expect(short.ends).toEqual(['time']);
});

test('a drain that is ended from outside is over at once', async () => {
  const { clock, ends, drain } = begin([{ players: 1 }]);
  await clock.pass(500);
  drain.end();
  await clock.pass(0);
  expect(ends).toEqual(['signal']);
  expect(drain.isDraining).toBe(true);
});
