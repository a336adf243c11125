import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { must } from '../../base/assert.ts';
import { settings } from '../../base/config.ts';
import { NearlightError } from '../../base/errors.ts';
import { LAYERS, type Layer } from '../../base/layers.ts';
import type { LoadOptions } from '../engine.ts';
import { guestCommand } from './build.ts';
import { compile, LEVELS } from './compiler.ts';

/** First bytes of each file in the compile cache. The SHA-256 of the native code and the code itself follow. */
const MAGIC = Buffer.from('NLNATIVE');
const HEADER_BYTES = MAGIC.length + 32;
/** A temporary file in the compile cache that is this old was left by a host that died while it wrote the file. */
const ABANDONED_MS = 3_600_000;

/**
 * Has another process compile a module. Resolves with the native code, or with undefined if that process cannot be reached.
 * @throws NearlightError if the module cannot be compiled
 */
export type RemoteCompiler = (module: Uint8Array) => Promise<Uint8Array | undefined>;

type Options = Pick<LoadOptions, 'limits' | 'log'>;

interface CacheOptions {
  /** Compiles modules and fills the folder, which this object then only reads. */
  remote?: RemoteCompiler | undefined;
  /** Size of the folder (CACHE_BYTES_MAX). If it is exceeded, the least recently used entries are deleted. */
  bytesMax?: number | undefined;
  /** Layers of confinement without which no compiler runs; by default all of them. */
  required?: readonly Layer[];
}

interface Found {
  code: Uint8Array;
  /** Resolves when the code has been written to the compile cache on disk, or writing has failed. */
  stored: Promise<void>;
}

/**
 * A folder of compiled modules, one file of native code each. The file's name is a hash of everything that determines the code.
 * The file also contains a hash of the code, which is checked on every load; if it is wrong, the module is compiled again.
 */
export class CompileCache {
  readonly #dir: string;
  readonly #remote: RemoteCompiler | undefined;
  readonly #bytesMax: number;
  readonly #required: readonly Layer[];
  readonly #running = new Map<string, Promise<Uint8Array>>();
  #ready: Promise<void> | undefined;

  /**
   * @param dir folder of the compile cache; empty for ~/.cache/nearlight
   */
  constructor(
    dir: string,
    { remote, bytesMax = settings.cacheBytesMax.default, required = LAYERS }: CacheOptions = {},
  ) {
    this.#required = required;
    this.#remote = remote;
    this.#bytesMax = bytesMax;
    this.#dir = dir || join(homedir(), '.cache', 'nearlight');
  }

  /**
   * Returns the native code of a checked module, and compiles it if the cache does not have it. Concurrent calls for the
   * same module share one compilation.
   * @throws NearlightError NL_COMPILE, NL_CONFINEMENT, NL_MODULE_INVALID, NL_SETTING if another user can write to the folder
   */
  async native(module: Uint8Array, options: Options): Promise<Uint8Array> {
    await this.prepare();
    const hash = createHash('sha256').update(module);
    const key = hash.update(await compilerIdentity()).digest('hex');
    const running = this.#running.get(key);
    if (running) return running;
    const found = this.#find(key, module, options);
    const code = found.then((entry) => entry.code);
    this.#running.set(key, code);
    // The result stays in #running until it is on disk, so that calls in between share it.
    void found
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
    this.#ready ??= this.#open();
    await this.#ready;
    await compilerIdentity();
  }

  async #open(): Promise<void> {
    if (!this.#remote) await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    // If another process fills the cache, it may not have created the folder yet.
    const folder = await stat(this.#dir).catch((error: Error) => {
      if (!this.#remote) throw error;
    });
    if (folder && (folder.uid !== process.getuid?.() || folder.mode & 0o022))
      throw new NearlightError(
        'NL_SETTING',
        `CACHE_DIR=${this.#dir} belongs to another user, or another user can write to it; choose a folder of your own`,
      );
    if (!this.#remote) await this.#sweep();
  }

  /** Deletes the temporary files of hosts that died while they wrote to the cache. */
  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#dir)) {
      if (!/\.native\.[0-9a-f-]{36}$/.test(name)) continue;
      const path = join(this.#dir, name);
      const file = await stat(path).catch(() => undefined);
      if (file && Date.now() - file.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
    }
  }

  async #find(key: string, module: Uint8Array, options: Options): Promise<Found> {
    const path = this.path(key);
    const entry = readEntry(path);
    const stored = Promise.resolve();
    if (entry && intact(entry)) {
      if (!this.#remote) void utimes(path, new Date(), new Date()).catch(() => {});
      return { code: entry.subarray(HEADER_BYTES), stored };
    }
    if (entry) options.log('warn', `the entry ${path} of the compile cache is damaged: compiling the module again`);
    if (this.#remote) return { code: await this.#ask(this.#remote, module, options), stored };
    if (entry) await rm(path, { force: true });
    const code = await this.#compile(module, options);
    // Flushing the cache file can take seconds on a busy disk, so the start of the game does not wait for it.
    return { code, stored: this.#keep(path, code, options) };
  }

  async #ask(remote: RemoteCompiler, module: Uint8Array, options: Options): Promise<Uint8Array> {
    const code = await remote(module);
    if (code) return code;
    options.log('warn', "the node's compiler does not respond: compiling in this process, without storing the result");
    return this.#compile(module, options);
  }

  /** Stores native code in the cache. Never throws: if that fails, the module is compiled again next time. */
  async #keep(path: string, code: Uint8Array, options: Options): Promise<void> {
    try {
      if (HEADER_BYTES + code.length > this.#bytesMax) throw new Error(`it exceeds CACHE_BYTES_MAX, ${this.#bytesMax}`);
      await store(path, code);
      await this.#evict();
    } catch (error) {
      options.log('warn', `compiled code cannot be stored in ${this.#dir}: ${(error as Error).message}`);
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

  #compile(module: Uint8Array, options: Options): Promise<Uint8Array> {
    return compile(module, { command: guestCommand(), required: this.#required, ...options });
  }
}

/** Writes an entry of the cache to a temporary file and renames it, so that it appears complete or not at all. */
async function store(path: string, code: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    const entry = Buffer.concat([MAGIC, createHash('sha256').update(code).digest(), code]);
    await writeFile(temporary, entry, { mode: 0o600, flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Reads an entry of the cache synchronously: the start of a pod waits for it, and every step of an asynchronous read would
 * first wait for a worker thread. Returns undefined if there is no such entry.
 */
function readEntry(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function intact(entry: Buffer): boolean {
  if (entry.length <= HEADER_BYTES || !entry.subarray(0, MAGIC.length).equals(MAGIC)) return false;
  const hash = createHash('sha256').update(entry.subarray(HEADER_BYTES)).digest();
  return hash.equals(entry.subarray(MAGIC.length, HEADER_BYTES));
}

let version: Promise<string> | undefined;
let identity: Promise<string> | undefined;

/**
 * Returns the version of WasmEdge that the guest program uses, such as "0.14.1".
 * @throws NearlightError NL_NO_WASMEDGE
 */
export async function wasmEdgeVersion(): Promise<string> {
  const [name = ''] = (await libraries()).split('\n');
  return name;
}

/** Returns what `guest version` prints: the version of WasmEdge, then the path of every loaded library. */
function libraries(): Promise<string> {
  const [program, ...first] = guestCommand() as [string, ...string[]];
  version ??= promisify(execFile)(program, [...first, 'version']).then(
    ({ stdout }) => stdout.trim(),
    (error: Error) => {
      version = undefined;
      throw new NearlightError('NL_NO_WASMEDGE', `the guest program does not start: ${error.message.trim()}`);
    },
  );
  return version;
}

/** Describes all that determines native code, except the module: WasmEdge, LLVM, the optimization levels and this CPU. */
function compilerIdentity(): Promise<string> {
  identity ??= (async () => {
    const [name, ...paths] = (await libraries()).split('\n');
    const files = await Promise.all(
      paths.map(async (path) => {
        const { size, mtimeMs } = await stat(path);
        return [path, size, mtimeMs];
      }),
    );
    const cpu = must((await readFile('/proc/cpuinfo', 'utf8')).split('\n\n')[0], 'CPU in /proc/cpuinfo');
    const features = cpu
      .split('\n')
      .filter((line) => /^(model name|flags|Features|CPU (part|implementer))\s*:/.test(line));
    return JSON.stringify([name, files, LEVELS, features]);
  })();
  return identity;
}
