import { DatabaseSync } from 'node:sqlite';
import { NearlightError } from '../../base/errors.ts';
import { APPLICATION_ID, MIGRATIONS } from './migrations.ts';
import { DamageError, isBusy, isCorrupt } from './sqlite-error.ts';

export const PAGE_BYTES = 4096;
/** The path of a database that lives in memory only. */
export const IN_MEMORY = ':memory:';
const LOG_BYTES_MAX = 4 * 1024 * 1024;
/** How many pages of the file are given back to the disk in one step, so that a step needs little room itself. */
const VACUUM_PAGES = 64;

export interface DatabaseOptions {
  path: string;
  /** Largest size of the file, without its write-ahead log. */
  bytesMax: number;
  /**
   * Size of the write-ahead log from which its pages are moved into the file. On a full disk that must still be possible, so it
   * must be less than the room that is reserved.
   */
  logBytesMax?: number;
  /** See MIGRATIONS. */
  migrations?: readonly string[];
}

/**
 * Opens a store, or creates it, and brings its schema up to date. One process holds it at a time.
 * @throws NearlightError NL_STORE if another process holds the file, if it belongs to another program or is newer than this
 * one; an error for which isCorrupt() holds if it is damaged
 */
export function openDatabase(options: DatabaseOptions): DatabaseSync {
  const { path, bytesMax, logBytesMax = LOG_BYTES_MAX, migrations = MIGRATIONS } = options;
  const db = openFile(path);
  try {
    // A page size and a vacuum mode count only for a new file. The exclusive lock keeps SQLite's index of the log in the heap,
    // because a mapped one would need room on the disk.
    db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA locking_mode = EXCLUSIVE`);
    checkOwner(db, path);
    // With FULL, a commit returns when the log is on the disk, so that a power cut takes nothing that was acknowledged.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    db.exec(`PRAGMA max_page_count = ${Math.floor(bytesMax / PAGE_BYTES)}`);
    db.exec(
      `PRAGMA wal_autocheckpoint = ${Math.ceil(logBytesMax / PAGE_BYTES)}; PRAGMA journal_size_limit = ${logBytesMax}`,
    );
    checkStructure(db);
    migrate(db, { path, migrations });
    return db;
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw error;
    throw new NearlightError('NL_STORE', `another process uses ${path}; give each its own STORE_DIR`, { cause: error });
  }
}

function openFile(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path);
  } catch (error) {
    if (isCorrupt(error)) throw error;
    const { message } = error as Error;
    throw new NearlightError('NL_STORE', `${path}: ${message}; check the folder and its permissions`, { cause: error });
  }
}

/** Reads a pragma whose value is a whole number. */
export function readPragma(db: DatabaseSync, name: string): number {
  const row = db.prepare(`PRAGMA ${name}`).get() ?? {};
  return Number(Object.values(row)[0]);
}

function checkOwner(db: DatabaseSync, path: string): void {
  const owner = readPragma(db, 'application_id');
  if (owner === APPLICATION_ID || (owner === 0 && isEmpty(db))) return;
  throw new NearlightError('NL_STORE', `${path} belongs to another program; choose another STORE_DIR`);
}

function isEmpty(db: DatabaseSync): boolean {
  return db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

function checkStructure(db: DatabaseSync): void {
  const [found] = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {});
  if (found !== 'ok') throw new DamageError(String(found));
}

/** @throws NearlightError NL_STORE if the file is newer than the migrations */
function migrate(db: DatabaseSync, { path, migrations }: { path: string; migrations: readonly string[] }): void {
  const version = readPragma(db, 'user_version');
  if (version > migrations.length)
    throw new NearlightError(
      'NL_STORE',
      `${path} has version ${version}, and this program knows ${migrations.length}; start the newer program again, or choose another STORE_DIR`,
    );
  migrations.slice(version).forEach((step, index) => {
    // A failed step leaves the version before it, and the file usable by the older program.
    inTransaction(db, () => {
      db.exec(step);
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${version + index + 1}`);
    });
  });
}

/** Runs `body` in a transaction, which is undone if anything fails. */
export function inTransaction<T>(db: DatabaseSync, body: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = body();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite itself has undone it after some errors.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** Empties the write-ahead log and gives free pages back to the disk. */
export function shrink(db: DatabaseSync): void {
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  for (let free = readPragma(db, 'freelist_count'); free > 0; ) {
    db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES}); PRAGMA wal_checkpoint(TRUNCATE)`);
    const left = readPragma(db, 'freelist_count');
    if (left >= free) return;
    free = left;
  }
}
