import { expect, test } from 'vitest';
import { OBSERVATIONS_MAX, POD_SAVE_MS_MAX } from '../../../host/edge/store/expiry.ts';
import { eventOf, resultOf } from './events.ts';
import { openTestStore } from './stores.ts';

test('a player is replaced by a newer record of the same id', async () => {
  const { store } = await openTestStore();
  const player = { id: 'p', name: 'Ada', seenAt: 1, local: true, data: '{"wins":1}' };
  await store.putPlayer(player);
  await store.putPlayer({ ...player, seenAt: 2, local: false });
  expect(await store.getPlayer({ id: 'p' })).toEqual({ ...player, seenAt: 2, local: false });
  expect(await store.getPlayer({ id: 'q' })).toBeUndefined();
});

test('a session ends once, and one event tells of it', async () => {
  const { store } = await openTestStore();
  await store.startSession({ id: 's', game: 'arena', startedAt: 10, local: false });
  await store.countPlayers({ id: 's', players: 3 });
  expect(await store.getSession({ id: 's' })).toMatchObject({ players: 3, endedAt: undefined, reason: undefined });
  expect(await store.endSession({ id: 's', endedAt: 20, players: 4, reason: 'closed' })).toBe(true);
  expect(await store.endSession({ id: 's', endedAt: 30, players: 9, reason: 'NL_GUEST_TRAP' })).toBe(false);
  const session = { id: 's', game: 'arena', startedAt: 10, endedAt: 20, players: 4, reason: 'closed' };
  expect(await store.getSession({ id: 's' })).toEqual({ ...session, local: false });
  const events = await store.readEvents({ limit: 10 });
  expect(events).toMatchObject([{ id: 's/ended', type: 'nearlight.session.ended', subject: 's', time: 20 }]);
  expect(JSON.parse(events[0]?.data ?? '')).toEqual(session);
});

test('sessions that an earlier process left open end as lost, with the players that were counted', async () => {
  const { store } = await openTestStore();
  await store.startSession({ id: 'a', game: 'arena', startedAt: 10, local: false });
  await store.countPlayers({ id: 'a', players: 2 });
  await store.startSession({ id: 'b', game: 'arena', startedAt: 11, local: true });
  expect(await store.endLostSessions({ at: 50 })).toBe(2);
  expect(await store.endLostSessions({ at: 60 })).toBe(0);
  expect(await store.getSession({ id: 'a' })).toMatchObject({ endedAt: 50, players: 2, reason: 'lost' });
  // The other session is local, and so is the event about it.
  expect(await store.readEvents({ limit: 10 })).toMatchObject([{ subject: 'a' }]);
});

test('sessions that no host has are ended, unless they began a moment ago', async () => {
  const { store } = await openTestStore();
  for (const [id, startedAt] of [
    ['running', 10],
    ['left', 29],
    ['new', 30],
  ] as const)
    await store.startSession({ id, game: 'arena', startedAt, local: false });
  expect(await store.endSessionsExcept({ at: 50, running: ['running'], before: 30 })).toBe(1);
  expect(await store.getSession({ id: 'left' })).toMatchObject({ endedAt: 50, reason: 'lost' });
  for (const id of ['running', 'new']) expect((await store.getSession({ id }))?.endedAt).toBeUndefined();
  const ids = Array.from({ length: 1001 }, () => 'running');
  await expect(store.endSessionsExcept({ at: 50, running: ids, before: 30 })).rejects.toThrow('NL_STORE_VALUE');
});

test('a match result is kept once, together with its event', async () => {
  const { store } = await openTestStore();
  await store.addResult(resultOf('r'));
  await store.addResult({ ...resultOf('r'), data: '{"score":2}' });
  expect(await store.getResults({ match: 'match-1' })).toEqual([resultOf('r')]);
  expect(await store.readEvents({ limit: 10 })).toMatchObject([
    { id: 'r', type: 'nearlight.match.result', subject: 'match-1', data: '{"score":1}' },
  ]);
});

test('a saved game is kept, replaced and removed', async () => {
  const { store } = await openTestStore();
  await store.putSave({ id: 'a', game: 'arena', savedAt: 1, state: Uint8Array.of(1, 2) });
  await store.putSave({ id: 'a', game: 'arena', savedAt: 2, state: Uint8Array.of(3) });
  expect(await store.getSave({ id: 'a' })).toEqual({ id: 'a', game: 'arena', savedAt: 2, state: Uint8Array.of(3) });
  expect(await store.removeSave({ id: 'a' })).toBe(true);
  expect(await store.removeSave({ id: 'a' })).toBe(false);
  expect(await store.getSave({ id: 'a' })).toBeUndefined();
});

test('a ticket is taken once', async () => {
  const { store } = await openTestStore();
  const take = () => store.takeTicket({ id: 't', usedAt: 1, expiresAt: 100 });
  expect(await Promise.all([take(), take(), take()])).toEqual([true, false, false]);
  expect(await take()).toBe(false);
});

test('a cached key is used until its life ends, and not longer', async () => {
  const { store } = await openTestStore();
  const key = { name: 'jwks', kind: 'key' as const, value: Uint8Array.of(7), storedAt: 0, expiresAt: 100 };
  await store.putCached(key);
  expect(await store.getCached({ name: 'jwks', now: 99 })).toEqual(key);
  expect(await store.getCached({ name: 'jwks', now: 100 })).toBeUndefined();
});

test('events are read in the order in which they were added, without those that are local, refused or sent', async () => {
  const { store } = await openTestStore();
  for (const id of ['a', 'b', 'c', 'd']) await store.addEvent(eventOf(id, { local: id === 'b' }));
  await store.addEvent(eventOf('a', { data: '"other"' }));
  const events = await store.readEvents({ limit: 10 });
  expect(events.map(({ id, data }) => [id, data])).toEqual([
    ['a', '{}'],
    ['c', '{}'],
    ['d', '{}'],
  ]);
  expect(events[0]?.source).toMatch(/^urn:nearlight:node:[0-9a-f]{32}$/);
  const [first, second] = events.map(({ sequence }) => sequence);
  await store.refuseEvent({ sequence: second ?? 0, reason: 'it answered with status 400' });
  await store.removeEvents({ sequences: [first ?? 0] });
  expect((await store.readEvents({ limit: 10 })).map(({ id }) => id)).toEqual(['d']);
  expect(await store.countOutbox({})).toEqual({ waiting: 1, oldestAt: 1000, refused: 1, local: 1 });
});

test('events whose data is large are read a few at a time, and never none', async () => {
  const { store } = await openTestStore();
  const data = JSON.stringify('x'.repeat(200_000));
  for (let n = 0; n < 7; n++) await store.addEvent(eventOf(`e${n}`, { data }));
  expect((await store.readEvents({ limit: 10 })).length).toBe(5);
});

test('an event that arrives again is not accepted again, but one of another source is', async () => {
  const { store } = await openTestStore();
  const event = { source: 'a', id: '1', type: 't', subject: 's', time: 5, data: '{}' };
  expect(await store.acceptEvents({ events: [event, event], receivedAt: 9 })).toBe(1);
  expect(await store.acceptEvents({ events: [event, { ...event, source: 'b' }], receivedAt: 9 })).toBe(1);
  const rows = await store.readInbox({ after: 0, limit: 10 });
  expect(rows.map(({ source, id }) => source + id)).toEqual(['a1', 'b1']);
  expect(await store.readInbox({ after: rows[0]?.sequence ?? 0, limit: 10 })).toEqual(rows.slice(1));
});

test('a step of a saga counts only if its version is newer, and unfinished sagas are found again', async () => {
  const { store } = await openTestStore();
  const saga = {
    id: 'move',
    kind: 'player',
    state: 'preparing' as 'preparing' | 'executing' | 'cleanup',
    version: 1,
    trace: 'trace',
    data: '{}',
    updatedAt: 1,
  };
  expect(await store.putSaga(saga)).toBe(true);
  expect(await store.putSaga({ ...saga, state: 'executing', version: 2 })).toBe(true);
  expect(await store.putSaga({ ...saga, version: 2 })).toBe(false);
  expect(await store.putSaga(saga)).toBe(false);
  expect(await store.getSaga({ id: 'move' })).toMatchObject({ state: 'executing', version: 2 });
  expect(await store.unfinishedSagas({ limit: 5 })).toMatchObject([{ id: 'move' }]);
  await store.putSaga({ ...saga, state: 'cleanup', version: 3 });
  expect(await store.unfinishedSagas({ limit: 5 })).toEqual([]);
});

test('what has expired or is old is removed, but nothing that still has to be sent', async () => {
  const { store } = await openTestStore();
  const now = 1_000_000;
  await store.takeTicket({ id: 'old', usedAt: 1, expiresAt: now });
  await store.takeTicket({ id: 'new', usedAt: 1, expiresAt: now + 1 });
  await store.addResult(resultOf('sent'));
  const [sent] = await store.readEvents({ limit: 1 });
  await store.removeEvents({ sequences: [sent?.sequence ?? 0] });
  await store.addResult(resultOf('waiting'));
  await store.addEvent(eventOf('local', { local: true }));
  await store.startSession({ id: 'runs', game: 'arena', startedAt: 1, local: false });
  await store.addTrace({ at: 1000, body: '{}' });
  await store.addLog({ at: 1001, body: '{}' });
  // One ticket, one result, one local event and one trace.
  expect(await store.expire({ now, keptFrom: 1000 })).toBe(4);
  expect(await store.takeTicket({ id: 'new', usedAt: now, expiresAt: now + 1 })).toBe(false);
  expect(await store.takeTicket({ id: 'old', usedAt: now, expiresAt: now + 1 })).toBe(true);
  expect((await store.getResults({ match: 'match-1' })).map(({ id }) => id)).toEqual(['waiting']);
  expect(await store.getSession({ id: 'runs' })).toBeDefined();
  expect(await store.readLogs({ after: 0, limit: 5 })).toMatchObject([{ at: 1001 }]);
});

test('a match of a pod is removed when none may go on with it any more, and that of a host stays', async () => {
  const { store } = await openTestStore();
  const put = (id: string, savedAt: number) => store.putSave({ id, game: 'arena', savedAt, state: Uint8Array.of(1) });
  for (const id of ['pod/1/match/arena', 'match/arena']) await put(id, 1000);
  await put('pod/2/match/arena', 1001);
  const has = async (id: string) => (await store.getSave({ id })) !== undefined;
  expect(await store.expire({ now: 1000 + POD_SAVE_MS_MAX - 1, keptFrom: 0 })).toBe(0);
  expect(await store.expire({ now: 1000 + POD_SAVE_MS_MAX, keptFrom: 0 })).toBe(1);
  expect([await has('pod/1/match/arena'), await has('pod/2/match/arena'), await has('match/arena')]).toEqual([
    false,
    true,
    true,
  ]);
});

test('of the spans that wait for a collector, the newest are kept', async () => {
  const { store } = await openTestStore();
  const add = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, n) => store.addTrace({ at: n, body: '1' })));
  for (let n = 0; n < OBSERVATIONS_MAX; n += 10_000) await add(10_000);
  await store.expire({ now: 1, keptFrom: 0 });
  // The span at time 0 is as old as `keptFrom`, and there are ten of them.
  expect(await store.readTraces({ after: 0, limit: 1 })).toMatchObject([{ sequence: 2 }]);
  await add(5);
  await store.expire({ now: 1, keptFrom: 0 });
  expect(await store.readTraces({ after: 0, limit: 1 })).toMatchObject([{ sequence: 6 }]);
});
