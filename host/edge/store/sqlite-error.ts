/** An error of SQLite, as node:sqlite reports it. */
interface SqliteError extends Error {
  /** Extended result code (https://www.sqlite.org/rescode.html). */
  errcode: number;
}

const PRIMARY_MASK = 0xff;
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

/** Returns SQLite's primary result code of an error; 0 if it is another error. */
function resultCode(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? (error as SqliteError).errcode & PRIMARY_MASK : 0;
}

/** Whether the disk is full, or the file has the largest size that it may have. */
export function isFull(error: unknown): boolean {
  return resultCode(error) === SQLITE_FULL;
}

export function isCorrupt(error: unknown): boolean {
  return [SQLITE_CORRUPT, SQLITE_NOTADB].includes(resultCode(error)) || error instanceof DamageError;
}

/** Whether another process holds the file. */
export function isBusy(error: unknown): boolean {
  return resultCode(error) === SQLITE_BUSY;
}

/** A file that SQLite can open, but whose structure is damaged. */
export class DamageError extends Error {}
