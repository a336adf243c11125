import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ALONE, LONGEST, rankOf } from '../schedule.ts';

const ROOT = join(import.meta.dirname, '../..');

test('the schedule of the tests names files that exist, each once', () => {
  const all = [...ALONE, ...LONGEST];
  expect(all.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  expect(new Set(all).size).toBe(all.length);
});

test('the longest files come first, and all others after them', () => {
  expect(LONGEST.map((path) => rankOf(join(ROOT, path)))).toEqual(LONGEST.map((_, index) => index));
  expect(rankOf(join(ROOT, 'test/base/clock.test.ts'))).toBe(LONGEST.length);
});
