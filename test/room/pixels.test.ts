import { describe, expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { PixelBudget, shrink, slowDown } from '../../host/room/pixels.ts';
import { at } from '../at.ts';

const HUGE = { width: 1920, height: 1088, fps: 120 };
const pixels = ({ width, height, fps }: typeof HUGE) => width * height * fps;

test('a player gets the picture that the player wants if it leaves a third of the free budget', () => {
  const wanted = { width: 640, height: 360, fps: 60 };
  const grant = (limit: number) => {
    const budget = new PixelBudget(limit + 64 * 64);
    budget.grant({ width: 64, height: 64, fps: 1 });
    return budget.grant(wanted).picture;
  };
  expect(grant(pixels(wanted) * 1.5)).toEqual(wanted);
  expect(grant(pixels(wanted) * 1.5 - 2)).not.toEqual(wanted);
});

test('a player who is alone gets the wanted rate, and a lower one while another player is there', () => {
  const wanted = { width: 1280, height: 720, fps: 60 };
  const budget = new PixelBudget(42_000_000);
  const first = budget.grant(wanted);
  const changes: number[] = [];
  first.onChange = () => changes.push(first.picture.fps);
  expect(first.picture).toEqual(wanted);
  const others = [budget.grant(HUGE), budget.grant(HUGE)];
  expect(first.picture).toEqual({ ...wanted, fps: 30 });
  expect(budget.used).toBeLessThanOrEqual(42_000_000);
  for (const other of others) other.release();
  expect(first.picture).toEqual(wanted);
  expect(changes).toEqual([30, 60]);
});

test('a player whose wanted picture fits keeps it, no matter how many others come', () => {
  const wanted = { width: 848, height: 480, fps: 60 };
  const budget = new PixelBudget(42_000_000);
  const first = budget.grant(wanted);
  first.onChange = () => expect.unreachable('the rate changed');
  for (let other = 0; other < 9; other++) budget.grant(HUGE);
  expect(first.picture).toEqual(wanted);
});

test('each later player gets a smaller picture, the earlier ones keep theirs, and none is refused', () => {
  const budget = new PixelBudget(37_000_000);
  const grants = Array.from({ length: 12 }, () => budget.grant(HUGE)).map(({ picture }) => picture);
  for (const [index, picture] of grants.entries()) {
    const before = grants[index - 1];
    if (before) expect(pixels(picture)).toBeLessThanOrEqual(pixels(before));
    expect(pixels(picture)).toBeGreaterThan(0);
    expect([picture.width % 2, picture.height % 2]).toEqual([0, 0]);
  }
  expect(budget.used).toBeLessThanOrEqual(37_000_000 + 12 * 320 * 180 * 15);
});

describe('players on a host that is late', () => {
  const SMALL = { width: 640, height: 360, fps: 30 };
  const begin = () => {
    const budget = new PixelBudget(42_000_000);
    const first = budget.grant(SMALL);
    const others = [budget.grant(HUGE), budget.grant(HUGE)] as const;
    let now = 0;
    /** Lets a second pass in which the first player misses `missed` of 30 frames. */
    const second = (missed: number) => {
      now += 1000;
      for (const other of others) other.count({ drawn: 1, missed: 99, now: milli(now - 1) });
      first.count({ drawn: 30 - missed, missed, now: milli(now) });
    };
    return { first, others, second };
  };

  test('later players yield while an earlier one misses frames, the one who draws most first', () => {
    const { first, others, second } = begin();
    const [large, small] = others;
    const before = [large.fps, small.fps];
    second(2);
    expect([large.fps, small.fps]).toEqual([at(before, 0) * 0.7, at(before, 1)]);
    for (let round = 0; round < 20; round++) second(2);
    expect([large.fps, small.fps]).toEqual(before.map((fps) => fps * 0.25));
    expect(first.fps).toBe(30);
  });

  test('a later player gets the rate back when the earlier one misses no frames', () => {
    const budget = new PixelBudget(42_000_000);
    const [first, later] = [budget.grant(SMALL), budget.grant(HUGE)];
    const { fps } = later;
    let now = 0;
    const second = (missed: number) => {
      now += 1000;
      first.count({ drawn: 30 - missed, missed, now: milli(now) });
    };
    second(2);
    expect(later.fps).toBeLessThan(fps);
    for (let round = 0; round < 20; round++) second(1);
    expect(later.fps).toBe(fps);
  });

  test('an earlier player does not yield to a later one', () => {
    const { first, second } = begin();
    for (let round = 0; round < 20; round++) second(0);
    expect(first.fps).toBe(30);
  });
});

test('a player who leaves returns the pixels once', () => {
  const budget = new PixelBudget(1_000_000_000);
  const first = budget.grant(HUGE);
  const second = budget.grant(HUGE);
  first.release();
  first.release();
  expect(budget.used).toBe(pixels(second.picture));
});

test('the rooms of a host share its budget, and each keeps to its own', () => {
  const host = new PixelBudget(60_000_000);
  const rooms = [new PixelBudget(30_000_000, host), new PixelBudget(Number.POSITIVE_INFINITY, host)] as const;
  const first = rooms[0].grant(HUGE);
  expect(first.picture.fps).toBe(HUGE.fps);
  const second = rooms[1].grant(HUGE).picture;
  expect(pixels(first.picture)).toBeLessThanOrEqual(20_000_000);
  expect(pixels(second)).toBeLessThanOrEqual((60_000_000 - pixels(first.picture)) * (2 / 3));
  expect(host.used).toBe(pixels(first.picture) + pixels(second));
});

test.each([
  [1, 1920, 1088, 120],
  [0.6, 1920, 1088, 60],
  [0.4, 1716, 972, 60],
  [0.1, 1214, 688, 30],
  [0.01, 542, 306, 15],
])('%d of the pixels suffice for %ix%i at %i per second', (part, width, height, fps) => {
  expect(shrink(HUGE, pixels(HUGE) * part)).toEqual({ width, height, fps });
});

test.each([
  [1, 1920, 1088, 120],
  [0.6, 1920, 1088, 72],
  [0.125, 1920, 1088, 15],
  [0.1, 1716, 972, 15],
])('%d of the pixels suffice for %ix%i at %i per second if the size is kept first', (part, width, height, fps) => {
  expect(slowDown(HUGE, pixels(HUGE) * part)).toEqual({ width, height, fps });
});

test('a picture keeps its shape, never grows, and has sides of 64 pixels at least', () => {
  for (let part = 1; part > 1e-6; part *= 0.8)
    for (const wanted of [HUGE, { width: 66, height: 64, fps: 10 }, { width: 64, height: 1088, fps: 240 }]) {
      const got = shrink(wanted, pixels(wanted) * part);
      expect(got.width).toBeGreaterThanOrEqual(64);
      expect(got.height).toBeGreaterThanOrEqual(64);
      for (const side of ['width', 'height', 'fps'] as const) expect(got[side]).toBeLessThanOrEqual(wanted[side]);
    }
});
