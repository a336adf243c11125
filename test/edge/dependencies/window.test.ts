import { CircuitState } from 'cockatiel';
import { expect, test } from 'vitest';
import { milli } from '../../../host/base/time.ts';
import { Window } from '../../../host/edge/dependencies/window.ts';

function begin() {
  const clock = { ms: 0 };
  return { clock, window: new Window({ ms: 10_000, leastCalls: 20, clock: { now: () => milli(clock.ms) } }) };
}

test('half of twenty bad calls are bad, and nine of twenty are not', () => {
  const { window } = begin();
  for (let n = 0; n < 10; n++) expect(window.add(false)).toBe(false);
  for (let n = 0; n < 9; n++) expect(window.add(true)).toBe(false);
  expect(window.add(true)).toBe(true);
  const { window: other } = begin();
  for (let n = 0; n < 9; n++) other.add(true);
  for (let n = 0; n < 11; n++) other.add(false);
  expect(other.isBad).toBe(false);
  expect(other.counts).toEqual({ all: 20, bad: 9 });
});

test('nineteen bad calls are no proof', () => {
  const { window } = begin();
  for (let n = 0; n < 19; n++) expect(window.add(true)).toBe(false);
  expect(window.add(true)).toBe(true);
});

test('calls count for the length of the window and no longer', () => {
  const { clock, window } = begin();
  for (let n = 0; n < 19; n++) window.add(true);
  clock.ms = 9999;
  expect(window.counts.all).toBe(19);
  clock.ms = 10_000;
  expect(window.counts.all).toBe(0);
  expect(window.add(true)).toBe(false);
});

test('a failure while the breaker tries the service opens it again, and a success forgets what was before', () => {
  const { window } = begin();
  expect(window.failure(CircuitState.HalfOpen)).toBe(true);
  for (let n = 0; n < 30; n++) window.add(true);
  window.success(CircuitState.HalfOpen);
  expect([window.isBad, window.counts.all]).toEqual([false, 0]);
});
