import { expect, test } from 'vitest';
import { strengthOf } from '../../../host/cli/dash/heat.ts';

test('a cell is the stronger the larger its value, and small values differ from 0', () => {
  expect(strengthOf(0, 100)).toBe(0);
  expect(strengthOf(null, 100)).toBe(0);
  expect(strengthOf(5, 0)).toBe(0);
  expect(strengthOf(0.001, 100)).toBeGreaterThan(0.1);
  expect(strengthOf(25, 100)).toBeCloseTo(0.56);
  expect(strengthOf(100, 100)).toBe(1);
  expect(strengthOf(101, 100)).toBe(1);
});
