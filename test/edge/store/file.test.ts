import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../host/edge/store/database.ts';
import { APPLICATION_ID, MIGRATIONS } from '../../../host/edge/store/migrations.ts';
import { openStore, STORE_FILE } from '../../../host/edge/store/store.ts';
import { eventOf } from './events.ts';
import { MIB, openTestStore, temporaryFolder } from './stores.ts';

const pathIn = (folder: string) => join(folder, STORE_FILE);
const open = (folder: string) => openStore({ folder, bytesMax: 64 * MIB, reserveBytes: MIB, log: () => {} });

test('a store finds everything again when it is opened a second time', async () => {
  const folder = temporaryFolder();
  const first = await open(join(folder, 'made/by/the/store'));
  await first.addEvent(eventOf('a'));
  const [before] = await first.readEvents({ limit: 1 });
  await first.close();
  const second = await open(join(folder, 'made/by/the/store'));
  expect(await second.readEvents({ limit: 5 })).toEqual([before]);
  await second.close();
});

test('calls of one moment share a write to the disk', async () => {
  const { store } = await openTestStore({ folder: temporaryFolder() });
  const before = store.figures.commits;
  await Promise.all(Array.from({ length: 1000 }, (_, n) => store.addEvent(eventOf(`e${n}`))));
  expect(store.figures.commits - before).toBeLessThanOrEqual(2);
});

test('calls are answered after close() has been called, and refused after that', async () => {
  const folder = temporaryFolder();
  const store = await open(folder);
  const added = store.addEvent(eventOf('a'));
  const closed = store.close();
  await expect(store.addEvent(eventOf('b'))).rejects.toThrow(
    'NL_STORE: The edge store cannot be used: the store is closed',
  );
  await added;
  await closed;
  const again = await open(folder);
  expect(await again.countOutbox({})).toMatchObject({ waiting: 1 });
  await again.close();
});

test('a store that another process uses is refused, with what to do', async () => {
  const folder = temporaryFolder();
  await openTestStore({ folder });
  await expect(open(folder)).rejects.toThrow(
    `NL_STORE: The edge store cannot be used: another process uses ${pathIn(folder)}; give each its own STORE_DIR`,
  );
});

test('a store of a newer program is refused and not changed', async () => {
  const folder = temporaryFolder();
  const newer = [...MIGRATIONS, 'CREATE TABLE later (n INTEGER) STRICT'];
  openDatabase({ path: pathIn(folder), bytesMax: MIB, migrations: newer }).close();
  const version = MIGRATIONS.length;
  await expect(open(folder)).rejects.toThrow(
    `has version ${version + 1}, and this program knows ${version}; start the newer`,
  );
  const db = openDatabase({ path: pathIn(folder), bytesMax: MIB, migrations: newer });
  expect(db.prepare('SELECT count(*) AS n FROM later').get()).toEqual({ n: 0 });
  db.close();
});

test('a file of another program is refused and not changed', async () => {
  const folder = temporaryFolder();
  const other = new DatabaseSync(pathIn(folder));
  other.exec('CREATE TABLE theirs (n INTEGER); INSERT INTO theirs VALUES (7)');
  other.close();
  await expect(open(folder)).rejects.toThrow('belongs to another program; choose another STORE_DIR');
  const again = new DatabaseSync(pathIn(folder));
  expect(again.prepare('SELECT n FROM theirs').get()).toEqual({ n: 7 });
  again.close();
});

test('each migration is one transaction: a step that fails leaves the version before it', () => {
  const path = join(temporaryFolder(), 'test.db');
  const first = 'CREATE TABLE one (n INTEGER) STRICT; INSERT INTO one VALUES (1)';
  openDatabase({ path, bytesMax: MIB, migrations: [first] }).close();
  const broken = [
    first,
    'CREATE TABLE two (n INTEGER) STRICT',
    'CREATE TABLE three (n INTEGER) STRICT; INSERT INTO none VALUES (1)',
  ];
  expect(() => openDatabase({ path, bytesMax: MIB, migrations: broken })).toThrow('no such table: none');
  const db = new DatabaseSync(path);
  expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
  expect(db.prepare('PRAGMA application_id').get()).toEqual({ application_id: APPLICATION_ID });
  const tables = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`).all();
  expect(tables.map(({ name }) => name)).toEqual(['one', 'two']);
  db.close();
});

test('a folder that cannot be made is refused with its name', async () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  await expect(open(join(file, 'store'))).rejects.toThrow(`STORE_DIR=${join(file, 'store')} cannot be made`);
});

/** Starts a process that adds events to the store in a folder, and prints the id of each when the call has resolved. */
function startWriter(folder: string): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('every event that was acknowledged before its process is killed is there afterwards', async () => {
  const folder = temporaryFolder();
  const writer = startWriter(folder);
  let printed = '';
  writer.stdout?.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
    if (printed.length > 20_000) writer.kill('SIGKILL');
  });
  await once(writer, 'close');
  expect(existsSync(pathIn(folder))).toBe(true);
  const acknowledged = printed.split('\n').slice(0, -1);
  const { store } = await openTestStore({ folder });
  const found = new Set<string>();
  for (;;) {
    const events = await store.readEvents({ limit: 1000 });
    if (events.length === 0) break;
    for (const { id } of events) found.add(id);
    await store.removeEvents({ sequences: events.map(({ sequence }) => sequence) });
  }
  expect(acknowledged.length).toBeGreaterThan(1000);
  expect(acknowledged.filter((id) => !found.has(id))).toEqual([]);
});
