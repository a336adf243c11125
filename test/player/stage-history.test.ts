import { expect, test } from 'vitest';
import { STAGES } from '../../host/base/stages.ts';
import { milli } from '../../host/base/time.ts';
import { StageHistory } from '../../host/player/stage-history.ts';

/** Adds pictures whose first stage takes as many milliseconds as their number, and whose second takes 1000. */
function filled(count: number): StageHistory {
  const history = new StageHistory();
  for (let n = 1; n <= count; n++) history.add([n, 1000, ...STAGES.slice(2).map(() => 0)], milli(n * 10));
  return history;
}

test('the newest picture comes first, and times of several stages add up', () => {
  const history = filled(3);
  expect([history.size, history.shownAt(0), history.shownAt(2)]).toEqual([3, 30, 10]);
  expect(history.timeOf(0, [0])).toBe(3);
  expect(history.timeOf(2, [0, 1])).toBe(1001);
});

test('percentiles are by nearest rank, also of several stages together', () => {
  const fractions = Float64Array.of(0.5, 0.99, 0.999, 1);
  filled(1000).percentiles([0, 1], fractions);
  expect([...fractions]).toEqual([1500, 1990, 1999, 2000]);
});

test('percentiles of no pictures are not numbers', () => {
  const history = filled(5);
  history.reset();
  const fractions = Float64Array.of(0.5);
  history.percentiles([0], fractions);
  expect([...fractions]).toEqual([Number.NaN]);
});

test('the newest 4096 pictures are remembered', () => {
  const history = filled(5000);
  const fractions = Float64Array.of(0, 1);
  history.percentiles([0], fractions);
  expect([history.size, ...fractions]).toEqual([4096, 905, 5000]);
});
