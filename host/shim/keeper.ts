import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  type FSWatcher,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { LogLevel } from '../engine/engine.ts';
import type { RunPaths } from './paths.ts';

const BACKOFF_MS = 1000;
const BACKOFF_MS_MAX = 60_000;
const POLL_MS = 5000;
/** Hosts wait and start below everything that players notice; a host raises itself when it is taken (nice(1)). */
const NICE = '10';

export interface KeeperOptions {
  paths: RunPaths;
  /** Hosts that are kept waiting. */
  poolSize: number;
  /** Program and arguments of a host. */
  command: readonly string[];
  log(level: LogLevel, message: string): void;
}

export interface Keeper {
  /** Ends the hosts that nobody took. */
  close(): void;
}

/**
 * Keeps hosts warm: starts one whenever one is taken, one after another; waits longer after each that ends before it was taken.
 * @throws Error where another keeper runs in this folder
 */
export function startKeeper(options: KeeperOptions): Keeper {
  const { paths } = options;
  for (const folder of [paths.warm, paths.claim, paths.host, paths.pod, paths.state, paths.log])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  lock(paths.keeperPid);
  sweep(paths);
  return new Pool(options);
}

/** A keeper that died leaves its file. */
function lock(path: string): void {
  for (const last of [false, true]) {
    try {
      writeFileSync(path, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
      return;
    } catch (cause) {
      const owner = Number(readFileSync(path, 'utf8'));
      if (last || isAlive(owner)) throw new Error(`another keeper runs (process ${owner})`, { cause });
      rmSync(path, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** What hosts that were killed have left. */
function sweep({ warm, claim, host, state }: RunPaths): void {
  for (const folder of [warm, claim, host, state])
    for (const name of readdirSync(folder)) {
      const pid = Number.parseInt(name, 10);
      // `delete` needs the state of a host that served a pod.
      if (!isAlive(pid) && !(folder === state && !name.endsWith('.start'))) rmSync(join(folder, name), { force: true });
    }
}

class Pool implements Keeper {
  readonly #options: KeeperOptions;
  readonly #watcher: FSWatcher;
  readonly #poll: NodeJS.Timeout;
  readonly #hosts = new Map<number, ChildProcess>();
  #starting: number | undefined;
  #backoffMs = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#watcher = watch(options.paths.claim, () => this.#fill());
    this.#watcher.on('error', (error) => options.log('warn', `claims are not watched any more: ${error.message}`));
    this.#poll = setInterval(() => this.#fill(), POLL_MS);
    this.#fill();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watcher.close();
    clearInterval(this.#poll);
    clearTimeout(this.#retry);
    for (const [pid, child] of this.#hosts) if (!this.#isTaken(pid)) child.kill('SIGTERM');
    rmSync(this.#options.paths.keeperPid, { force: true });
  }

  #isTaken(pid: number): boolean {
    return list(this.#options.paths.claim).includes(String(pid));
  }

  /** Hosts that wait and that nobody has taken, of this keeper or of one before it. */
  #waiting(): number {
    const taken = list(this.#options.paths.claim);
    return list(this.#options.paths.warm).filter((name) => !taken.includes(name) && isAlive(Number(name))).length;
  }

  #fill(): void {
    if (this.#starting !== undefined && list(this.#options.paths.warm).includes(String(this.#starting))) {
      this.#starting = undefined;
      this.#backoffMs = 0;
    }
    if (this.#closed || this.#retry || this.#starting !== undefined || this.#waiting() >= this.#options.poolSize)
      return;
    this.#start();
  }

  #start(): void {
    const { command, paths, log } = this.#options;
    const output = openSync(join(paths.log, 'pods.log'), 'a', 0o600);
    const args = ['-m', '--propagation', 'slave', 'nice', '-n', NICE, ...command];
    const child = spawn('unshare', args, { detached: true, stdio: ['ignore', output, output] });
    closeSync(output);
    const { pid } = child;
    const begun = Date.now();
    child.unref();
    child.on('error', (error) => this.#failed(error.message));
    child.on('exit', (status, signal) => {
      if (pid === undefined) return;
      this.#hosts.delete(pid);
      if (this.#closed) return;
      const taken = this.#isTaken(pid);
      if (this.#starting === pid) this.#starting = undefined;
      for (const folder of [paths.warm, paths.claim]) rmSync(join(folder, String(pid)), { force: true });
      if (taken) return this.#fill();
      this.#failed(
        `host ${pid} ended with ${signal ?? status} before anybody took it; see ${join(paths.log, 'pods.log')}`,
      );
    });
    if (pid === undefined) return;
    this.#hosts.set(pid, child);
    this.#starting = pid;
    const up = setInterval(() => {
      if (this.#starting === pid && !list(paths.warm).includes(String(pid))) return;
      clearInterval(up);
      log('info', `host ${pid} waits, up after ${Date.now() - begun} ms`);
      this.#fill();
    }, 20);
  }

  #failed(why: string): void {
    this.#backoffMs = Math.min(Math.max(BACKOFF_MS, this.#backoffMs * 2), BACKOFF_MS_MAX);
    const wait = Math.round(this.#backoffMs * (0.75 + Math.random() / 2));
    this.#options.log('warn', `${why}; the next is started in ${wait} ms`);
    this.#starting = undefined;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#fill();
    }, wait);
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Somebody removed the run folder: nobody waits then.
    return [];
  }
}
