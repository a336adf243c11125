import {
  existsSync,
  type FSWatcher,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type CompileService, type CompileServiceOptions, serveCompiler } from './compile.ts';
import { parseClaim, type RunPaths } from './paths.ts';
import { forget, list, Pool, type PoolOptions } from './pool.ts';
import { isAlive, ownIdentity, read, startedAt } from './process.ts';

/** A look at everything, beside being told of claims. */
const POLL_MS = 2000;
/** The start of a pod takes less. */
const REFILL_AFTER_MS = 300;
/** Logs of dead hosts that are kept, to see what they died of. */
const LOGS_MAX = 16;

export interface KeeperOptions extends PoolOptions, Pick<CompileServiceOptions, 'native' | 'moduleBytesMax'> {}

export interface Keeper {
  /** Resolves when another keeper has taken this one's place; its hosts go on then. */
  readonly replaced: Promise<void>;
  /** Ends the hosts that nobody has taken, unless another keeper has them now. */
  close(): Promise<void>;
}

/**
 * Keeps hosts waiting and compiles for all of them, the one process of a node that does so; undefined where another does.
 * It goes on where the run folder is emptied or its disk is full: says so, and tries again.
 * @throws Error where the run folder cannot be made
 */
export async function startKeeper(options: KeeperOptions): Promise<Keeper | undefined> {
  makeFolders(options.paths);
  if (!lock(options.paths)) return undefined;
  const keeper = new RunningKeeper(options);
  await keeper.look();
  return keeper;
}

class RunningKeeper implements Keeper {
  readonly replaced: Promise<void>;
  readonly #options: KeeperOptions;
  readonly #pool: Pool;
  readonly #timer: NodeJS.Timeout;
  #service: CompileService | undefined;
  #watched: { watcher: FSWatcher; inode: number } | undefined;
  #looking = false;
  #closed = false;
  #said = '';
  #replace!: () => void;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#pool = new Pool(options);
    this.replaced = new Promise((resolve) => {
      this.#replace = resolve;
    });
    this.#timer = setInterval(() => void this.look(), POLL_MS);
  }

  async look(): Promise<void> {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    const { paths, log } = this.#options;
    try {
      makeFolders(paths);
      if (!lock(paths)) return this.#giveWay();
      rmSync(paths.keeperLock, { force: true });
      this.#watch();
      await this.#listen();
      sweep(paths);
      this.#said = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#said) log('error', `the run folder cannot be kept: ${message}; trying again`);
      this.#said = message;
    } finally {
      this.#looking = false;
    }
    if (!this.#closed) this.#pool.check();
  }

  async close(): Promise<void> {
    const { paths } = this.#options;
    if (!this.#closed) {
      this.#stop();
      await this.#pool.close();
    }
    await this.#service?.close();
    if (read(paths.keeperPid) === ownIdentity()) rmSync(paths.keeperPid, { force: true });
  }

  #stop(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#pool.stop();
    this.#watched?.watcher.close();
  }

  #giveWay(): void {
    this.#options.log('warn', `another keeper runs (${this.#options.paths.keeperPid}): this one ends`);
    this.#stop();
    this.#replace();
  }

  #watch(): void {
    const { claim } = this.#options.paths;
    const inode = statSync(claim).ino;
    if (this.#watched?.inode === inode) return;
    this.#watched?.watcher.close();
    const watcher = watch(claim, (_, name) => {
      this.#pool.claimed(Number(name));
      // Not at once: the pod that took a host is starting now, and wants the processor for itself.
      setTimeout(() => this.#closed || this.#pool.check(), REFILL_AFTER_MS).unref();
    });
    // The next look finds out what has become of the folder.
    watcher.on('error', () => {});
    this.#watched = { watcher, inode };
  }

  async #listen(): Promise<void> {
    const { paths, native, moduleBytesMax } = this.#options;
    if (this.#service && existsSync(paths.keeperSocket)) return;
    const previous = this.#service;
    this.#service = undefined;
    await previous?.close();
    this.#service = await serveCompiler({ socket: paths.keeperSocket, native, moduleBytesMax });
  }
}

function makeFolders({ warm, claim, host, pod, state, log }: RunPaths): void {
  for (const folder of [warm, claim, host, pod, state, log]) mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** Whether this is the keeper of the run folder, now or from now on. The file appears whole, and to one only. */
function lock({ keeperPid }: RunPaths): boolean {
  const own = ownIdentity();
  const current = read(keeperPid);
  if (current === own) return true;
  if (isAlive(current)) return false;
  const mine = `${keeperPid}.${process.pid}`;
  try {
    if (existsSync(keeperPid)) {
      renameSync(keeperPid, mine);
      // Between the look and the move, another keeper may have come.
      if (isAlive(read(mine))) linkSync(mine, keeperPid);
    }
    writeFileSync(mine, own, { mode: 0o600 });
    linkSync(mine, keeperPid);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Takes away what dead hosts have left, but for what `delete` still reads: it asks for those that somebody was served by. */
function sweep(paths: RunPaths): void {
  const served = new Set(
    list(paths.pod).flatMap((namespace) =>
      list(join(paths.pod, namespace)).map((id) => Number(read(join(paths.pod, namespace, id)).split(' ')[0])),
    ),
  );
  const named = [paths.warm, paths.claim, paths.state, paths.host]
    .flatMap(list)
    .map((name) => Number.parseInt(name, 10));
  for (const pid of new Set(named)) if (!served.has(pid) && startedAt(pid) === undefined) forget(paths, pid);
  for (const name of list(paths.claim)) if (isStale(paths, name)) rmSync(join(paths.claim, name), { force: true });
  const dead = list(paths.log).filter((name) => /^\d+\.log$/.test(name) && !startedAt(Number.parseInt(name, 10)));
  const age = (name: string) => statSync(join(paths.log, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  dead.sort((a, b) => age(b) - age(a));
  for (const name of dead.slice(LOGS_MAX)) rmSync(join(paths.log, name), { force: true });
}

/** A claim on a process that had the number before. One that is not whole is being written. */
function isStale({ claim }: RunPaths, name: string): boolean {
  const found = parseClaim(read(join(claim, name)));
  return found !== undefined && found.started !== startedAt(Number(name));
}
