import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { SampleWindow } from '../../host/player/window.ts';

test('without a sample a percentile is NaN', () => {
  expect(new SampleWindow().percentile(0.5, milli(0))).toBeNaN();
});

test('percentiles are nearest ranks and do not depend on the order of the samples', () => {
  const window = new SampleWindow();
  for (let i = 100; i >= 1; i--) window.add(i, milli(0));
  expect([0, 0.5, 0.99, 1].map((fraction) => window.percentile(fraction, milli(0)))).toEqual([1, 50, 99, 100]);
});

test("samples count until they are older than the window's span", () => {
  const window = new SampleWindow({ spanMs: 1000 });
  window.add(7, milli(0));
  window.add(3, milli(500));
  expect(window.percentile(1, milli(1000))).toBe(7);
  expect(window.percentile(1, milli(1001))).toBe(3);
  expect(window.percentile(1, milli(1501))).toBeNaN();
});

test('a full window keeps the newest samples', () => {
  const window = new SampleWindow({ capacity: 4 });
  for (let i = 1; i <= 6; i++) window.add(i, milli(0));
  expect(window.percentile(0, milli(0))).toBe(3);
  window.clear();
  expect(window.percentile(0, milli(0))).toBeNaN();
});
