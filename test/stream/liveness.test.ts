import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../host/base/clock.ts';
import { Liveness } from '../../host/stream/liveness.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

function watch(deadMs = 6000) {
  const probes: number[] = [];
  const dead: number[] = [];
  const began = systemClock.now();
  const liveness = new Liveness({
    clock: systemClock,
    deadMs,
    probe: () => probes.push(systemClock.now() - began),
    onDead: () => dead.push(systemClock.now() - began),
  });
  liveness.start();
  return { liveness, probes, dead };
}

test('a peer that is silent is probed after 3 s, again each second, and dead after 6 s', () => {
  const { probes, dead } = watch();
  vi.advanceTimersByTime(2999);
  expect(probes).toEqual([]);
  vi.advanceTimersByTime(3000);
  expect([probes, dead]).toEqual([[3000, 4000, 5000], []]);
  vi.advanceTimersByTime(1);
  expect(dead).toEqual([6000]);
  vi.advanceTimersByTime(60_000);
  expect([probes.length, dead.length]).toEqual([3, 1]);
});

test('a peer that sends at least every 3 s is never probed', () => {
  const { liveness, probes, dead } = watch();
  for (let count = 0; count < 100; count++) {
    vi.advanceTimersByTime(2999);
    liveness.note();
  }
  expect([probes, dead]).toEqual([[], []]);
});

test('a peer that does no more than answer probes stays', () => {
  const { liveness, probes, dead } = watch();
  for (let count = 0; count < 20; count++) {
    vi.advanceTimersByTime(3000);
    liveness.note();
  }
  expect([probes.length, dead]).toEqual([20, []]);
  expect(liveness.silentMs).toBe(0);
  vi.advanceTimersByTime(6000);
  expect(dead).toEqual([66_000]);
});

test('a connection that has closed is not watched', () => {
  const { liveness, probes, dead } = watch(1000);
  liveness.close();
  vi.advanceTimersByTime(10_000);
  expect([probes, dead]).toEqual([[], []]);
});
