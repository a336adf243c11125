import { createHash, randomUUID } from 'node:crypto';
import { lstatSync, readFileSync, type Stats, utimesSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { settings } from '../../base/config.ts';
import { NearlightError } from '../../base/errors.ts';
import { losses } from '../../base/losses.ts';
import { KeyFile, SEAL_BYTES, type Sealer } from '../../base/mac.ts';
import { adviceFor } from '../../base/system-error.ts';
import { type Addon, loadAddon } from './addon.ts';
import { compilerIdentity } from './identity.ts';
import { type CodeSource, type CompileOptions, compileLocally } from './local.ts';
import { reopened, type SealedCode } from './sealed.ts';
import { VerifiedCode } from './verified.ts';

/** A temporary file in the compile cache that is this old was left by a host that died while it wrote the file. */
const ABANDONED_MS = 3_600_000;
/** How far the time of an entry's last use may lie in the past before it is written to the file. */
const TOUCH_MS = 60_000;
/** Name of the file in the cache's folder that holds the key with which entries are sealed. */
const KEY_NAME = 'key';

interface Made {
  code: Uint8Array;
  /** Resolves when the code has been written to the compile cache on disk, or writing has failed. */
  stored: Promise<void>;
}

export interface CacheOptions {
  /** Size of the folder (CACHE_BYTES_MAX); if it is exceeded, the least recently used entries are deleted. */
  bytesMax?: number;
  /** How much checked code findSealed() keeps in memory; by default none. */
  memoryBytesMax?: number;
  /** Compiles a module that is not in the cache; by default on this machine. */
  compile?: typeof compileLocally;
}

/** How often a cache had a module, and how often not. */
export interface CacheCounts {
  hits: number;
  misses: number;
  /** Number of entries whose seal was wrong, so that they were not used. */
  rejected: number;
}

/**
 * A folder of compiled modules, one file of native code each. The file's name is a hash of everything that determines the code.
 * Each file carries a seal over its name and the code, made with a key that only the folder's owner can read, because the
 * code of a forged entry would run with the rights of the process that loads it. An entry whose seal is wrong is never loaded: the module is compiled again.
 */
export class CompileCache implements CodeSource {
  readonly counts: CacheCounts = { hits: 0, misses: 0, rejected: 0 };
  readonly #dir: string;
  readonly #bytesMax: number;
  readonly #compile: typeof compileLocally;
  readonly #running = new Map<string, Promise<Uint8Array>>();
  readonly #key: KeyFile;
  readonly #verified: VerifiedCode;
  #ready: Promise<void> | undefined;
  /** Whether the log has said that compiled code cannot be stored. */
  #warned = false;

  /** @param dir folder of the compile cache; empty for ~/.cache/nearlight */
  constructor(dir: string, options: CacheOptions = {}) {
    const { bytesMax = settings.cacheBytesMax.default, memoryBytesMax = 0, compile = compileLocally } = options;
    this.#bytesMax = bytesMax;
    this.#compile = compile;
    this.#verified = new VerifiedCode(memoryBytesMax);
    this.#dir = dir || join(homedir(), '.cache', 'nearlight');
    this.#key = new KeyFile(join(this.#dir, KEY_NAME));
  }

  /**
   * Returns the native code of a checked module, and compiles it if the cache does not have it.
   * @throws NearlightError NL_COMPILE, NL_CONFINEMENT, NL_MODULE_INVALID, NL_SETTING if another user can write to the folder
   */
  async native(module: Uint8Array, options: CompileOptions): Promise<Uint8Array> {
    return (await this.find(module, options)) ?? this.make(module, options);
  }

  /**
   * Returns the native code of a module if the cache has it. Nothing but a module that was checked and compiled is in the
   * cache, so the module need not be checked before this call.
   * @throws NearlightError NL_SETTING if another user can write to the folder, NL_NO_WASMEDGE
   */
  async find(module: Uint8Array, { log }: Pick<CompileOptions, 'log'>): Promise<Uint8Array | undefined> {
    return this.#find(module, (key, found, sealer) => this.#read(key, found, sealer), log);
  }

  /**
   * Like find(), and returns the code in sealed memory, which other processes can map. Code that was found before need not be
   * read or checked again, as long as its file has not changed.
   */
  async findSealed(module: Uint8Array, { log }: Pick<CompileOptions, 'log'>): Promise<SealedCode | undefined> {
    const addon = await loadAddon();
    return this.#find(module, (key, found, sealer) => this.#readSealed(addon, key, found, sealer), log);
  }

  /**
   * Compiles a checked module and stores its native code. Concurrent calls for the same module share one compilation.
   * @throws NearlightError NL_COMPILE, NL_MODULE_INVALID, NL_SETTING
   */
  async make(module: Uint8Array, options: CompileOptions): Promise<Uint8Array> {
    await this.prepare();
    const key = keyOf(module, await compilerIdentity());
    const running = this.#running.get(key);
    if (running) return running;
    const made = this.#make(key, module, options);
    const code = made.then((entry) => entry.code);
    this.#running.set(key, code);
    // The result stays in #running until it is on disk, so that calls in between share it.
    void made
      .then((entry) => entry.stored)
      .catch(() => {})
      .finally(() => this.#running.delete(key));
    return code;
  }

  /** Path of the file that holds the native code with this key. */
  path(key: string): string {
    return join(this.#dir, `${key}.native`);
  }

  /**
   * Creates the folder of the cache and queries the version of WasmEdge. This saves the first call of native() some 20 ms.
   * @throws NearlightError NL_SETTING, NL_NO_WASMEDGE
   */
  async prepare(): Promise<void> {
    this.#ready ??= this.#open().catch((error) => {
      this.#ready = undefined;
      throw error;
    });
    await this.#ready;
    await compilerIdentity();
  }

  async #open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
      const detail = `CACHE_DIR=${this.#dir} cannot be made (${cause.code}): ${adviceFor(cause.code)}`;
      throw new NearlightError('NL_SETTING', detail, { cause });
    });
    const folder = await stat(this.#dir);
    if (folder.uid !== process.getuid?.() || folder.mode & 0o022)
      throw new NearlightError(
        'NL_SETTING',
        `CACHE_DIR=${this.#dir} belongs to another user, or another user can write to it; choose a folder of your own`,
      );
    await this.#sweep();
  }

  /** Deletes the temporary files of hosts that died while they wrote to the cache. */
  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#dir)) {
      if (!/\.native\.[0-9a-f-]{36}$|^key\.\d+\.[0-9a-f]{8}$/.test(name)) continue;
      const path = join(this.#dir, name);
      const file = await stat(path).catch(() => undefined);
      if (file && Date.now() - file.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
    }
  }

  /** Reads the entry of a module with one of the functions below, and counts the result. */
  async #find<Code>(
    module: Uint8Array,
    read: (key: string, found: Stats, sealer: Sealer) => Code | undefined,
    log: CompileOptions['log'],
  ): Promise<Code | undefined> {
    await this.prepare();
    const key = keyOf(module, await compilerIdentity());
    const path = this.path(key);
    const found = this.#running.has(key) ? undefined : lstatSync(path, { throwIfNoEntry: false });
    const sealer = found && this.#sealer(log);
    const code = sealer && read(key, found, sealer);
    this.counts[code ? 'hits' : 'misses']++;
    if (code && Date.now() - found.mtimeMs > TOUCH_MS) this.#touch(key);
    if (code || !found) return code;
    this.counts.rejected++;
    log(
      'warn',
      `the entry ${path} of the compile cache is damaged, or was not made with this cache's key: compiling the module again`,
    );
    return undefined;
  }

  /** Returns the code of an entry whose seal is right. */
  #read(key: string, found: Stats, sealer: Sealer): Uint8Array | undefined {
    // An entry of another kind, such as a FIFO, or of another size is not one that this cache has written.
    const isOurs = found.isFile() && found.size > SEAL_BYTES && found.size <= this.#bytesMax;
    return isOurs ? sealer.open(readEntry(this.path(key)), contextOf(key)) : undefined;
  }

  #readSealed(addon: Addon, key: string, found: Stats, sealer: Sealer): SealedCode | undefined {
    const file = stateOf(found);
    const known = this.#verified.get(key, file, sealer);
    if (known) return reopened(known);
    const code = this.#read(key, found, sealer);
    if (!code) return undefined;
    const made = { fd: addon.sealed(code), bytes: code.length };
    const own = reopened(made);
    this.#verified.put(key, { file, sealer, code: made });
    return own;
  }

  /** Notes that an entry was used. */
  #touch(key: string): void {
    const path = this.path(key);
    try {
      utimesSync(path, new Date(), new Date());
      this.#verified.touched(key, stateOf(lstatSync(path)));
    } catch {
      // The entry was deleted meanwhile, or its disk is read-only.
    }
  }

  /** Returns a sealer with the cache's key; undefined if the key can be neither read nor written. */
  #sealer(log: CompileOptions['log']): Sealer | undefined {
    try {
      return this.#key.current((message) => log('warn', message));
    } catch (error) {
      log('warn', `the key of the compile cache cannot be used: ${(error as Error).message}`);
      return undefined;
    }
  }

  async #make(key: string, module: Uint8Array, options: CompileOptions): Promise<Made> {
    const path = this.path(key);
    // The entry was not used, so it is missing or its seal is wrong.
    await rm(path, { force: true, recursive: true });
    const code = await this.#compile(module, options);
    // Flushing the cache file can take seconds on a busy disk, so the start of the game does not wait for it.
    return { code, stored: this.#keep(key, code, options) };
  }

  /** Stores native code in the cache. Never throws: if that fails, the module is compiled again next time. */
  async #keep(key: string, code: Uint8Array, { log }: CompileOptions): Promise<void> {
    try {
      if (SEAL_BYTES + code.length > this.#bytesMax) throw new Error(`it exceeds CACHE_BYTES_MAX, ${this.#bytesMax}`);
      const sealer = this.#key.current((message) => log('warn', message));
      await store(this.path(key), sealer.seal(code, contextOf(key)));
      await this.#evict();
    } catch (error) {
      losses.cache++;
      const { code: cause, message } = error as NodeJS.ErrnoException;
      const advice = cause === undefined ? '' : ` (${adviceFor(cause)})`;
      if (!this.#warned) log('warn', `compiled code cannot be stored in ${this.#dir}: ${message}${advice}`);
      this.#warned = true;
    }
  }

  /** Deletes the least recently used entries until the cache fits its limit. A host that reads an entry has its file open. */
  async #evict(): Promise<void> {
    const names = (await readdir(this.#dir)).filter((name) => name.endsWith('.native'));
    const entries = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#dir, name);
        const file = await stat(path).catch(() => undefined);
        return { path, bytes: file?.size ?? 0, usedMs: Math.max(file?.atimeMs ?? 0, file?.mtimeMs ?? 0) };
      }),
    );
    let bytes = 0;
    for (const entry of entries.sort((a, b) => b.usedMs - a.usedMs)) {
      bytes += entry.bytes;
      if (bytes > this.#bytesMax) await rm(entry.path, { force: true });
    }
  }
}

function keyOf(module: Uint8Array, identity: string): string {
  return createHash('sha256').update(module).update(identity).digest('hex');
}

/** Tells a file from one that has replaced it, and one state of a file from another. */
function stateOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

/** The context of an entry's seal. It names the entry, so that no entry can take the place of another one. */
function contextOf(key: string): string {
  return `native code ${key}`;
}

/** Writes an entry of the cache to a temporary file and renames it, so that it appears complete or not at all. */
async function store(path: string, entry: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    await writeFile(temporary, entry, { mode: 0o600, flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Reads an entry of the cache synchronously: the start of a pod waits for it, and every step of an asynchronous read would
 * first wait for a worker thread. Returns no bytes if it cannot be read.
 */
function readEntry(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
