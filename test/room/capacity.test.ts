import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { Capacity } from '../../host/room/capacity.ts';

const LIMIT = 1000;

/** A capacity, and a function that lets seconds pass in each of which some of 100 frames are missed. */
function begin(limit = LIMIT) {
  const capacity = new Capacity(limit);
  let now = 10_000;
  const pass = (seconds: number, missed: number, load = {}): number => {
    for (let second = 0; second < seconds; second++) {
      now += 1000;
      capacity.count(100 - missed, missed);
      const used = Math.min(capacity.now, 900);
      capacity.update(milli(now), { used, wanted: 5000, least: 10, ...load });
    }
    return capacity.now;
  };
  return { capacity, pass };
}

test('the capacity falls when more than one frame in twenty is missed in two windows in a row', () => {
  const { pass } = begin();
  expect(pass(10, 5)).toBe(LIMIT);
  expect(pass(1, 6)).toBe(LIMIT);
  expect(pass(1, 5)).toBe(LIMIT);
  expect(pass(1, 6)).toBe(LIMIT);
  expect(pass(1, 6)).toBe(720);
  // The part that the players use counts, since they may not use all.
  expect(pass(2, 6)).toBeCloseTo(576);
});

test('too few frames tell nothing', () => {
  const { capacity } = begin();
  for (let second = 1; second < 9; second++) {
    capacity.count(0, 9);
    capacity.update(milli(second * 1000), { used: 900, wanted: 5000, least: 10 });
  }
  expect(capacity.now).toBe(LIMIT);
});

test('the capacity never falls below the least of all players, and rises from there to the limit', () => {
  const { pass } = begin();
  expect(pass(100, 50, { least: 40, wanted: 159 })).toBe(40);
  expect(pass(4, 0)).toBe(40);
  expect(pass(1, 0)).toBeCloseTo(46);
  expect(pass(200, 0)).toBe(LIMIT);
});

test('the players keep a quarter of what they want, or of the limit if that is less', () => {
  expect(begin().pass(100, 50, { wanted: 800 })).toBe(200);
  expect(begin().pass(100, 50, { wanted: 5000 })).toBe(LIMIT / 4);
});

test('a limit that is infinite comes back when the capacity suffices for everyone', () => {
  const { pass } = begin(Number.POSITIVE_INFINITY);
  expect(pass(2, 50, { wanted: 2000 })).toBe(720);
  expect(pass(20, 0, { wanted: 1000 })).toBe(Number.POSITIVE_INFINITY);
});

test('a host at its limit is tried more and more rarely', () => {
  const { pass } = begin();
  const lateAbove = 800;
  let [raises, before] = [0, LIMIT];
  const play = (seconds: number): number => {
    raises = 0;
    for (let second = 0; second < seconds; second++) {
      const now = pass(1, before > lateAbove ? 20 : 0);
      if (now > before) raises++;
      before = now;
    }
    return raises;
  };
  const first = play(120);
  const second = play(120);
  expect(first).toBeGreaterThan(2);
  expect(second).toBeLessThan(first);
  expect(play(120)).toBeLessThanOrEqual(3);
});
