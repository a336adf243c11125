import { closeSync, fstatSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type EdgeStore, openStore, STORE_FILE } from '../../../host/edge/store/store.ts';
import { eventOf } from './events.ts';
import { MIB, openTestStore, temporaryFolder } from './stores.ts';

const PAGE_BYTES = 4096;
const EVENTS = 2000;

async function fill(store: EdgeStore, count: number): Promise<void> {
  const data = JSON.stringify('x'.repeat(500));
  await Promise.all(Array.from({ length: count }, (_, n) => store.addEvent(eventOf(`e${n}`, { data }))));
}

/** Makes a folder with a store of EVENTS events. */
async function filledFolder(): Promise<string> {
  const folder = temporaryFolder();
  const store = await openStore({ folder, bytesMax: 64 * MIB, reserveBytes: MIB / 4, log: () => {} });
  await store.putPlayer({ id: 'p', name: 'Ada', seenAt: 1, local: false, data: '{}' });
  await fill(store, EVENTS);
  await store.close();
  return folder;
}

/** Overwrites pages of a file, counted from 0, with bytes that mean nothing. `to` may be negative, to count from the end. */
function damage(path: string, from: number, to: number): void {
  const file = openSync(path, 'r+');
  const pages = Math.floor(fstatSync(file).size / PAGE_BYTES);
  const end = to < 0 ? pages + to : to;
  writeSync(file, Buffer.alloc((end - from) * PAGE_BYTES, 0x5a), 0, (end - from) * PAGE_BYTES, from * PAGE_BYTES);
  closeSync(file);
}

async function idsOf(store: EdgeStore): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const events = await store.readEvents({ limit: 1000 });
    if (events.length === 0) return ids;
    ids.push(...events.map(({ id }) => id));
    await store.removeEvents({ sequences: events.map(({ sequence }) => sequence) });
  }
}

const aside = (folder: string) => readdirSync(folder).filter((name) => name.includes('.corrupt'));

test('a file whose first page is damaged is kept under another name, and every row is saved from it', async () => {
  const folder = await filledFolder();
  damage(join(folder, STORE_FILE), 0, 1);
  const damaged = readFileSync(join(folder, STORE_FILE));
  const { store, lines } = await openTestStore({ folder });
  expect(aside(folder)).toEqual([expect.stringMatching(/^edge\.db\.\d{8}T\d{6}Z\.corrupt$/)]);
  expect(readFileSync(join(folder, aside(folder)[0] ?? '')).equals(damaged)).toBe(true);
  expect(store.figures).toMatchObject({ damaged: 1, salvaged: EVENTS + 2 });
  expect(lines).toMatchObject([{ level: 'error' }]);
  expect(lines[0]?.message).toMatch(/was damaged \(.+\) and is kept as .+\.corrupt; rows saved from it: .*outbox 2000/);
  expect(await store.getPlayer({ id: 'p' })).toMatchObject({ name: 'Ada' });
  const [event] = await store.readEvents({ limit: 1 });
  // The source is saved too. With another one, a receiver would take an event that is sent again for a new one.
  await store.addEvent(eventOf('later'));
  const last = (await store.readEvents({ limit: 1000 })).at(-1);
  expect(last?.source).toBe(event?.source);
  expect(await idsOf(store)).toEqual([...Array.from({ length: EVENTS }, (_, n) => `e${n}`), 'later']);
});

test('pages that are damaged in the middle of a file cost the rows in them, and no others', async () => {
  const folder = await filledFolder();
  damage(join(folder, STORE_FILE), 150, 160);
  const { store, lines } = await openTestStore({ folder });
  expect(aside(folder)).toHaveLength(1);
  expect(lines).toMatchObject([{ level: 'error' }]);
  const ids = await idsOf(store);
  expect(ids.length).toBeLessThan(EVENTS);
  // A page holds at most seven of these events, and some of the ten pages hold an index.
  expect(ids.length).toBeGreaterThanOrEqual(EVENTS - 10 * 7);
  expect(new Set(ids).size).toBe(ids.length);
});

test('a file that holds something else altogether is set aside, and the store begins with nothing', async () => {
  const folder = await filledFolder();
  damage(join(folder, STORE_FILE), 0, 40);
  damage(join(folder, STORE_FILE), 40, -1);
  const { store, lines } = await openTestStore({ folder });
  expect(aside(folder)).toHaveLength(1);
  expect(lines[0]?.message).toContain('was damaged');
  await store.addEvent(eventOf('new'));
  expect((await idsOf(store)).at(-1)).toBe('new');
});

test('a second damaged file of the same second gets a name of its own', async () => {
  const folder = await filledFolder();
  for (let n = 0; n < 3; n++) {
    damage(join(folder, STORE_FILE), 0, 1);
    const { store } = await openTestStore({ folder });
    await store.close();
  }
  expect(aside(folder)).toHaveLength(3);
});

test('a file that is damaged while it is in use is exchanged, and the call that found it succeeds', async () => {
  const folder = temporaryFolder();
  const { store, lines } = await openTestStore({ folder });
  // More than SQLite keeps in memory, so that it has to read the file again.
  await fill(store, 20_000);
  damage(join(folder, STORE_FILE), 1000, 2000);
  await store.addEvent(eventOf('after'));
  const ids = await idsOf(store);
  expect(store.figures.damaged).toBe(1);
  expect(lines).toMatchObject([{ level: 'error' }]);
  expect(ids.at(-1)).toBe('after');
  expect(ids.length).toBeGreaterThan(10_000);
});
