import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogLevel } from '../engine/engine.ts';
import type { RunPaths } from './paths.ts';
import { isAlive, read, startedAt } from './process.ts';

/** Reading all the libraries from a slow disk included. */
const START_MS_MAX = 30_000;
const END_MS_MAX = 3000;
const POLL_MS = 20;
const BACKOFF_MS = { min: 1000, max: 60_000 };
/** A refill takes 200 to 400 ms of a processor, which running pods must not feel. */
const START_NICE = 10;
const LAST_LINES = 3;

export interface PoolOptions {
  paths: RunPaths;
  /** Hosts to keep waiting. */
  poolSize: number;
  /** Program and arguments of a host. */
  command: readonly [string, ...string[]];
  /** Between two tries to start one, in milliseconds; doubles from the one to the other. */
  backoffMs?: { min: number; max: number };
  log(level: LogLevel, message: string): void;
}

interface Host {
  pid: number;
  child: ChildProcess;
  warmAt: number;
}

/** Process ids of the hosts that wait, whoever started them. */
export function waitingHosts(paths: RunPaths): number[] {
  return list(paths.warm)
    .map(Number)
    .filter((pid) => !existsSync(join(paths.claim, `${pid}`)) && isAlive(`${pid} ${read(join(paths.warm, `${pid}`))}`));
}

/** The names in a folder; none where it cannot be read. */
export function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * Keeps hosts waiting: starts one after another, at low priority until it is up, and ever more rarely where they die before
 * anybody takes them. What runs is read from the run folder, so that a pool takes over what an earlier one has left.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #backoff: { min: number; max: number };
  readonly #hosts = new Map<number, Host>();
  #starting: Promise<void> | undefined;
  /** Of those, and of the one that starts, who was taken. */
  readonly #claims = new Set<number>();
  #upcoming: number | undefined;
  #failures = 0;
  #notBefore = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#backoff = options.backoffMs ?? BACKOFF_MS;
  }

  /** Starts a host where one is missing. Call it whenever one may have been taken. */
  check(): void {
    const { paths, poolSize } = this.#options;
    for (const host of this.#hosts.values()) this.#look(host);
    if (this.#closed || this.#starting || waitingHosts(paths).length >= poolSize) return;
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

  /** Starts no more; what runs goes on. */
  stop(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Ends the hosts that nobody has taken. */
  async close(): Promise<void> {
    const { paths } = this.#options;
    this.stop();
    await this.#starting;
    // What is claimed here, no pod can be given any more.
    const mine = waitingHosts(paths).filter((pid) => claim(paths, pid));
    for (const pid of mine) signal(pid, 'SIGTERM');
    const deadline = performance.now() + END_MS_MAX;
    while (mine.some((pid) => startedAt(pid)) && performance.now() < deadline) await pause();
    for (const pid of mine) {
      signal(pid, 'SIGKILL');
      forget(paths, pid);
    }
  }

  /** The claim of a host came or went: a brief game may be over before anybody looks. */
  claimed(pid: number): void {
    if (this.#hosts.has(pid) || pid === this.#upcoming) this.#claims.add(pid);
  }

  #isClaimed(pid: number): boolean {
    if (existsSync(join(this.#options.paths.claim, `${pid}`))) this.#claims.add(pid);
    return this.#claims.has(pid);
  }

  #look(host: Host): void {
    const { paths } = this.#options;
    // Somebody has emptied the run folder: no pod can ever be given this host.
    if (!this.#isClaimed(host.pid) && !existsSync(join(paths.warm, `${host.pid}`))) host.child.kill('SIGKILL');
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
    // Of an earlier process with this number.
    forget(paths, pid);
    this.#claims.delete(pid);
    this.#upcoming = pid;
    writeQuietly(`/proc/${pid}/autogroup`, `${START_NICE}`);
    if (!(await this.#isUp(pid, child, ended))) {
      const late = !over(child);
      child.kill('SIGKILL');
      await ended;
      forget(paths, pid);
      if (this.#closed) return;
      throw new Error(`${late ? 'it does not get ready' : how(child)}: ${this.#said(pid)}`);
    }
    raise(pid);
    const host = { pid, child, warmAt: performance.now() };
    this.#hosts.set(pid, host);
    const later = () => setTimeout(() => this.#ended(host), POLL_MS);
    if (over(child)) later();
    else child.on('exit', later);
  }

  async #isUp(pid: number, child: ChildProcess, ended: Promise<void>): Promise<boolean> {
    const { paths } = this.#options;
    const deadline = performance.now() + START_MS_MAX;
    while (!existsSync(join(paths.warm, `${pid}`)) && !this.#isClaimed(pid)) {
      // Where its log is gone, somebody has emptied the run folder, and what it writes there is gone as well.
      const lost = !existsSync(join(paths.log, `${pid}.log`));
      if (over(child) || this.#closed || lost || performance.now() > deadline) break;
      await Promise.race([ended, pause()]);
    }
    // What the folder tells of its claim may come after its end.
    if (over(child)) await pause();
    return this.#isClaimed(pid) || (!over(child) && existsSync(join(paths.warm, `${pid}`)));
  }

  #spawn(): ChildProcess {
    const { paths, command } = this.#options;
    const log = join(paths.log, `starting.${process.pid}`);
    const fd = openSync(log, 'w', 0o600);
    try {
      // A mount namespace of its own, for the pod's resolv.conf; mounts of the node that come later still arrive in it.
      const namespace = ['unshare', '-m', '--propagation', 'slave'];
      const child = spawn('nice', ['-n', `${START_NICE}`, ...namespace, ...command], {
        cwd: '/',
        detached: true,
        stdio: ['ignore', fd, fd],
      });
      child.unref();
      if (child.pid !== undefined) renameSync(log, join(paths.log, `${child.pid}.log`));
      return child;
    } finally {
      closeSync(fd);
    }
  }

  #ended(host: Host): void {
    const { pid, child } = host;
    const lived = performance.now() - host.warmAt;
    const claimed = this.#isClaimed(pid);
    this.#claims.delete(pid);
    this.#hosts.delete(pid);
    if (claimed || lived > this.#backoff.max) this.#failures = 0;
    if (!claimed && !this.#closed) {
      forget(this.#options.paths, pid);
      this.#failed(`${how(child)} while it waited: ${this.#said(pid)}`);
    }
    this.check();
  }

  #failed(why: string): void {
    const { min, max } = this.#backoff;
    const ms = Math.min(max, min * 2 ** this.#failures++) * (0.75 + Math.random() / 2);
    this.#notBefore = performance.now() + ms;
    this.#options.log('warn', `a host process failed: ${why}; the next one starts in ${(ms / 1000).toFixed(1)} s`);
  }

  #said(pid: number): string {
    const path = join(this.#options.paths.log, `${pid}.log`);
    return read(path).trim().split('\n').slice(-LAST_LINES).join(' | ').slice(-500) || `${path} is empty`;
  }
}

/** Takes a host as `start` does: whoever makes the file has it. */
function claim(paths: RunPaths, pid: number): boolean {
  try {
    writeFileSync(join(paths.claim, `${pid}`), '', { flag: 'wx', mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}

/** Takes away the files of a host that is gone. */
export function forget(paths: RunPaths, pid: number): void {
  const { warm, claim, state, host } = paths;
  for (const folder of [warm, claim, state]) rmSync(join(folder, `${pid}`), { force: true });
  rmSync(join(host, `${pid}.sock`), { force: true });
}

/** Ordinary priority, for every thread of its process group; where sessions are scheduled as one, for the session as well. */
function raise(pid: number): void {
  execFile('renice', ['0', '-g', `${pid}`], () => {});
  writeQuietly(`/proc/${pid}/autogroup`, '0');
}

function writeQuietly(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    // Not every kernel has it.
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

function over(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function how({ exitCode, signalCode }: ChildProcess): string {
  return signalCode ? `ended by ${signalCode}` : `exited with status ${exitCode}`;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
