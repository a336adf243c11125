import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogLevel } from '../engine/engine.ts';
import { Demand } from './demand.ts';
import type { RunPaths } from './paths.ts';
import { childrenOf, hasReleasedFiles, isAlive, read } from './process.ts';

/** A host process that is not ready by then is killed. Long enough to read every library from a slow disk on a busy node. */
const START_MS_MAX = 120_000;
const END_MS_MAX = 3000;
const POLL_MS = 20;
const BACKOFF_MS: Backoff = { min: 1000, max: 60_000 };
/** Nice value of a host process while it starts: it takes about a second of a processor, which running pods must not feel. */
const START_NICE = 10;
/** After this time a starting host process gets ordinary priority, or games that use every processor would starve it. */
const NICE_MS_MAX = 5000;
const LAST_LINES = 3;

/** How long to wait between two attempts to start a host process, in milliseconds. The wait doubles from `min` to `max`. */
interface Backoff {
  min: number;
  max: number;
}

export interface PoolOptions {
  paths: RunPaths;
  /** How many host processes to keep ready, waiting for pods. */
  poolSize: number;
  /** How many may wait after many pods have started at a time; by default `poolSize`. */
  poolSizeMax?: number;
  /** The supervisor, and the program and arguments with which it starts a host process. */
  command: readonly [string, ...string[]];
  /** The environment of host processes; by default that of this process. */
  env?: NodeJS.ProcessEnv;
  backoffMs?: Backoff;
  /** How long a host process may stay at low priority while it starts. */
  niceMsMax?: number;
  log(level: LogLevel, message: string): void;
}

interface Host {
  pid: number;
  child: ChildProcess;
  warmAt: number;
}

/** Returns the ids of the host processes that wait for a pod, including those that an earlier keeper started. */
export function waitingHosts(paths: RunPaths): number[] {
  return namesIn(paths.warm)
    .map(Number)
    .filter((pid) => !existsSync(join(paths.claim, `${pid}`)) && isAlive(`${pid} ${read(join(paths.warm, `${pid}`))}`));
}

/** The names in a folder; empty if it cannot be read. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * Keeps host processes waiting for pods. Starts one at a time, and waits longer after each that dies before a pod takes it. The
 * run folder says which host processes exist, so a pool takes over those of an earlier keeper.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #backoff: Backoff;
  /** The host processes that this pool started and that have not ended, by their ids. */
  readonly #hosts = new Map<number, Host>();
  /** Id of the host process that is starting. */
  #upcoming: number | undefined;
  #starting: Promise<void> | undefined;
  /**
   * Ids of the host processes that pods have taken. One whose game is short may remove its claim before the pool looks at the
   * run folder.
   */
  readonly #claims = new Set<number>();
  readonly #demand: Demand;
  /** Ids of the waiting host processes that this pool has ended, because fewer should wait. */
  readonly #retired = new Set<number>();
  #failures = 0;
  #notBefore = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#backoff = options.backoffMs ?? BACKOFF_MS;
    const { poolSize: min, poolSizeMax: max = min } = options;
    this.#demand = new Demand({ min, max });
  }

  /** How many host processes should wait for pods now. */
  get wanted(): number {
    return this.#demand.wanted;
  }

  /**
   * Starts a host process if too few are waiting, and ends those beyond what is wanted. Call it now and then, and whenever a pod may have
   * taken one.
   */
  check(): void {
    for (const host of this.#hosts.values()) this.#killIfUnreachable(host);
    if (this.#closed) return;
    const waiting = waitingHosts(this.#options.paths);
    this.#retire(waiting.slice(this.wanted));
    if (this.#starting || waiting.length >= this.wanted) return;
    const wait = this.#notBefore - performance.now();
    clearTimeout(this.#timer);
    if (wait > 0) {
      this.#timer = setTimeout(() => this.check(), wait);
      return;
    }
    this.#starting = this.#start()
      .catch((error: Error) => this.#failed(error.message))
      .finally(() => {
        this.#starting = undefined;
        this.check();
      });
  }

  /** Stops starting host processes. Those that run keep running. */
  stop(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Ends the host processes that no pod has taken; resolves when they have no open files any more. */
  async close(): Promise<void> {
    const { paths } = this.#options;
    this.stop();
    await this.#starting;
    // Once claimed here, a host process can no longer be given to a pod.
    const mine = waitingHosts(paths).filter((pid) => claim(paths, pid));
    const all = mine.flatMap(withChildren);
    for (const pid of mine) signal(pid, 'SIGTERM');
    if (!(await this.#haveEnded(all))) for (const pid of mine) signal(pid, 'SIGKILL');
    await this.#haveEnded(all);
    for (const pid of mine) removeHostFiles(paths, pid);
  }

  /** Waits until all these processes have ended. Returns false if some have not after END_MS_MAX. */
  async #haveEnded(pids: readonly number[]): Promise<boolean> {
    const deadline = performance.now() + END_MS_MAX;
    while (!pids.every(hasReleasedFiles)) {
      if (performance.now() > deadline) return false;
      await pause();
    }
    return true;
  }

  /** Records that a pod has taken a host process, whose file has appeared in the claim folder or vanished from it. */
  noteClaim(pid: number): void {
    if (!this.#retired.has(pid) && existsSync(join(this.#options.paths.claim, `${pid}`))) this.#demand.note(pid);
    if (this.#hosts.has(pid) || pid === this.#upcoming) this.#claims.add(pid);
  }

  /** Ends host processes that wait, unless a pod takes them first. */
  #retire(pids: readonly number[]): void {
    for (const pid of pids) {
      // Known before the claim appears, which is not a pod's.
      this.#retired.add(pid);
      if (claim(this.#options.paths, pid)) signal(pid, 'SIGTERM');
      else this.#retired.delete(pid);
    }
  }

  #isClaimed(pid: number): boolean {
    if (existsSync(join(this.#options.paths.claim, `${pid}`))) this.#claims.add(pid);
    return this.#claims.has(pid);
  }

  /** Kills a waiting host process that no pod can find any more, because the run folder was emptied. */
  #killIfUnreachable({ pid, child }: Host): void {
    if (!this.#isClaimed(pid) && !existsSync(join(this.#options.paths.warm, `${pid}`))) child.kill('SIGKILL');
  }

  async #start(): Promise<void> {
    const { paths } = this.#options;
    const child = this.#spawn();
    let problem: Error | undefined;
    const ended = new Promise<void>((resolve) => {
      child.on('error', (error) => {
        problem = error;
        resolve();
      });
      child.on('exit', () => resolve());
    });
    const { pid } = child;
    if (pid === undefined) {
      await ended;
      throw problem;
    }
    // Remove the files of an earlier process with the same id.
    removeHostFiles(paths, pid);
    this.#claims.delete(pid);
    this.#upcoming = pid;
    if (!(await this.#isUp(pid, child, ended))) {
      const isLate = !hasExited(child);
      const all = withChildren(pid);
      child.kill('SIGKILL');
      await ended;
      await this.#haveEnded(all);
      removeHostFiles(paths, pid);
      if (this.#closed) return;
      throw new Error(`${isLate ? 'it did not become ready' : exitReason(child)}: ${this.#lastOutput(pid)}`);
    }
    setPriority(pid, 0);
    const host = { pid, child, warmAt: performance.now() };
    this.#hosts.set(pid, host);
    const later = () => setTimeout(() => this.#ended(host), POLL_MS);
    if (hasExited(child)) later();
    else child.on('exit', later);
  }

  /** Waits until a starting host process listens or a pod has taken it; returns false if it ends or takes too long. */
  async #isUp(pid: number, child: ChildProcess, ended: Promise<void>): Promise<boolean> {
    const { paths, niceMsMax = NICE_MS_MAX } = this.#options;
    const started = performance.now();
    let isNice = true;
    while (!existsSync(join(paths.warm, `${pid}`)) && !this.#isClaimed(pid)) {
      // If the log of the host process is missing, the run folder was emptied, and whatever the process writes there next is
      // lost.
      const isLost = !existsSync(join(paths.log, `${pid}.log`));
      const waitedMs = performance.now() - started;
      if (hasExited(child) || this.#closed || isLost || waitedMs > START_MS_MAX) break;
      if (isNice && waitedMs > niceMsMax) {
        isNice = false;
        setPriority(pid, 0);
      }
      await Promise.race([ended, pause()]);
    }
    // The notice that a pod took the host process may arrive after the notice that it ended.
    if (hasExited(child)) await pause();
    return this.#isClaimed(pid) || (!hasExited(child) && existsSync(join(paths.warm, `${pid}`)));
  }

  #spawn(): ChildProcess {
    const { paths, command, env = process.env } = this.#options;
    const log = join(paths.log, `starting.${process.pid}`);
    const logFd = openSync(log, 'w', 0o600);
    try {
      const child = spawn('nice', ['-n', `${START_NICE}`, ...command], {
        cwd: '/',
        detached: true,
        // Node's options in the keeper's environment, such as --inspect, are not meant for the processes that run games.
        env: { ...env, NODE_OPTIONS: undefined },
        stdio: ['ignore', logFd, logFd],
      });
      child.unref();
      if (child.pid !== undefined) {
        renameSync(log, join(paths.log, `${child.pid}.log`));
        setSessionPriority(child.pid, START_NICE);
      }
      return child;
    } finally {
      closeSync(logFd);
    }
  }

  #ended(host: Host): void {
    const { pid, child } = host;
    const livedMs = performance.now() - host.warmAt;
    const isClaimed = this.#isClaimed(pid);
    this.#claims.delete(pid);
    this.#retired.delete(pid);
    this.#hosts.delete(pid);
    if (isClaimed || livedMs > this.#backoff.max) this.#failures = 0;
    if (!isClaimed && !this.#closed) {
      removeHostFiles(this.#options.paths, pid);
      this.#failed(`${exitReason(child)} while it waited: ${this.#lastOutput(pid)}`);
    }
    this.check();
  }

  #failed(why: string): void {
    const { min, max } = this.#backoff;
    const ms = Math.min(max, min * 2 ** this.#failures++) * (0.75 + Math.random() / 2);
    this.#notBefore = performance.now() + ms;
    this.#options.log('warn', `a host process failed: ${why}; the next one starts in ${(ms / 1000).toFixed(1)} s`);
  }

  #lastOutput(pid: number): string {
    const path = join(this.#options.paths.log, `${pid}.log`);
    return read(path).trim().split('\n').slice(-LAST_LINES).join(' | ').slice(-500) || `${path} is empty`;
  }
}

/** A supervisor and its host, which ends a moment after a supervisor that was killed. */
function withChildren(pid: number): number[] {
  return [pid, ...childrenOf(pid)];
}

/** Claims a host process as the shim's `start` does: the process that creates the claim file owns the host process. */
function claim(paths: RunPaths, pid: number): boolean {
  try {
    writeFileSync(join(paths.claim, `${pid}`), '', { flag: 'wx', mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}

/** Removes the files that a host process which has ended left in the run folder. */
export function removeHostFiles({ warm, claim, state, host }: RunPaths, pid: number): void {
  for (const folder of [warm, claim, state]) rmSync(join(folder, `${pid}`), { force: true });
  rmSync(join(host, `${pid}.sock`), { force: true });
}

/**
 * Sets the nice value of every thread in the process group of `pid`, and the separate nice value that the kernel may keep for
 * its session as a whole.
 */
function setPriority(pid: number, nice: number): void {
  execFile('renice', [`${nice}`, '-g', `${pid}`], () => {});
  setSessionPriority(pid, nice);
}

/**
 * Sets the nice value that some kernels keep for the session of `pid`, which they schedule as one unit (sched(7), "The
 * autogroup feature").
 */
function setSessionPriority(pid: number, nice: number): void {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, `${nice}`);
  } catch {
    // This kernel has no autogroups, or the process has ended.
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process has ended by itself.
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function exitReason({ exitCode, signalCode }: ChildProcess): string {
  return signalCode ? `ended by ${signalCode}` : `exited with status ${exitCode}`;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
