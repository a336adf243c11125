import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NearlightError } from '../../base/errors.ts';

const DIGEST_BYTES = 32;
const CHECKSUM_BYTES = 32;
const RECORD_BYTES = DIGEST_BYTES + CHECKSUM_BYTES;
/** When the file has this many verdicts, the older half is dropped. */
const VERDICTS_MAX = 65_536;
/** Others must not be able to write to the file or its folder. */
const FOREIGN_WRITE = 0o022;
const APPEND = constants.O_APPEND | constants.O_CREAT;

export interface VerdictFileOptions {
  /** Folder of the file; empty for ~/.cache/nearlight. */
  folder: string;
  /** Tells the GPU and its driver apart from others; see driverIdentity. */
  identity: string;
  /** Whether this process adds verdicts to the file. */
  writable: boolean;
  /**
   * Whether the file stays open once it exists, for a process that reads it and will lose the right to open it. Another process
   * may replace the file later; this one then goes on with the old one.
   */
  keepsOpen?: boolean;
}

/**
 * The shaders and pipelines that were tried on one GPU driver and are harmless, as a file of digests. Each has a checksum, which
 * tells a damaged record apart. Only the user who owns the file, or root, can write to it. Several processes may use the file. It
 * only grows, so that reading the new end is enough to learn what others have added.
 */
export class VerdictFile {
  readonly #path: string;
  readonly #folder: string;
  readonly #writable: boolean;
  readonly #keepsOpen: boolean;
  /** The checksums by their digests. A checksum is compared when its digest is looked up. */
  readonly #checksums = new Map<string, Buffer>();
  /** Bytes of the file that were read, and the file's inode. */
  #read = 0;
  #inode = 0;
  /** Descriptor of the file that stays open; undefined if none does. */
  #kept: number | undefined;

  /** @throws NearlightError NL_SETTING if another user can write to the folder */
  constructor({ folder, identity, writable, keepsOpen = false }: VerdictFileOptions) {
    this.#folder = folder || join(homedir(), '.cache', 'nearlight');
    this.#path = join(this.#folder, `shaders-${identity.slice(0, 16)}.verdicts`);
    this.#writable = writable;
    this.#keepsOpen = keepsOpen;
    if (writable) createFolder(this.#folder);
    const found = statSync(this.#folder, { throwIfNoEntry: false });
    if (found && !isOwn(found))
      throw new NearlightError(
        'NL_SETTING',
        `CACHE_DIR=${this.#folder} belongs to another user, or another user can write to it; choose a folder of your own`,
      );
    this.#load();
  }

  /** Whether the file says that what this digest describes is harmless. */
  has(digest: string): boolean {
    if (!this.#checksums.has(digest)) this.#load();
    const found = this.#checksums.get(digest);
    return found?.equals(checksum(Buffer.from(digest, 'base64'))) ?? false;
  }

  /** Adds a digest to the file. @throws Error of the file system */
  add(digest: string): void {
    if (!this.#writable || this.has(digest)) return;
    const bytes = Buffer.from(digest, 'base64');
    const record = Buffer.concat([bytes, checksum(bytes)]);
    this.#checksums.set(digest, record.subarray(DIGEST_BYTES));
    if (this.#checksums.size > VERDICTS_MAX) this.#halve();
    const file = this.#open(APPEND | constants.O_WRONLY);
    try {
      // A record that another process could not write to its end, on a full disk, would shift all that follow.
      const { size } = fstatSync(file);
      if (size % RECORD_BYTES !== 0) ftruncateSync(file, size - (size % RECORD_BYTES));
      writeSync(file, record);
    } finally {
      this.#close(file);
    }
  }

  /** Opens the file. Where this process may not do so, returns the descriptor that stays open. @throws Error of open(2) */
  #open(flags: number): number {
    try {
      return openSync(this.#path, flags | constants.O_NOFOLLOW, 0o600);
    } catch (error) {
      if (this.#kept === undefined) throw error;
      return this.#kept;
    }
  }

  /** Opens the file, or returns undefined if it cannot be opened. */
  #openQuietly(flags: number): number | undefined {
    try {
      return this.#open(flags);
    } catch {
      return undefined;
    }
  }

  #close(file: number): void {
    if (file !== this.#kept) closeSync(file);
  }

  /** Reads what was added to the file since the last time. */
  #load(): void {
    const file = this.#openQuietly(constants.O_RDONLY);
    if (file === undefined) return;
    if (this.#keepsOpen) this.#kept ??= file;
    try {
      const found = fstatSync(file);
      if (!isOwn(found) || found.size > 2 * VERDICTS_MAX * RECORD_BYTES) return;
      if (found.ino !== this.#inode) this.#read = 0;
      this.#inode = found.ino;
      const bytes = Buffer.alloc(Math.floor((found.size - this.#read) / RECORD_BYTES) * RECORD_BYTES);
      readSync(file, bytes, 0, bytes.length, this.#read);
      this.#read += bytes.length;
      for (let at = 0; at < bytes.length; at += RECORD_BYTES)
        this.#checksums.set(
          bytes.toString('base64', at, at + DIGEST_BYTES),
          bytes.subarray(at + DIGEST_BYTES, at + RECORD_BYTES),
        );
    } finally {
      this.#close(file);
    }
  }

  /** Replaces the file by one with the newer half of the verdicts. */
  #halve(): void {
    const newer = [...this.#checksums].slice(VERDICTS_MAX / 2);
    const temporary = `${this.#path}.${process.pid}`;
    const { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = constants;
    const file = openSync(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
    try {
      writeSync(file, Buffer.concat(newer.flatMap(([digest, sum]) => [Buffer.from(digest, 'base64'), sum])));
      renameSync(temporary, this.#path);
    } finally {
      closeSync(file);
      rmSync(temporary, { force: true });
    }
    this.#checksums.clear();
    this.#read = 0;
    this.#inode = 0;
    this.#load();
  }
}

/** Creates a folder. Does nothing if that fails, as on a read-only disk: add() reports that later. */
function createFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch {}
}

/** Whether only this process's user, or root, can write to a file. */
function isOwn({ uid, mode }: { uid: number; mode: number }): boolean {
  return (uid === 0 || uid === process.getuid?.()) && (mode & FOREIGN_WRITE) === 0;
}

function checksum(digest: Uint8Array): Uint8Array {
  return createHash('sha256').update('nearlight verdict').update(digest).digest();
}
