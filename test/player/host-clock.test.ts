import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { HostClock } from '../../host/player/host-clock.ts';

const AHEAD_MS = 5000;

/** Takes a ping that was sent at `at`, and took `there` and `back`. */
function ping(clock: HostClock, at: number, there: number, back: number): void {
  clock.add({ sentAt: milli(at), hostAt: milli(at + there + AHEAD_MS), now: milli(at + there + back) });
}

test('the clocks are related by the ping with the shortest round trip, and half of it bounds the error', () => {
  const clock = new HostClock();
  expect([clock.offsetMs, clock.errorMs]).toEqual([Number.NaN, Number.NaN]);
  ping(clock, 0, 30, 10);
  expect([clock.offsetMs, clock.errorMs]).toEqual([AHEAD_MS + 10, 20]);
  ping(clock, 500, 4, 6);
  ping(clock, 1000, 50, 10);
  expect([clock.offsetMs, clock.errorMs]).toEqual([AHEAD_MS - 1, 5]);
});

test('only the newest 32 pings count, because clocks drift', () => {
  const clock = new HostClock();
  ping(clock, 0, 1, 1);
  for (let n = 1; n <= 31; n++) ping(clock, n * 500, 5, 5);
  expect(clock.errorMs).toBe(1);
  ping(clock, 16_000, 5, 5);
  expect(clock.errorMs).toBe(5);
});

test.each([
  ['is not a number', 0, Number.NaN, 1],
  ['is infinite', 0, Number.POSITIVE_INFINITY, 1],
  ['answers a ping that was sent later', 2, 5000, 1],
  ['answers a ping without a time', Number.NaN, 5000, 1],
])('an answer is ignored if it %s', (_, sentAt, hostAt, now) => {
  const clock = new HostClock();
  clock.add({ sentAt: milli(sentAt), hostAt: milli(hostAt), now: milli(now) });
  expect(clock.offsetMs).toBeNaN();
});

test('reset forgets the pings of the last connection', () => {
  const clock = new HostClock();
  ping(clock, 0, 1, 1);
  clock.reset();
  expect(clock.offsetMs).toBeNaN();
  ping(clock, 500, 5, 5);
  expect(clock.errorMs).toBe(5);
});
