import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { settings } from '../../base/config.ts';
import { NearlightError } from '../../base/errors.ts';
import type { LoadOptions } from '../engine.ts';
import { guestCommand } from './build.ts';
import { compile, levels } from './compiler.ts';

const magic = Buffer.from('NLNATIVE');
const headerBytes = magic.length + 32;
const abandonedMs = 3_600_000;

/** Gives a module's native code; undefined where it cannot be asked. @throws NearlightError what the compiler says of the module */
export type RemoteCompiler = (module: Uint8Array) => Promise<Uint8Array | undefined>;

type Options = Pick<LoadOptions, 'limits' | 'log'>;

interface Found {
  code: Uint8Array;
  /** Resolves when nothing of it is being written any more. */
  stored: Promise<void>;
}

/**
 * Native code of modules, one file each, named by the hash of all that decides its contents. A file holds the hash of
 * its code too, which is checked over the whole of it at every load: a damaged entry is made anew.
 */
export class CompileCache {
  private readonly dir: string;
  private readonly remote: RemoteCompiler | undefined;
  private readonly bytesMax: number;
  private readonly running = new Map<string, Promise<Uint8Array>>();
  private ready: Promise<void> | undefined;

  /**
   * @param dir folder; empty for ~/.cache/nearlight
   * @param remote who compiles and writes the cache in this one's place, which then only reads
   * @param bytesMax size of the whole; entries that were used longest ago go first (CACHE_BYTES_MAX)
   */
  constructor(dir: string, remote?: RemoteCompiler, bytesMax: number = settings.cacheBytesMax.default) {
    this.remote = remote;
    this.bytesMax = bytesMax;
    this.dir = dir || join(homedir(), '.cache', 'nearlight');
  }

  /**
   * The native code of a checked module, compiled where the cache lacks it. Callers that ask at once share one run.
   * @throws NearlightError NL_COMPILE, NL_MODULE_INVALID, NL_SETTING for a folder that others can write to
   */
  async native(module: Uint8Array, options: Options): Promise<Uint8Array> {
    await this.prepare();
    const hash = createHash('sha256').update(module);
    const key = hash.update(await compilerIdentity()).digest('hex');
    const running = this.running.get(key);
    if (running) return running;
    const found = this.find(key, module, options);
    const code = found.then((entry) => entry.code);
    this.running.set(key, code);
    // Until it is stored: who asks in between shares it as well.
    void found
      .then((entry) => entry.stored)
      .catch(() => {})
      .finally(() => this.running.delete(key));
    return code;
  }

  /** The file of an entry. */
  path(key: string): string {
    return join(this.dir, `${key}.native`);
  }

  /**
   * Makes the folder and finds out what compiles here, which saves the first native() some 20 ms.
   * @throws NearlightError NL_SETTING, NL_NO_WASMEDGE
   */
  async prepare(): Promise<void> {
    this.ready ??= this.open();
    await this.ready;
    await compilerIdentity();
  }

  private async open(): Promise<void> {
    if (!this.remote) await mkdir(this.dir, { recursive: true, mode: 0o700 });
    // A cache that is only read may not be there yet.
    const folder = await stat(this.dir).catch((error: Error) => {
      if (!this.remote) throw error;
    });
    if (folder && (folder.uid !== process.getuid!() || folder.mode & 0o022))
      throw new NearlightError('NL_SETTING', `CACHE_DIR=${this.dir} belongs to, or can be written by, another user`);
    if (!this.remote) await this.sweep();
  }

  /** Takes away what hosts that died while they wrote have left. */
  private async sweep(): Promise<void> {
    for (const name of await readdir(this.dir)) {
      if (!/\.native\.[0-9a-f-]{36}$/.test(name)) continue;
      const path = join(this.dir, name);
      const file = await stat(path).catch(() => undefined);
      if (file && Date.now() - file.mtimeMs > abandonedMs) await rm(path, { force: true });
    }
  }

  private async find(key: string, module: Uint8Array, options: Options): Promise<Found> {
    const path = this.path(key);
    const entry = readEntry(path);
    const stored = Promise.resolve();
    if (entry && intact(entry)) {
      if (!this.remote) void utimes(path, new Date(), new Date()).catch(() => {});
      return { code: entry.subarray(headerBytes), stored };
    }
    if (entry) options.log('warn', `the compile cache's entry ${path} is damaged: compiling again`);
    if (this.remote) return { code: await this.ask(this.remote, module, options), stored };
    if (entry) await rm(path, { force: true });
    const code = await this.compile(module, options);
    // A sync can take seconds on a busy disk, and the room need not wait for it.
    return { code, stored: this.keep(path, code, options) };
  }

  private async ask(remote: RemoteCompiler, module: Uint8Array, options: Options): Promise<Uint8Array> {
    const code = await remote(module);
    if (code) return code;
    options.log('warn', 'the compiler of this node does not answer: compiling here, for this time only');
    return this.compile(module, options);
  }

  /** Never throws: code that cannot be kept is compiled again the next time. */
  private async keep(path: string, code: Uint8Array, options: Options): Promise<void> {
    try {
      if (headerBytes + code.length > this.bytesMax) throw new Error(`CACHE_BYTES_MAX is ${this.bytesMax}`);
      await store(path, code);
      await this.evict();
    } catch (error) {
      options.log('warn', `compiled code cannot be kept in ${this.dir}: ${(error as Error).message}`);
    }
  }

  /** Takes away what was used longest ago, until the rest fits. A host that reads an entry has it open. */
  private async evict(): Promise<void> {
    const names = (await readdir(this.dir)).filter((name) => name.endsWith('.native'));
    const entries = await Promise.all(
      names.map(async (name) => {
        const path = join(this.dir, name);
        const file = await stat(path).catch(() => undefined);
        return { path, bytes: file?.size ?? 0, usedMs: Math.max(file?.atimeMs ?? 0, file?.mtimeMs ?? 0) };
      }),
    );
    let bytes = 0;
    for (const entry of entries.sort((a, b) => b.usedMs - a.usedMs)) {
      bytes += entry.bytes;
      if (bytes > this.bytesMax) await rm(entry.path, { force: true });
    }
  }

  private async compile(module: Uint8Array, options: Options): Promise<Uint8Array> {
    const folder = await mkdtemp(join(tmpdir(), 'nearlight-compile-'));
    try {
      return await compile(module, { command: guestCommand(), folder, ...options });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** Whole or not at all, whatever stops in between. */
async function store(path: string, code: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    const entry = Buffer.concat([magic, createHash('sha256').update(code).digest(), code]);
    await writeFile(temporary, entry, { mode: 0o600, flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** At once: a pod's start waits for it, and each step of an asynchronous read waits for a worker. */
function readEntry(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function intact(entry: Buffer): boolean {
  if (entry.length <= headerBytes || !entry.subarray(0, magic.length).equals(magic)) return false;
  const hash = createHash('sha256').update(entry.subarray(headerBytes)).digest();
  return hash.equals(entry.subarray(magic.length, headerBytes));
}

let version: Promise<string> | undefined;
let identity: Promise<string> | undefined;

/**
 * The version of WasmEdge that the guest program runs on, such as "0.14.1".
 * @throws NearlightError NL_NO_WASMEDGE
 */
export async function wasmEdgeVersion(): Promise<string> {
  return (await libraries()).split('\n')[0]!;
}

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

/** All besides the module that decides what native code comes out: WasmEdge, LLVM, options and this CPU. */
function compilerIdentity(): Promise<string> {
  identity ??= (async () => {
    const [name, ...paths] = (await libraries()).split('\n');
    const files = await Promise.all(
      paths.map(async (path) => {
        const { size, mtimeMs } = await stat(path);
        return [path, size, mtimeMs];
      }),
    );
    const cpu = (await readFile('/proc/cpuinfo', 'utf8')).split('\n\n')[0]!;
    const features = cpu
      .split('\n')
      .filter((line) => /^(model name|flags|Features|CPU (part|implementer))\s*:/.test(line));
    return JSON.stringify([name, files, levels, features]);
  })();
  return identity;
}
