import { beforeEach, expect, test } from 'vitest';
import { Deadline, ranMsOf, WALL_FACTOR } from '../../host/engine/wasmedge/deadline.ts';

const LIMIT_MS = 1000;

let now: number;
let ran: number | undefined;
let deadline: Deadline;
beforeEach(() => {
  now = 50_000;
  ran = 700;
  deadline = new Deadline({ now: () => now, ran: () => ran });
  deadline.begin(LIMIT_MS);
});

/** Lets time pass, in which the guest runs for `ranMs`, and looks. */
function lookAfter(ms: number, ranMs: number): number {
  now += ms;
  if (ran !== undefined) ran += ranMs;
  return deadline.look();
}

test('a call that runs all the time is out of time at its limit', () => {
  expect(deadline.atMs).toBe(now + LIMIT_MS);
  expect(lookAfter(200, 200)).toBe(300);
  expect(lookAfter(300, 300)).toBe(500);
  expect(lookAfter(499, 499)).toBe(1);
  expect(lookAfter(1, 1)).toBe(0);
});

test.each([
  ['nearly all of its second half', 450, 0],
  ['a little less than that', 449, 5],
  ['half of it', 250, 200],
  ['none of it', 0, 450],
])('a call that has run for %s is looked at again if it was held up', (_, ranMs, expected) => {
  lookAfter(500, 500);
  expect(lookAfter(500, ranMs)).toBe(expected);
});

test('a call that was held up is out of time when it has run for its second half', () => {
  lookAfter(500, 0);
  expect(lookAfter(500, 100)).toBe(350);
  expect(lookAfter(350, 300)).toBe(50);
  expect(lookAfter(50, 50)).toBe(0);
});

test(`a call that never runs is out of time at ${WALL_FACTOR} times its limit`, () => {
  lookAfter(500, 0);
  expect(lookAfter(WALL_FACTOR * 1000 - 1000, 0)).toBe(450);
  expect(lookAfter(499, 0)).toBe(1);
  expect(lookAfter(1, 0)).toBe(0);
});

test('a call whose limit passed before the first look gets the time of its second half', () => {
  expect(lookAfter(1500, 0)).toBe(450);
  expect(lookAfter(450, 450)).toBe(0);
});

test('where the kernel does not count, a call is out of time at its limit', () => {
  ran = undefined;
  expect(lookAfter(500, 0)).toBe(500);
  expect(lookAfter(500, 0)).toBe(0);
});

test('each call has its own time', () => {
  lookAfter(500, 0);
  deadline.begin(200);
  expect(lookAfter(100, 100)).toBe(100);
  expect(lookAfter(100, 100)).toBe(0);
});

test('the kernel says for how long a process has run, if there is one', () => {
  const before = ranMsOf(process.pid) ?? Number.NaN;
  for (const end = performance.now() + 50; performance.now() < end; );
  expect(ranMsOf(process.pid)).toBeGreaterThan(before);
  expect(ranMsOf(4_194_303)).toBeUndefined();
});
