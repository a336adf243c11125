import { expect, test } from 'vitest';
import { formatReport, isMet, percentile, summarize } from './harness.ts';

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

test('a percentile is the sample of the nearest rank', () => {
  const five = [15, 20, 35, 40, 50];
  expect([5, 30, 40, 50, 100].map((percent) => percentile(five, percent))).toEqual([15, 20, 20, 35, 50]);
  expect(percentile([7], 50)).toBe(7);
  expect(percentile([7], 99.9)).toBe(7);
});

test('rounding errors do not move the rank of a percentile', () => {
  expect(percentile(upTo(1000), 99.9)).toBe(999);
  expect(percentile(upTo(100), 95)).toBe(95);
  expect(percentile(upTo(100), 99)).toBe(99);
  expect(percentile(upTo(200), 55)).toBe(110);
});

test('a figure does not depend on the order of its samples, and does not change that order', () => {
  const samples = upTo(100).reverse();
  expect(summarize('x', 'ms', samples)).toEqual({
    name: 'x',
    unit: 'ms',
    n: 100,
    min: 1,
    mean: 50.5,
    p50: 50,
    p95: 95,
    p99: 99,
    max: 100,
  });
  expect(samples[0]).toBe(100);
});

test('the 99.9th percentile needs a thousand samples', () => {
  expect(summarize('x', 'ms', upTo(999)).p99_9).toBeUndefined();
  expect(summarize('x', 'ms', upTo(1000)).p99_9).toBe(999);
});

test('samples are sorted as numbers, not as text', () => {
  expect(summarize('x', 'ms', [9, 10, 100]).max).toBe(100);
});

test('no samples, or a sample that is not a number, is an error', () => {
  expect(() => summarize('x', 'ms', [])).toThrow('no samples');
  expect(() => summarize('x', 'ms', [1, Number.NaN])).toThrow('finite');
});

test('a goal is met at its limit', () => {
  expect(isMet({ direction: 'at most', limit: 28, value: 28 })).toBe(true);
  expect(isMet({ direction: 'at most', limit: 28, value: 28.1 })).toBe(false);
  expect(isMet({ direction: 'at least', limit: 58, value: 58 })).toBe(true);
  expect(isMet({ direction: 'at least', limit: 58, value: 57.9 })).toBe(false);
});

test('a report says which goals were met', () => {
  const goal = {
    name: 'frame rate',
    direction: 'at least',
    limit: 58,
    value: 40.25,
    unit: 'fps',
    met: false,
  } as const;
  const figures = [summarize('latency', 'ms', [1.23456, 2]), summarize('size', 'kB', [199.5])];
  const text = formatReport({
    name: 'demo',
    date: '',
    machine: { cpu: 'A', cores: 2 },
    figures,
    goals: [goal],
  });
  expect(text.split('\n')).toEqual([
    'demo',
    '  cpu A, cores 2',
    '           unit  n   min  mean   P50  P95  P99  P99.9  max',
    '  latency  ms    2  1.23  1.62  1.23    2    2           2',
    '  size     kB    1               200',
    '  NOT met  frame rate: 40.3 fps, wanted at least 58',
    '',
    '',
  ]);
});
