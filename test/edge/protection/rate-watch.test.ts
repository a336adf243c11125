import { expect, test } from 'vitest';
import { milli } from '../../../host/base/time.ts';
import { BEGIN_STEPS, END_STEPS, RateWatch } from '../../../host/edge/protection/rate-watch.ts';

const BOUND = 100;
const STEP_MS = 100;

/** Counts events at a steady rate for some steps, and returns whether the pressure is high after each. */
function run(watch: RateWatch, from: number, { steps, perStep }: { steps: number; perStep: number }): boolean[] {
  return Array.from({ length: steps }, (_, step) => {
    const begin = from + step * STEP_MS;
    for (let n = 0; n < perStep; n++) watch.count(milli(begin));
    return watch.isHigh(milli(begin + STEP_MS));
  });
}

const open = () => new RateWatch({ perSecond: BOUND, now: milli(0) });

test('pressure is high from the bound on, when the rate of a second has been that high for three steps', () => {
  const steps = run(open(), 0, { steps: 12, perStep: BOUND / 10 });
  // The tenth step completes the first second.
  expect(steps.indexOf(true)).toBe(10 - 1 + BEGIN_STEPS - 1);
});

test('a rate just below the bound never counts as high', () => {
  const watch = open();
  for (let second = 0; second < 20; second++) {
    for (let n = 0; n < BOUND - 1; n++) watch.count(milli(second * 1000));
    for (let step = 1; step <= 10; step++) expect(watch.isHigh(milli(second * 1000 + step * STEP_MS))).toBe(false);
  }
});

test('a rate that reaches the bound for two steps only does not count', () => {
  const watch = open();
  // The second that these events are in is judged ten times, so the first events have gone before the third judgement.
  for (let n = 0; n < BOUND / 2; n++) watch.count(milli(0));
  for (let n = 0; n < BOUND / 2; n++) watch.count(milli(8 * STEP_MS));
  for (let step = 9; step < 40; step++) expect(watch.isHigh(milli(step * STEP_MS))).toBe(false);
});

test('pressure stays high at half of the bound, and ends below that after five seconds', () => {
  const watch = open();
  run(watch, 0, { steps: 20, perStep: BOUND / 10 });
  const at = 20 * STEP_MS;
  expect(run(watch, at, { steps: 200, perStep: BOUND / 20 }).every(Boolean)).toBe(true);
  const steps = run(watch, at + 200 * STEP_MS, { steps: 100, perStep: BOUND / 20 - 1 });
  // The first step below the half brings the rate of the second below it.
  expect(steps.indexOf(false)).toBe(END_STEPS - 1);
});

test('pressure ends also while no event comes, and after a pause of any length the next event is an ordinary one', () => {
  const watch = open();
  run(watch, 0, { steps: 20, perStep: 1000 });
  expect(watch.isHigh(milli(20 * STEP_MS + 5000))).toBe(true);
  expect(watch.isHigh(milli(20 * STEP_MS + 6000))).toBe(false);
  const later = milli(10 ** 12);
  watch.count(later);
  expect([watch.isHigh(later), watch.rate]).toEqual([false, 0]);
});
