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
import type { HangReason } from './hang.ts';
import { KeeperMeters, keeperMetrics, serveMetrics } from './keeper-meters.ts';
import { parseClaim, type RunPaths } from './paths.ts';
import { namesIn, Pool, type PoolOptions, removeHostFiles } from './pool.ts';
import { isAlive, ownIdentity, read, startedAt } from './process.ts';
import { tenantOf } from './tenant.ts';
import { serveVetting, type VetService, type VetServiceOptions } from './vet.ts';
import { Watchdog } from './watchdog.ts';

/** How often the keeper inspects the whole run folder. It is also notified at once when a pod takes a host process. */
const POLL_MS = 2000;
/**
 * How long after a pod has taken a host process the next one is started. The pod starts in less than that, and needs the
 * processor itself.
 */
const REFILL_AFTER_MS = 300;
/** How many logs of dead host processes are kept, so that an operator can see why they died. */
const LOGS_MAX = 16;

export interface KeeperOptions
  extends PoolOptions,
    Pick<CompileServiceOptions, 'compiler' | 'moduleBytesMax' | 'slots' | 'peerOf'> {
  /** How shaders are tried for hosts. */
  vetting: Omit<VetServiceOptions, 'socket' | 'log' | 'peerOf'>;
  /** How long a host process may go without responding, in milliseconds, before it is killed; 0 for ever. */
  responseMsMax: number;
}

export interface Keeper {
  /** Resolves when another keeper has taken over. The host processes that this one started keep running. */
  readonly replaced: Promise<void>;
  /** Ends the host processes that wait for a pod, unless another keeper has taken them over. */
  close(): Promise<void>;
}

/**
 * Makes this process the keeper, the one process of a node that keeps host processes ready for pods and compiles modules for
 * all of them. Resolves with undefined if a keeper is running already. If the run folder is emptied or its disk is full, the
 * keeper logs that and keeps trying.
 * @throws Error if the run folder cannot be created
 */
export async function startKeeper(options: KeeperOptions): Promise<Keeper | undefined> {
  makeFolders(options.paths);
  if (!acquireLock(options.paths)) return undefined;
  const keeper = new RunningKeeper(options);
  await keeper.inspect();
  return keeper;
}

class RunningKeeper implements Keeper {
  readonly replaced: Promise<void>;
  readonly #options: KeeperOptions;
  readonly #pool: Pool;
  readonly #meters = new KeeperMeters();
  readonly #watchdog: Watchdog;
  readonly #timer: NodeJS.Timeout;
  readonly #resolveReplaced: () => void;
  #service: CompileService | undefined;
  #vetting: VetService | undefined;
  #closeMetrics: (() => Promise<void>) | undefined;
  #watched: { watcher: FSWatcher; inode: number } | undefined;
  #inspection: Promise<void> | undefined;
  #closed = false;
  #lastProblem = '';

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#pool = new Pool(options);
    const killed = (_pid: number, reason: HangReason) => this.#meters.countKilledHost(reason);
    this.#watchdog = new Watchdog({ ...options, killed });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.replaced = promise;
    this.#resolveReplaced = resolve;
    this.#timer = setInterval(() => void this.inspect(), POLL_MS);
  }

  /** Repairs the run folder where necessary, and refills the pool of waiting host processes. Inspections never overlap. */
  inspect(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#inspection ??= this.#inspect().finally(() => {
      this.#inspection = undefined;
    });
    return this.#inspection;
  }

  async #inspect(): Promise<void> {
    const { paths, log } = this.#options;
    try {
      makeFolders(paths);
      if (!acquireLock(paths)) return this.#yield();
      rmSync(paths.keeperLock, { force: true });
      this.#watch();
      await this.#listen();
      removeLeftovers(paths);
      this.#lastProblem = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#lastProblem) log('error', `the run folder is not usable: ${message}; trying again`);
      this.#lastProblem = message;
    }
    if (!this.#closed) this.#pool.check();
  }

  async close(): Promise<void> {
    const { paths } = this.#options;
    if (!this.#closed) {
      this.#stop();
      await this.#pool.close();
    }
    await this.#inspection;
    await this.#service?.close();
    await this.#vetting?.close();
    await this.#closeMetrics?.();
    if (read(paths.keeperPid) === ownIdentity()) rmSync(paths.keeperPid, { force: true });
  }

  #stop(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#pool.stop();
    this.#watchdog.close();
    this.#watched?.watcher.close();
  }

  /** Stops this keeper, because another one is running. */
  #yield(): void {
    this.#options.log('warn', `another keeper is running (${this.#options.paths.keeperPid}); this one ends`);
    this.#stop();
    this.#resolveReplaced();
  }

  #watch(): void {
    const { claim } = this.#options.paths;
    const inode = statSync(claim).ino;
    if (this.#watched?.inode === inode) return;
    this.#watched?.watcher.close();
    const watcher = watch(claim, (_, name) => {
      this.#pool.noteClaim(Number(name));
      setTimeout(() => this.#closed || this.#pool.check(), REFILL_AFTER_MS).unref();
    });
    // If the claim folder is gone, the next inspection creates it again.
    watcher.on('error', () => {});
    this.#watched = { watcher, inode };
  }

  async #listen(): Promise<void> {
    const { paths, compiler, vetting, log, peerOf } = this.#options;
    if (!existsSync(paths.metricsSocket)) {
      await this.#closeMetrics?.();
      this.#closeMetrics = await serveMetrics(paths.metricsSocket, () =>
        keeperMetrics(this.#meters, {
          queue: this.#service?.queue ?? { waiting: 0, running: 0 },
          cache: compiler.counts,
          hostsWatched: this.#watchdog.watched,
          hostsWanted: this.#pool.wanted,
        }),
      );
    }
    if (!this.#vetting || !existsSync(paths.vetSocket)) {
      const previous = this.#vetting;
      this.#vetting = undefined;
      await previous?.close();
      this.#vetting = await serveVetting({ ...vetting, socket: paths.vetSocket, log, peerOf });
    }
    if (this.#service && existsSync(paths.keeperSocket)) return;
    const previous = this.#service;
    this.#service = undefined;
    await previous?.close();
    this.#service = await serveCompiler({
      ...this.#options,
      socket: paths.keeperSocket,
      tenantOf: (pid) => tenantOf(paths, pid),
      meters: this.#meters,
    });
  }
}

function makeFolders({ warm, claim, host, pod, state, log }: RunPaths): void {
  for (const folder of [warm, claim, host, pod, state, log]) mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/**
 * Makes this process the keeper of the run folder, unless another running process is. Returns whether this one is. The file
 * keeper.pid appears with its whole content, and for one process only, because link(2) is atomic.
 */
function acquireLock({ keeperPid }: RunPaths): boolean {
  const own = ownIdentity();
  const current = read(keeperPid);
  if (current === own) return true;
  if (isAlive(current)) return false;
  const temporary = `${keeperPid}.${process.pid}`;
  try {
    if (existsSync(keeperPid)) {
      renameSync(keeperPid, temporary);
      // If another keeper wrote the file after we read it, give the file back.
      if (isAlive(read(temporary))) linkSync(temporary, keeperPid);
    }
    writeFileSync(temporary, own, { mode: 0o600 });
    linkSync(temporary, keeperPid);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Removes the files of dead host processes, except of those that served a container: the shim's `delete` still needs them. Also
 * removes stale claims and old logs.
 */
function removeLeftovers(paths: RunPaths): void {
  const serving = new Set(
    namesIn(paths.pod).flatMap((namespace) =>
      namesIn(join(paths.pod, namespace)).map((id) => Number.parseInt(read(join(paths.pod, namespace, id)), 10)),
    ),
  );
  const named = [paths.warm, paths.claim, paths.state, paths.host]
    .flatMap(namesIn)
    .map((name) => Number.parseInt(name, 10));
  for (const pid of new Set(named)) if (!serving.has(pid) && startedAt(pid) === undefined) removeHostFiles(paths, pid);
  for (const name of namesIn(paths.claim)) if (isStale(paths, name)) rmSync(join(paths.claim, name), { force: true });
  const dead = namesIn(paths.log).filter((name) => /^\d+\.log$/.test(name) && !startedAt(Number.parseInt(name, 10)));
  const age = (name: string) => statSync(join(paths.log, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  dead.sort((a, b) => age(b) - age(a));
  for (const name of dead.slice(LOGS_MAX)) rmSync(join(paths.log, name), { force: true });
}

/**
 * Whether a claim was made on an earlier process with the same id as the host process. An incomplete claim is still being
 * written, and counts as valid.
 */
function isStale({ claim }: RunPaths, name: string): boolean {
  const found = parseClaim(read(join(claim, name)));
  return found !== undefined && found.started !== startedAt(Number(name));
}
