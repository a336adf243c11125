import { expect, test } from 'vitest';
import { Restarts } from '../../host/pod/restarts.ts';
import { ManualClock } from '../room/fake.ts';

/** Runs a container for some time after each of these pauses. @returns how long the next start was expected to take after each end */
function run(rounds: { waitedMs: number; ranMs: number }[]): number[] {
  const clock = new ManualClock();
  const restarts = new Restarts(clock);
  return rounds.map(({ waitedMs, ranMs }) => {
    clock.jump(waitedMs);
    restarts.noteStart();
    clock.jump(ranMs);
    const expected = restarts.waitMs;
    restarts.noteEnd();
    expect(restarts.waitMs).toBe(expected);
    return expected;
  });
}

test('the first restart comes at once, and further ones after pauses that double up to five minutes', () => {
  const waits = run(Array.from({ length: 9 }, () => ({ waitedMs: 0, ranMs: 1000 })));
  expect(waits).toEqual([0, 15_000, 25_000, 45_000, 85_000, 165_000, 305_000, 305_000, 305_000]);
});

test('the pause counts from the end of the container', () => {
  const clock = new ManualClock();
  const restarts = new Restarts(clock);
  for (let n = 0; n < 2; n++) {
    restarts.noteStart();
    restarts.noteEnd();
  }
  expect(restarts.waitMs).toBe(15_000);
  clock.jump(14_999);
  expect(restarts.waitMs).toBe(1);
  clock.jump(60_000);
  expect(restarts.waitMs).toBe(0);
});

test('a container that has run for longer than ten minutes starts again at once', () => {
  const short = { waitedMs: 0, ranMs: 1000 };
  expect(run([short, short, { waitedMs: 0, ranMs: 600_000 }])).toEqual([0, 15_000, 25_000]);
  expect(run([short, short, { waitedMs: 0, ranMs: 600_001 }, short])).toEqual([0, 15_000, 0, 15_000]);
});
