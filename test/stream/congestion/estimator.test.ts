import { expect, test } from 'vitest';
import { Simulation, type SimulationOptions } from './simulation.ts';

const MBIT = 1_000_000;
const LINK = { queueMs: 200, delayMs: 15 };

const simulate = (bitsPerSecond: number, options: Partial<SimulationOptions> = {}): Simulation =>
  new Simulation({ bitsPerSecond: () => bitsPerSecond, ...LINK, ...options });

test.each([0.5, 1, 2, 5, 10, 20])('a link of %f Mbit/s is used well, and frames are shown soon', (mbit) => {
  const simulation = simulate(mbit * MBIT).run(60_000);
  expect(simulation.carried(10_000, 60_000)).toBeGreaterThan(0.85 * mbit * MBIT);
  expect(simulation.addedMs(95, 10_000)).toBeLessThan(42);
  expect(simulation.addedMs(95, 0, 10_000)).toBeLessThan(60);
});

test.each([2, 5, 20])('within the first second, %i Mbit/s are found out', (mbit) => {
  const simulation = simulate(mbit * MBIT).run(3000);
  expect(simulation.firstAfter(0, ({ estimate }) => estimate > 0.7 * mbit * MBIT)).toBeLessThan(1000);
});

test.each([0.01, 0.03, 0.05, 0.1])(
  'a loss of %f at random does not lower the rate, and loss from a full queue does',
  (loss) => {
    const lossy = { loss, jitterMs: 10 };
    expect(
      simulate(10 * MBIT, lossy)
        .run(60_000)
        .carried(10_000, 60_000),
    ).toBeGreaterThan(7.5 * MBIT);
    // A queue so short that it never looks long.
    const shallow = simulate(5 * MBIT, { ...lossy, queueMs: 8 }).run(60_000);
    expect(shallow.estimate).toBeLessThan(7 * MBIT);
    expect(shallow.carried(10_000, 60_000)).toBeGreaterThan(2.5 * MBIT);
  },
);

test('the rate falls with the link within half a second, and is back within five', () => {
  const [fall, rise] = [20_000, 40_000];
  const simulation = simulate(0, {
    bitsPerSecond: (atMs) => (atMs < fall || atMs >= rise ? 20 : 2) * MBIT,
  }).run(60_000);
  const before = simulation.carried(fall - 5000, fall);
  expect(simulation.firstAfter(fall, ({ estimate }) => estimate <= 2 * MBIT)).toBeLessThan(500);
  expect(simulation.addedMs(95, fall + 2000, rise)).toBeLessThan(45);
  expect(simulation.firstAfter(rise, ({ carried }) => carried > 0.9 * before)).toBeLessThan(5000);
});

test.each(['isHostBusy', 'isPageBusy'] as const)('time in which a side does nothing is not a queue: %s', (side) => {
  // 60 ms of each 200 ms, and 300 ms of each 3 s.
  const busy = (atMs: number) => atMs % 200 < 60 || atMs % 3000 < 300;
  const simulation = simulate(20 * MBIT, { [side]: busy }).run(60_000);
  const least = Math.min(...simulation.samples.filter(({ atMs }) => atMs > 5000).map(({ estimate }) => estimate));
  expect(least).toBeGreaterThan(12 * MBIT);
});

test('a busy page does not lower the rate of a picture that needs little', () => {
  // The page takes its packets every 70 ms only, with pauses of a second.
  const isPageBusy = (atMs: number) => atMs % 70 !== 0 || atMs % 7000 < 1000;
  const simulation = simulate(20 * MBIT, { isPageBusy, wants: () => 0.5 * MBIT, probes: true }).run(60_000);
  const least = Math.min(...simulation.samples.filter(({ atMs }) => atMs > 5000).map(({ estimate }) => estimate));
  expect(least).toBeGreaterThan(15 * MBIT);
});

test('a picture that needs little keeps what the link was found to carry, for when it needs more', () => {
  const wants = (atMs: number) => (atMs % 10_000 < 8000 ? 0.5 : 15) * MBIT;
  const simulation = simulate(20 * MBIT, { wants }).run(60_000);
  for (let from = 18_000; from < 60_000; from += 10_000) {
    expect(simulation.carried(from, from + 2000)).toBeGreaterThan(14 * MBIT);
    expect(simulation.addedMs(95, from, from + 2000)).toBeLessThan(42);
  }
});

test('without probes the rate still grows', () => {
  const simulation = simulate(10 * MBIT, { probes: false }).run(20_000);
  expect(simulation.carried(12_000, 20_000)).toBeGreaterThan(8 * MBIT);
});
