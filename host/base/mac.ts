import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs';

const KEY_BYTES = 32;
/** First bytes of everything sealed. They change when the layout does: tag, then content. */
const MAGIC = Buffer.from('NLSEAL1\n');
const TAG_BYTES = 32;
/** How many bytes a seal adds to what it protects. */
export const SEAL_BYTES = MAGIC.length + TAG_BYTES;
/** How often to read a key that other processes create or replace at the same time. */
const TRIES_MAX = 8;

/** Protects bytes against changes by anyone who does not know a secret key (HMAC-SHA-256, RFC 2104). */
export class Sealer {
  readonly #key: Buffer;

  /** @param key the secret, KEY_BYTES bytes */
  constructor(key: Buffer) {
    this.#key = key;
  }

  /**
   * Returns the bytes with a seal before them.
   * @param context what the bytes are for, such as their purpose and name; the seal is valid for this context only
   */
  seal(bytes: Uint8Array, context: string): Buffer {
    return Buffer.concat([MAGIC, this.#tag(bytes, context), bytes]);
  }

  /**
   * Returns the bytes that seal() was given, or undefined if the seal is missing or wrong, or was made with another key or for
   * another context. The result is a view of `sealed`.
   */
  open(sealed: Uint8Array, context: string): Uint8Array | undefined {
    if (sealed.length < SEAL_BYTES || !MAGIC.equals(sealed.subarray(0, MAGIC.length))) return undefined;
    const bytes = sealed.subarray(SEAL_BYTES);
    return timingSafeEqual(sealed.subarray(MAGIC.length, SEAL_BYTES), this.#tag(bytes, context)) ? bytes : undefined;
  }

  #tag(bytes: Uint8Array, context: string): Buffer {
    // The length in front of the context keeps its end apart from the first bytes.
    const name = Buffer.from(context);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(name.length);
    return createHmac('sha256', this.#key).update(MAGIC).update(length).update(name).update(bytes).digest();
  }
}

/**
 * The file of a secret key that only its owner can read. It is created when it is first needed. To replace the key, delete the
 * file: whatever was sealed before is then no longer valid.
 */
export class KeyFile {
  readonly #path: string;
  #known: { identity: string; sealer: Sealer } | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Returns a sealer with the key that is in the file now. Creates the file if it is missing. Replaces it if another user can
   * read it or may have written it, because its key is then not secret.
   * @param warn called with the reason if an unsafe key file is replaced
   * @throws Error of the file system, such as ENOSPC
   */
  current(warn: (message: string) => void): Sealer {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const entry = lstatSync(this.#path, { throwIfNoEntry: false });
      if (entry && this.#known?.identity === identityOf(entry)) return this.#known.sealer;
      const problem = entry && problemOf(entry);
      if (problem !== undefined) warn(`${this.#path} ${problem}: it is replaced by a new key`);
      if (!entry || problem !== undefined) this.#create(entry !== undefined);
      else this.#read();
    }
    throw new Error(`the key ${this.#path} keeps changing`);
  }

  #read(): void {
    let file: number;
    try {
      file = openSync(this.#path, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    try {
      const entry = fstatSync(file);
      if (problemOf(entry) === undefined)
        this.#known = { identity: identityOf(entry), sealer: new Sealer(readFileSync(file)) };
    } finally {
      closeSync(file);
    }
  }

  /** Writes a new key. It appears whole, and without `replace` only if no other process has created one meanwhile. */
  #create(replace: boolean): void {
    const temporary = `${this.#path}.${process.pid}.${randomBytes(4).toString('hex')}`;
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeFileSync(file, randomBytes(KEY_BYTES));
      fsyncSync(file);
      if (replace) renameSync(temporary, this.#path);
      else linkSync(temporary, this.#path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      closeSync(file);
      rmSync(temporary, { force: true });
    }
  }
}

/** Why a key file cannot be trusted; undefined if it can. */
function problemOf(entry: Stats): string | undefined {
  if (!entry.isFile()) return 'is not a file';
  if (entry.uid !== process.getuid?.()) return 'belongs to another user';
  if ((entry.mode & 0o077) !== 0) return 'can be read by other users';
  if (entry.size !== KEY_BYTES) return `does not have ${KEY_BYTES} bytes`;
  return undefined;
}

/** Tells one state of a file from every other. */
function identityOf({ dev, ino, mode, uid, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev} ${ino} ${mode} ${uid} ${size} ${mtimeMs} ${ctimeMs}`;
}
