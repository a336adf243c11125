import { expect, test } from 'vitest';
import { summaryOf } from '../../host/player/figures.ts';
import { ENGLISH } from '../../host/player/labels.ts';
import type { PlayerStats } from '../../host/player/state.ts';

test.each([
  [{ fps: 59.6, latencyP50: 31.4, quality: 'good' }, '60 fps · 31 ms'],
  [{ fps: 30, latencyP50: 95, quality: 'unsteady' }, '30 fps · 95 ms · unsteady network'],
  [{ fps: 30, latencyP50: 240, quality: 'poor' }, '30 fps · 240 ms · poor network'],
  [{ fps: Number.NaN, latencyP50: 31, quality: 'good' }, '31 ms'],
  [{ fps: 30, latencyP50: Number.NaN, quality: 'good' }, '30 fps'],
  [{ fps: Number.NaN, latencyP50: Number.NaN, quality: 'good' }, ''],
] as const)('the page sums %j up as "%s"', (figures, expected) => {
  expect(summaryOf(figures as PlayerStats, ENGLISH)).toBe(expected);
});
