import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type EdgeStore, openStore } from '../../../host/edge/store/store.ts';
import { eventOf, resultOf } from './events.ts';
import { MIB, openTestStore, temporaryFolder } from './stores.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot)
  process.stderr.write(
    'test/edge/store/full.test.ts: a full disk is not tested, because only root can mount a small one\n',
  );
const text = (bytes: number) => JSON.stringify('x'.repeat(bytes - 2));

/** Mounts a small file system of its own on a folder. */
function smallDisk(bytes: number): string {
  const folder = temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'store', folder]);
  onTestFinished(() => {
    execFileSync('umount', ['-l', folder]);
  });
  return folder;
}

/** Fills a disk with a file, except for `spareBytes`. */
function fillDisk(folder: string, spareBytes: number, name = 'others'): string {
  const path = join(folder, name);
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize - spareBytes)));
  return path;
}

/** Adds an entry of each kind that a full disk costs, `count` times. */
async function fill(store: EdgeStore, count: number, bytes: number): Promise<void> {
  for (let n = 0; n < count; n++)
    await Promise.all([
      store.addTrace({ at: n, body: text(bytes) }),
      store.addLog({ at: n, body: text(bytes) }),
      store.putCached({ name: `${n}`, kind: 'key', value: new Uint8Array(bytes), storedAt: n, expiresAt: 10 ** 9 }),
    ]);
}

const rows = async (store: EdgeStore) => ({
  traces: (await store.readTraces({ after: 0, limit: 1000 })).length,
  logs: (await store.readLogs({ after: 0, limit: 1000 })).length,
  isCached: (await store.getCached({ name: '0', now: 1 })) !== undefined,
});

/** Adds results until the store has given up `level` kinds of data. */
async function addUntil(store: EdgeStore, level: number, bytes: number): Promise<string[]> {
  const added: string[] = [];
  for (let n = 0; store.figures.givenUp < level; n++) {
    const id = `level-${level}-${n}`;
    await store.addResult(resultOf(id, { data: text(bytes) }));
    added.push(id);
  }
  return added;
}

/** The common part of both tests: what is given up, in which order, and that every result is kept. */
async function expectOrder(store: EdgeStore, bytes: number): Promise<string[]> {
  const results = await addUntil(store, 1, bytes);
  expect(await rows(store)).toMatchObject({ traces: 0, isCached: true });
  expect((await rows(store)).logs).toBeGreaterThan(0);
  await expect(store.addTrace({ at: 1, body: '1' })).rejects.toMatchObject({ code: 'NL_STORE_FULL' });
  results.push(...(await addUntil(store, 2, bytes)));
  expect(await rows(store)).toEqual({ traces: 0, logs: 0, isCached: true });
  await expect(store.addLog({ at: 1, body: '1' })).rejects.toMatchObject({ code: 'NL_STORE_FULL' });
  results.push(...(await addUntil(store, 3, bytes)));
  expect(await rows(store)).toEqual({ traces: 0, logs: 0, isCached: false });
  // State is still taken, and refused only at the next level.
  await store.putPlayer({ id: 'p', name: 'Ada', seenAt: 1, local: false, data: '{}' });
  return results;
}

async function expectResults(store: EdgeStore, ids: readonly string[]): Promise<void> {
  const found = new Set((await store.getResults({ match: 'match-1' })).map(({ id }) => id));
  expect(ids.filter((id) => !found.has(id))).toEqual([]);
}

test.runIf(isRoot)(
  'a full disk costs traces first, then logs, then caches, then other state, and no match result',
  async () => {
    const folder = smallDisk(12 * MIB);
    const { store, lines } = await openTestStore({ folder, reserveBytes: MIB });
    await fill(store, 20, 60_000);
    const others = fillDisk(folder, 100_000);
    const results = await expectOrder(store, 40_000);
    // Another program takes the room that the caches had. Results use the reserve now, and then wait.
    const more = fillDisk(folder, 0, 'more');
    const waiting: Promise<void>[] = [];
    for (let n = 0; store.figures.held < 3; n++) {
      const id = `last-${n}`;
      results.push(id);
      waiting.push(store.addResult(resultOf(id, { data: text(40_000) })));
      await store.tend();
    }
    await expect(store.putPlayer({ id: 'q', name: 'Bob', seenAt: 1, local: false, data: '{}' })).rejects.toMatchObject({
      code: 'NL_STORE_FULL',
    });
    expect(store.figures.givenUp).toBe(4);
    expect(await store.getPlayer({ id: 'p' })).toMatchObject({ name: 'Ada' });

    rmSync(others);
    rmSync(more);
    await store.tend();
    await Promise.all(waiting);
    expect(store.figures).toMatchObject({ held: 0, givenUp: 0 });
    await expectResults(store, results);
    await store.addTrace({ at: 1, body: '1' });
    await store.putPlayer({ id: 'q', name: 'Bob', seenAt: 1, local: false, data: '{}' });
    expect(lines.map(({ message }) => message)).toEqual([
      expect.stringContaining('gives up its traces'),
      expect.stringContaining('gives up its logs'),
      expect.stringContaining('gives up its cache'),
      expect.stringContaining('takes only match results and events'),
      'the store has room again and keeps everything',
    ]);
  },
);

test.runIf(isRoot)('a store on a full disk opens again with every result that was acknowledged', async () => {
  const folder = smallDisk(8 * MIB);
  const open = () => openStore({ folder, bytesMax: 64 * MIB, reserveBytes: MIB, log: () => {} });
  const first = await open();
  fillDisk(folder, 100_000);
  const results = await addUntil(first, 4, 20_000);
  await first.close();
  const second = await open();
  await expectResults(second, results);
  await second.close();
});

test('a file of the largest size costs the same, in the same order', async () => {
  const { store } = await openTestStore({ folder: temporaryFolder(), bytesMax: 6 * MIB });
  await fill(store, 20, 60_000);
  const results = await expectOrder(store, 40_000);
  await store.addEvent(eventOf('also kept'));
  await expectResults(store, results);
});
