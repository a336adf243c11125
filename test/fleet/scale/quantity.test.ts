import { expect, test } from 'vitest';
import { quantity } from '../../../host/fleet/scale/quantity.ts';

test.each([
  [0, '0'],
  [7, '7'],
  [1e15, '1000000000000000'],
  [0.1, '100m'],
  [1.5, '1500m'],
  [0.0001, '1m'],
  [2.0001, '2001m'],
  [1.1, '1100m'],
  [0.3 - 0.2, '100m'],
])('%d is %s', (value, text) => {
  expect(quantity(value)).toBe(text);
});

test.each([-1, -0.001, 1e15 + 1, Number.NaN, Number.POSITIVE_INFINITY])('%d is not a quantity', (value) => {
  expect(() => quantity(value)).toThrow(RangeError);
});
