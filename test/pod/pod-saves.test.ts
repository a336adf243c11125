import { expect, test } from 'vitest';
import { PodSaves, READS_MAX } from '../../host/pod/pod-saves.ts';
import { openTestStore } from '../edge/store/stores.ts';

const save = (id: string, byte = 1) => ({ id, game: 'arena', savedAt: 1000, state: Uint8Array.of(byte) });

async function open(podUid = 'pod-1') {
  const { store } = await openTestStore();
  const lines: string[] = [];
  const log = (level: string, line: string) => void lines.push(`${level} ${line}`);
  const next = (uid = podUid) => new PodSaves({ podUid: uid, store, log });
  return { store, saves: next(), lines, next };
}

test('another process of the same pod has the states, and no other pod does', async () => {
  const { saves, next } = await open();
  await saves.putSave(save('match/arena'));
  expect(await next().getSave({ id: 'match/arena' })).toMatchObject({ game: 'arena', state: Uint8Array.of(1) });
  expect(await next('pod-2').getSave({ id: 'match/arena' })).toBeUndefined();
  expect(await saves.removeSave({ id: 'match/arena' })).toBe(true);
  expect(await next().getSave({ id: 'match/arena' })).toBeUndefined();
});

test('without a service that answers, this process has what was put and removed last, and says once that the service has not', async () => {
  const { store, saves, lines } = await open();
  await saves.putSave(save('match/arena', 1));
  await store.close();
  await saves.putSave(save('match/arena', 2));
  await saves.putSave(save('match/arena', 3));
  expect(await saves.getSave({ id: 'match/arena' })).toMatchObject({ state: Uint8Array.of(3) });
  await saves.removeSave({ id: 'match/arena' });
  // The service still has the first state.
  expect(await saves.getSave({ id: 'match/arena' })).toBeUndefined();
  expect(lines).toEqual([
    expect.stringMatching(/^warn the edge service does not keep the match for another sandbox: /),
  ]);
  await expect(saves.getSave({ id: 'match/other' })).rejects.toThrow('NL_STORE');
});

test('without a service, the states are in this process, the newest of them', async () => {
  const saves = new PodSaves({ podUid: 'pod-1', store: undefined, log: () => {} });
  for (let n = 0; n < 5; n++) await saves.putSave(save(`match/${n}`, n));
  expect(await saves.getSave({ id: 'match/0' })).toBeUndefined();
  expect(await saves.getSave({ id: 'match/4' })).toMatchObject({ state: Uint8Array.of(4) });
});

test(`a state is read ${READS_MAX} times, until there is a newer one`, async () => {
  const { saves } = await open();
  const read = async () => (await saves.getSave({ id: 'match/arena' }))?.state[0];
  for (const byte of [7, 8]) {
    await saves.putSave(save('match/arena', byte));
    for (let n = 0; n < READS_MAX; n++) expect(await read()).toBe(byte);
    expect(await read()).toBeUndefined();
  }
});
