import { expect, test } from 'vitest';
import { SampleWindow } from '../../host/player/window.ts';

test('nothing is known without a sample', () => {
  expect(new SampleWindow().percentile(0.5, 0)).toBeNaN();
});

test('percentiles are nearest ranks, whatever the order', () => {
  const window = new SampleWindow();
  for (let i = 100; i >= 1; i--) window.add(i, 0);
  expect([0, 0.5, 0.99, 1].map((fraction) => window.percentile(fraction, 0))).toEqual([1, 50, 99, 100]);
});

test('samples count until they are older than the span', () => {
  const window = new SampleWindow({ spanMs: 1000 });
  window.add(7, 0);
  window.add(3, 500);
  expect(window.percentile(1, 1000)).toBe(7);
  expect(window.percentile(1, 1001)).toBe(3);
  expect(window.percentile(1, 1501)).toBeNaN();
});

test('a full window keeps the newest', () => {
  const window = new SampleWindow({ capacity: 4 });
  for (let i = 1; i <= 6; i++) window.add(i, 0);
  expect(window.percentile(0, 0)).toBe(3);
  window.clear();
  expect(window.percentile(0, 0)).toBeNaN();
});
