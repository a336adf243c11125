import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { openDatabase, PAGE_BYTES } from './database.ts';

/** Files that SQLite keeps beside a database: its write-ahead log. */
const LOG_ENDING = '-wal';
/** How many missing row numbers of one table are tried one by one. */
const PROBES_MAX = 1_000_000;
/** Offsets in a database's header of its size in pages, first page of its free list and length of that (file format, 1.3). */
const HEADER_PAGES = 28;
const HEADER_FREE_FIRST = 32;
const HEADER_FREE_COUNT = 36;

/**
 * Renames a damaged database and its log, so that the time of the find is in its name and nothing is overwritten. Returns its
 * new path.
 */
export function setAside(path: string, now: Date): string {
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const name = (count: number) => `${path}.${stamp}${count === 0 ? '' : `-${count}`}.corrupt`;
  let count = 0;
  while (existsSync(name(count))) count++;
  const aside = name(count);
  // The log goes first: without its database it would be deleted, and without its log a damaged database is still damaged.
  if (existsSync(path + LOG_ENDING)) renameSync(path + LOG_ENDING, aside + LOG_ENDING);
  renameSync(path, aside);
  return aside;
}

/**
 * Copies all rows that can be read from a damaged database into a new one. The damaged file stays as it is.
 * @param from path of the damaged database
 * @returns number of rows by table
 */
export function salvage(from: string, to: DatabaseSync): Record<string, number> {
  const copy = `${from}.copy`;
  try {
    copyFileSync(from, copy);
    if (existsSync(from + LOG_ENDING)) copyFileSync(from + LOG_ENDING, copy + LOG_ENDING);
    const source = openDamaged(copy);
    if (!source) return {};
    try {
      return copyTables(source, to);
    } finally {
      source.close();
    }
  } finally {
    for (const file of [copy, copy + LOG_ENDING, `${copy}-shm`]) rmSync(file, { force: true });
  }
}

/** Opens a copy of a damaged database. If its first page, which lists the tables, is damaged, it gets the one of a new store. */
function openDamaged(path: string): DatabaseSync | undefined {
  return tryOpen(path) ?? (replaceFirstPage(path) ? tryOpen(path) : undefined);
}

function tryOpen(path: string): DatabaseSync | undefined {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    // Reading the schema fails if the first page is damaged.
    db.prepare('SELECT count(*) FROM outbox WHERE sequence = 0').get();
    return db;
  } catch {
    db?.close();
    return undefined;
  }
}

/** A store's tables lie at the same pages in every file that the same migrations have made, so their list can be transplanted. */
function replaceFirstPage(path: string): boolean {
  const template = `${path}.template`;
  try {
    openDatabase({ path: template, bytesMax: 2 ** 30 }).close();
    const page = readFileSync(template).subarray(0, PAGE_BYTES);
    const { size } = statSync(path);
    if (size < 2 * PAGE_BYTES) return false;
    page.writeUInt32BE(Math.floor(size / PAGE_BYTES), HEADER_PAGES);
    page.writeUInt32BE(0, HEADER_FREE_FIRST);
    page.writeUInt32BE(0, HEADER_FREE_COUNT);
    const file = openSync(path, 'r+');
    writeSync(file, page, 0, PAGE_BYTES, 0);
    closeSync(file);
    return true;
  } finally {
    for (const file of [template, template + LOG_ENDING]) rmSync(file, { force: true });
  }
}

function copyTables(source: DatabaseSync, to: DatabaseSync): Record<string, number> {
  const names = to
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
    .all() as { name: string }[];
  return Object.fromEntries(names.map(({ name }) => [name, copyTable(name, source, to)]));
}

/** Copies the rows of a table from both ends towards the damaged part, then tries the rows between one by one. */
function copyTable(table: string, source: DatabaseSync, to: DatabaseSync): number {
  const columns = (to.prepare(`PRAGMA table_info(${table})`).all() as { name: string }[]).map(({ name }) => name);
  const insert = to.prepare(
    `INSERT OR REPLACE INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  );
  const select = `SELECT rowid AS "row", ${columns.join(', ')} FROM ${table}`;
  let copied = 0;
  const keep = ({ row, ...values }: Record<string, unknown>): number => {
    try {
      insert.run(...(columns.map((column) => values[column]) as (string | number | null)[]));
      copied++;
    } catch {
      // The row itself is damaged: a value does not have the type that its column demands.
    }
    return Number(row);
  };
  to.exec('BEGIN');
  const below = scan(source, `${select} ORDER BY rowid`, keep);
  if (!below.isComplete) {
    const above = scan(source, `${select} WHERE rowid > ${below.last} ORDER BY rowid DESC`, keep);
    if (!above.isComplete) probe(source, `${select} WHERE rowid = ?`, { from: below.last, to: above.last, keep });
  }
  to.exec('COMMIT');
  return copied;
}

type Keep = (row: Record<string, unknown>) => number;

/** Reads rows until the end or a damaged page. Returns the number of the last row, 0 if there was none. */
function scan(source: DatabaseSync, sql: string, keep: Keep): { isComplete: boolean; last: number } {
  let last = 0;
  try {
    for (const row of source.prepare(sql).iterate()) last = keep(row);
    return { isComplete: true, last };
  } catch {
    return { isComplete: false, last };
  }
}

function probe(source: DatabaseSync, sql: string, range: { from: number; to: number; keep: Keep }): void {
  const { from, keep } = range;
  const to = range.to > from ? Math.min(range.to, from + PROBES_MAX) : from + PROBES_MAX;
  let get: ReturnType<DatabaseSync['prepare']>;
  try {
    get = source.prepare(sql);
  } catch {
    return;
  }
  for (let number = from + 1; number < to; number++) {
    try {
      const row = get.get(number);
      if (row) keep(row);
    } catch {
      // This row lies on the damaged page.
    }
  }
}
