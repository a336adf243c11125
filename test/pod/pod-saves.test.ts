import { expect, test } from 'vitest';
import { NearlightError } from '../../host/base/errors.ts';
import { PodSaves, READS_MAX } from '../../host/pod/pod-saves.ts';
import { openTestStore } from '../edge/store/stores.ts';
import { ManualClock } from '../room/fake.ts';

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

test('a service that is starting is asked until it answers, but not for longer than asked for', async () => {
  const clock = new ManualClock();
  const found = save('pod/pod-1/match/arena');
  let asked = 0;
  const store = {
    putSave: async () => {},
    getSave: async () => (++asked < 4 ? Promise.reject(new NearlightError('NL_EDGE', 'ENOENT')) : found),
    removeSave: async () => false,
  };
  const open = () => new PodSaves({ podUid: 'pod-1', store, log: () => {}, clock });
  const patient = open();
  patient.wait(600);
  const reading = patient.getSave({ id: 'match/arena' });
  await clock.pass(599);
  expect(asked).toBe(3);
  await clock.pass(1);
  expect(await reading).toEqual(found);
  asked = 0;
  const hasty = open();
  hasty.wait(200);
  const refused = expect(hasty.getSave({ id: 'match/arena' })).rejects.toThrow('NL_EDGE');
  await clock.pass(200);
  await refused;
  expect(asked).toBe(2);
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
