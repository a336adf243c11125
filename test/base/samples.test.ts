import { expect, test } from 'vitest';
import { Samples } from '../../host/base/samples.ts';

function samples(size: number, values: number[]): Samples {
  const made = new Samples({ size });
  for (const value of values) made.add(value);
  return made;
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1);

test('without samples every figure is zero', () => {
  expect(new Samples().summary()).toEqual({ n: 0, p50: 0, p95: 0, p99: 0, max: 0 });
});

test('one sample is every percentile', () => {
  expect(samples(8, [7]).summary()).toEqual({ n: 1, p50: 7, p95: 7, p99: 7, max: 7 });
});

test('percentiles are by nearest rank, in whatever order the samples came', () => {
  expect(samples(128, upTo(100).reverse()).summary()).toEqual({ n: 100, p50: 50, p95: 95, p99: 99, max: 100 });
  expect(samples(128, upTo(101)).summary()).toEqual({ n: 101, p50: 51, p95: 96, p99: 100, max: 101 });
  // Samples are sorted as numbers: a sort by text would have 10 before 9.
  expect(samples(8, [9, 10, 100]).summary()).toMatchObject({ p50: 10, max: 100 });
});

test('only the newest `size` samples are kept, but all are counted', () => {
  expect(samples(4, [1000, 1, 2, 3]).summary().max).toBe(1000);
  expect(samples(4, [1000, 1, 2, 3, 4]).summary()).toEqual({ n: 5, p50: 2, p95: 4, p99: 4, max: 4 });
});

test('a summary does not change the samples', () => {
  const made = samples(4, [4, 3, 2, 1]);
  expect(made.summary()).toEqual(made.summary());
  made.add(9);
  expect(made.summary()).toMatchObject({ n: 5, p50: 2, max: 9 });
  expect(made.count).toBe(5);
});

test('figures are rounded to thousandths, and negative ones are kept', () => {
  expect(samples(4, [-1.23456]).summary()).toMatchObject({ p50: -1.235, max: -1.235 });
});
