import { describe, expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { PixelBudget, type PixelGrant } from '../../host/room/pixels.ts';
import type { Picture } from '../../host/room/shares.ts';
import { at } from '../at.ts';

const SMALL = { width: 640, height: 360, fps: 60 };
const MEDIUM = { width: 1280, height: 720, fps: 60 };
const HUGE = { width: 1920, height: 1088, fps: 120 };
const pixels = ({ width, height, fps }: Picture) => width * height * fps;
const pictures = (grants: readonly PixelGrant[]) => grants.map(({ picture }) => picture);
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** Lets seconds pass in which a player draws 60 pictures and misses some. */
function pass(grant: PixelGrant, seconds: number, missed = 0): void {
  for (let second = 0; second < seconds; second++) {
    clock += 1000;
    grant.count({ drawn: 60 - missed, missed, now: milli(clock) });
  }
}
let clock = 0;

describe('players who want the same', () => {
  test('get what they want while there is enough for all, and the same smaller or slower pictures otherwise', () => {
    const budget = new PixelBudget(3 * pixels(SMALL));
    const grants = times(3, () => budget.grant(SMALL));
    expect(pictures(grants)).toEqual([SMALL, SMALL, SMALL]);
    for (let players = 4; players <= 20; players++) {
      grants.push(budget.grant(SMALL));
      const [first, ...others] = pictures(grants);
      for (const other of others) expect(other).toEqual(first);
      expect(first).not.toEqual(SMALL);
      expect(budget.used).toBeLessThanOrEqual(3 * pixels(SMALL));
    }
  });

  test('get the same no matter who came first, also after others have left', () => {
    const budget = new PixelBudget(42_000_000);
    const grants = times(10, () => budget.grant(SMALL));
    for (const leaving of [0, 9, 4]) at(grants, leaving).release();
    const left = grants.filter((_, index) => ![0, 9, 4].includes(index));
    left.push(budget.grant(SMALL));
    pass(at(left, 0), 10);
    const [first, ...others] = left.map(({ picture, fps }) => ({ ...picture, now: fps }));
    for (const other of others) expect(other).toEqual(first);
  });

  test('are each sure of a tiny picture, even if the budget is used up', () => {
    const budget = new PixelBudget(1000);
    const grants = times(50, () => budget.grant(HUGE));
    for (const { picture, fps } of grants) {
      expect(picture.fps).toBe(15);
      expect(fps).toBe(15);
      expect(pixels(picture)).toBeGreaterThan(300_000);
    }
  });
});

test('those who want less than their share get it, and those with large pictures get the rest', () => {
  const budget = new PixelBudget(42_000_000);
  const small = { width: 320, height: 180, fps: 60 };
  const few = { width: 640, height: 360, fps: 15 };
  const grants = [budget.grant(HUGE), budget.grant(small), budget.grant(HUGE), budget.grant(few)];
  expect([at(grants, 1).picture, at(grants, 3).picture]).toEqual([small, few]);
  const [first, , second] = pictures(grants);
  expect(first).toEqual(second);
  expect(pixels(first ?? HUGE)).toBeLessThanOrEqual((42_000_000 - pixels(small) - pixels(few)) / 2);
});

describe('a player who is alone', () => {
  test('gets the wanted picture, even above the budget, until another one comes', () => {
    const budget = new PixelBudget(42_000_000);
    const first = budget.grant(HUGE);
    const changes: Picture[] = [];
    first.onChange = () => changes.push(first.picture);
    expect(first.picture).toEqual(HUGE);
    const second = budget.grant(HUGE);
    expect(second.picture).toEqual(first.picture);
    expect(first.fps).toBe(first.picture.fps);
    expect([changes.length, changes[0]]).toEqual([1, first.picture]);
    expect(pixels(first.picture)).toBeLessThanOrEqual(21_000_000);
  });

  test('is one whose fellow players are all hidden', () => {
    const budget = new PixelBudget(42_000_000);
    const [first, second] = [budget.grant(HUGE), budget.grant(HUGE)];
    second.rest(true);
    pass(first, 5);
    expect(first.picture).toEqual(HUGE);
    second.rest(false);
    expect(first.picture).not.toEqual(HUGE);
    expect(second.picture).toEqual(first.picture);
  });
});

describe('when a player leaves', () => {
  test('the others get more pictures at once, and larger ones after three seconds', () => {
    const budget = new PixelBudget(42_000_000);
    const grants = times(4, () => budget.grant(MEDIUM));
    const first = at(grants, 0);
    pass(first, 1);
    expect(first.picture).toEqual({ width: 720, height: 404, fps: 30 });
    for (const grant of grants.slice(2)) grant.release();
    expect([first.picture.width, first.fps]).toEqual([720, 60]);
    pass(first, 2);
    expect(first.picture.width).toBe(720);
    pass(first, 1);
    expect([first.picture, first.fps]).toEqual([{ width: 1040, height: 584, fps: 30 }, 30]);
  });

  test('and another comes soon, sizes do not change twice', () => {
    const budget = new PixelBudget(42_000_000);
    const grants = times(4, () => budget.grant(MEDIUM));
    const first = at(grants, 0);
    const before = first.picture;
    for (let round = 0; round < 10; round++) {
      at(grants, -1).release();
      pass(first, 2);
      grants.push(budget.grant(MEDIUM));
      pass(first, 2);
    }
    expect(first.picture).toEqual(before);
  });

  test('the pixels come back once', () => {
    const budget = new PixelBudget(1_000_000_000);
    const [first, second] = [budget.grant(HUGE), budget.grant(SMALL)];
    first.release();
    first.release();
    first.rest(true);
    expect(budget.used).toBe(pixels(second.picture));
    second.release();
    expect(budget.used).toBe(0);
    expect(budget.grant(HUGE).picture).toEqual(HUGE);
  });
});

describe('a late host', () => {
  test('lowers the rates of all players alike and leaves small pictures alone, then recovers alike', () => {
    const budget = new PixelBudget(42_000_000);
    const tiny = { width: 160, height: 90, fps: 30 };
    const grants = [...times(4, () => budget.grant(SMALL)), budget.grant(tiny)];
    const first = at(grants, 0);
    const before = first.picture;
    pass(first, 1, 6);
    expect(first.picture).toEqual(before);
    pass(first, 1, 6);
    const load = budget.used;
    expect(pixels(first.picture)).toBeLessThan(pixels(before) * 0.9);
    for (const grant of grants.slice(0, 4)) expect([grant.picture, grant.fps]).toEqual([first.picture, first.fps]);
    expect(at(grants, 4).picture).toEqual(tiny);
    pass(first, 10, 6);
    expect(budget.used).toBeLessThan(load * 0.6);
    pass(first, 120);
    for (const grant of grants.slice(0, 4)) expect([grant.picture, grant.fps]).toEqual([before, before.fps]);
  });

  test('never slows a player who is alone', () => {
    const budget = new PixelBudget(42_000_000);
    const first = budget.grant(HUGE);
    pass(first, 20, 30);
    expect([first.picture, first.fps]).toEqual([HUGE, 120]);
    // The frames that were missed then do not count against two players.
    const second = budget.grant(SMALL);
    expect(second.picture).toEqual(SMALL);
  });
});

describe('the rooms of a host', () => {
  test('share its budget by players, and each keeps to its own', () => {
    const host = new PixelBudget(60_000_000);
    const [first, second] = [new PixelBudget(10_000_000, host), new PixelBudget(Number.POSITIVE_INFINITY, host)];
    const small = times(2, () => first.grant(HUGE));
    const large = times(2, () => second.grant(HUGE));
    for (const grant of small) expect(pixels(grant.picture)).toBeLessThanOrEqual(5_000_000);
    for (const grant of large) {
      expect(pixels(grant.picture)).toBeGreaterThan(20_000_000);
      expect(pixels(grant.picture)).toBeLessThanOrEqual(25_000_000);
    }
    expect(host.used).toBe(first.used + second.used);
    for (const grant of [...small, ...large]) grant.release();
    expect([host.used, first.grant(HUGE).picture]).toEqual([0, HUGE]);
  });

  test('a room that fills slows only those of another room who want more than their share', () => {
    const host = new PixelBudget(42_000_000);
    const rooms = times(2, () => new PixelBudget(Number.POSITIVE_INFINITY, host));
    const one = at(rooms, 0).grant(SMALL);
    const others = times(9, () => at(rooms, 1).grant(HUGE));
    const tiny = at(rooms, 0).grant({ width: 320, height: 180, fps: 30 });
    for (const { picture } of others) expect(picture).toEqual(at(others, 0).picture);
    expect(pixels(one.picture)).toBeLessThan(pixels(SMALL));
    expect(tiny.picture.width).toBe(320);
  });
});
