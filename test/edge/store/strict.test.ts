import { expect, test } from 'vitest';
import { eventOf, resultOf } from './events.ts';
import { openTestStore } from './stores.ts';

test('a strict store writes results in transactions of their own, and refuses traces and logs until it is strict no longer', async () => {
  const { store } = await openTestStore();
  const all = async () => {
    const before = store.figures.commits;
    const outcomes = await Promise.allSettled([
      store.addTrace({ at: 1, body: '1' }),
      store.putPlayer({ id: 'p', name: 'Ada', seenAt: 1, local: false, data: '{}' }),
      store.addResult(resultOf(`r${before}`)),
      store.addLog({ at: 1, body: '1' }),
      store.addEvent(eventOf(`e${before}`)),
    ]);
    return { commits: store.figures.commits - before, outcomes: outcomes.map(({ status }) => status) };
  };
  expect(await all()).toEqual({ commits: 1, outcomes: Array.from({ length: 5 }, () => 'fulfilled') });
  store.setStrict(true);
  expect(await all()).toEqual({
    commits: 2,
    outcomes: ['rejected', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  });
  await expect(store.addLog({ at: 1, body: '1' })).rejects.toMatchObject({ code: 'NL_STORE_BUSY' });
  store.setStrict(false);
  expect(await all()).toEqual({ commits: 1, outcomes: Array.from({ length: 5 }, () => 'fulfilled') });
  expect(await store.getResults({ match: 'match-1' })).toHaveLength(3);
});
