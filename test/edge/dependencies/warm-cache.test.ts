import { expect, test } from 'vitest';
import { milli } from '../../../host/base/time.ts';
import { WarmCache } from '../../../host/edge/dependencies/warm-cache.ts';
import { settle } from '../../room/fake.ts';

function begin({ msMax = 1000, entriesMax = 10 } = {}) {
  const clock = { ms: 0 };
  const cache = new WarmCache<number>({ msMax, entriesMax, clock: { now: () => milli(clock.ms) } });
  let loads = 0;
  return { clock, cache, count: () => loads, load: async () => ++loads };
}

test('a thousand calls that miss the same value share one load', async () => {
  const { cache, load } = begin();
  const got = await Promise.all(Array.from({ length: 1000 }, () => cache.get('a', load)));
  expect(new Set(got.map(({ value }) => value))).toEqual(new Set([1]));
  expect(await cache.get('a', load)).toEqual({ value: 1, isCached: true });
  expect(await cache.get('b', load)).toEqual({ value: 2, isCached: false });
});

test('a value lives as long as it may, to the millisecond', async () => {
  const { cache, load, clock } = begin();
  await cache.get('a', load);
  clock.ms = 1000;
  expect(await cache.get('a', load)).toEqual({ value: 2, isCached: false });
});

test('a value in use is loaded again in the second half of its life, once, and its users do not wait', async () => {
  const { cache, load, clock, count } = begin();
  await cache.get('a', load);
  clock.ms = 499;
  await cache.get('a', load);
  expect(count()).toBe(1);
  clock.ms = 500;
  const got = await Promise.all(Array.from({ length: 100 }, () => cache.get('a', load)));
  expect(new Set(got.map(({ value }) => value))).toEqual(new Set([1]));
  await settle();
  clock.ms = 999;
  expect([await cache.get('a', load), count()]).toEqual([{ value: 2, isCached: true }, 2]);
});

test('a value that cannot be loaded again goes on until its life ends', async () => {
  const { cache, load, clock } = begin();
  await cache.get('a', load);
  clock.ms = 999;
  const fail = () => Promise.reject(new Error('down'));
  expect(await cache.get('a', fail)).toEqual({ value: 1, isCached: true });
  await settle();
  expect(await cache.get('a', load)).toEqual({ value: 1, isCached: true });
  await settle();
  clock.ms = 3000;
  await expect(cache.get('a', fail)).rejects.toThrow('down');
});

test('failures are not kept', async () => {
  const { cache, load } = begin();
  await expect(cache.get('a', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
  expect(cache.size).toBe(0);
  expect(await cache.get('a', load)).toEqual({ value: 1, isCached: false });
});

test('the oldest value makes room for one more than fit', async () => {
  const { cache, load, count } = begin({ entriesMax: 2 });
  for (const key of ['a', 'b', 'a']) await cache.get(key, load);
  expect(count()).toBe(2);
  await cache.get('c', load);
  expect(cache.size).toBe(2);
  expect(await cache.get('b', load)).toEqual({ value: 2, isCached: true });
  expect(await cache.get('a', load)).toEqual({ value: 4, isCached: false });
});
