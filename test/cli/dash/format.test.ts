import { expect, test } from 'vitest';
import { formatValue, ticksUpTo } from '../../../host/cli/dash/format.ts';
import type { Unit } from '../../../host/observe/panel.ts';

test.each<[number, Unit, string]>([
  [0, 'seconds', '0 ms'],
  [0.000_25, 'seconds', '250 µs'],
  [0.0423, 'seconds', '42.3 ms'],
  [1, 'seconds', '1 s'],
  [119, 'seconds', '119 s'],
  [120, 'seconds', '2 min'],
  [7200, 'seconds', '2 h'],
  [999, 'bytes', '999 B'],
  [1000, 'bytes', '1 kB'],
  [147_000_000, 'bytes', '147 MB'],
  [2_500_000, 'bytes per second', '2.5 MB/s'],
  [119.96, 'per second', '120/s'],
  [0.999, 'share', '99.9 %'],
  [14.4, 'times', '14.4×'],
  [9999, 'number', '9999'],
  [10_000, 'number', '10k'],
  [0.0421, 'number', '0.042'],
])('%d in %s is %s', (value, unit, text) => {
  expect(formatValue(value, unit)).toBe(text);
});

test('a panel can ask for a number of decimals', () => {
  expect(formatValue(1, 'share', 3)).toBe('100.000 %');
  expect(formatValue(0.5, 'number', 2)).toBe('0.50');
});

test.each([
  [0, [0, 1]],
  [1, [0, 0.5, 1]],
  [4, [0, 1, 2, 3, 4]],
  [4.1, [0, 2, 4, 6]],
  [0.12, [0, 0.05, 0.1, 0.15]],
  [120, [0, 50, 100, 150]],
  [Number.NaN, [0, 1]],
  [Number.POSITIVE_INFINITY, [0, 1]],
])('the scale up to %d has lines at %j', (most, ticks) => {
  expect(ticksUpTo(most)).toEqual(ticks);
});
