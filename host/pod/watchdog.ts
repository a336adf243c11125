import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { LogLevel } from '../engine/engine.ts';
import { HangDetector, type HangReason, type Look } from './hang.ts';
import { HOST_SERVICE, PING } from './heartbeat.ts';
import type { RunPaths } from './paths.ts';
import { namesIn } from './pool.ts';
import { startedAt, threadState } from './process.ts';
import { CODES, TaskError } from './tasks.ts';
import { dial, type TtrpcClient } from './ttrpc.ts';

/** States of a thread that a signal or a debugger has stopped (proc(5), /proc/PID/stat). */
const STOPPED = ['T', 't'];
/** How often each host process is asked to respond. */
const PING_MS = 1000;

export interface WatchdogOptions {
  paths: RunPaths;
  /** How long a host process may go without responding, in milliseconds; 0 for ever. */
  responseMsMax: number;
  /** Returns the id of the process at the other end of a unix socket, according to the kernel. */
  peerOf(socket: Socket): number | undefined;
  log(level: LogLevel, message: string): void;
  /** Called when a host process was killed. */
  killed?(pid: number, reason: HangReason): void;
}

/**
 * Watches the host processes of a node from outside. Each must answer a request on its event loop once a second. One that does
 * not answer for too long is killed, whatever holds it up: it cannot end itself, and containerd could not end it either,
 * because a host is its own shim. Its guest ends with it. containerd then reports the pod as ended, and it is started again.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #hosts = new Map<string, WatchedHost>();
  readonly #timer: NodeJS.Timeout | undefined;
  #lookedMs = performance.now();

  constructor(options: WatchdogOptions) {
    this.#options = options;
    if (options.responseMsMax > 0) this.#timer = setInterval(() => this.#look(), PING_MS);
  }

  /** Number of host processes that are watched. */
  get watched(): number {
    return this.#hosts.size;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const host of this.#hosts.values()) host.close();
    this.#hosts.clear();
  }

  #look(): void {
    const elapsedMs = performance.now() - this.#lookedMs;
    this.#lookedMs = performance.now();
    this.#find();
    // Node runs timers before it reads sockets. If this process was held up, answers may wait in them.
    setImmediate(() => {
      for (const [identity, host] of this.#hosts) this.#judge(identity, host, elapsedMs);
    });
  }

  /** Starts to watch the host processes that have a socket and were not watched before. */
  #find(): void {
    const { paths } = this.#options;
    for (const name of namesIn(paths.host)) {
      const pid = Number(/^(\d+)\.sock$/.exec(name)?.[1]);
      const started = pid > 0 ? startedAt(pid) : undefined;
      const identity = `${pid} ${started}`;
      if (started === undefined || this.#hosts.has(identity)) continue;
      this.#hosts.set(identity, new WatchedHost(pid, { ...this.#options, socket: join(paths.host, name) }));
    }
  }

  #judge(identity: string, host: WatchedHost, elapsedMs: number): void {
    const { pid } = host;
    const hasEnded = `${pid} ${startedAt(pid)}` !== identity;
    const reason = hasEnded ? undefined : host.look(elapsedMs);
    if (reason) this.#kill(host, reason);
    if (!hasEnded && !reason) return;
    host.close();
    this.#hosts.delete(identity);
  }

  #kill({ pid, listener, silentMs }: WatchedHost, reason: HangReason): void {
    const { log, killed } = this.#options;
    const seconds = (silentMs / 1000).toFixed(1);
    log('error', `host process ${pid} has not responded for ${seconds} s and is ${reason}: it is killed`);
    for (const id of new Set([pid, listener]))
      try {
        process.kill(id, 'SIGKILL');
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code !== 'ESRCH') log('error', `process ${id} cannot be killed: ${message}`);
      }
    killed?.(pid, reason);
  }
}

interface WatchedHostOptions extends Pick<WatchdogOptions, 'responseMsMax' | 'peerOf'> {
  /** Path of the host's socket. */
  socket: string;
}

/** A host process, and the connection on which it answers. */
class WatchedHost {
  /** The process under which the run folder knows the host. */
  readonly pid: number;
  /** The process that listens on the host's socket. It is another one if a supervisor stands for the host. */
  listener: number;
  readonly #options: WatchedHostOptions;
  readonly #detector: HangDetector;
  #client: TtrpcClient | undefined;
  #outcome: Look['outcome'] = 'unreachable';
  /** When the process was asked, if it owes an answer. */
  #askedMs: number | undefined;
  #closed = false;

  constructor(pid: number, options: WatchedHostOptions) {
    this.pid = pid;
    this.listener = pid;
    this.#options = options;
    this.#detector = new HangDetector(options.responseMsMax);
    void this.#ask();
  }

  get silentMs(): number {
    return this.#detector.silentMs;
  }

  /** Judges what has happened since the previous look, and asks the process again if it owes no answer. */
  look(elapsedMs: number): HangReason | undefined {
    // A host whose supervisor is stopped answers, but containerd cannot end it.
    const isStopped = this.listener !== this.pid && STOPPED.includes(threadState(this.pid).state);
    const outcome = isStopped ? 'silent' : this.#outcome;
    const thread = threadState(isStopped ? this.pid : this.listener);
    const owedMs = this.#askedMs === undefined ? elapsedMs : performance.now() - this.#askedMs;
    if (this.#askedMs === undefined) void this.#ask();
    return this.#detector.note({ elapsedMs: Math.min(elapsedMs, owedMs), outcome, thread });
  }

  close(): void {
    this.#closed = true;
    this.#client?.close();
  }

  async #ask(): Promise<void> {
    this.#askedMs = performance.now();
    try {
      this.#client ??= await dial(this.#options.socket);
      this.listener = this.#options.peerOf(this.#client.socket) ?? this.pid;
      if (this.#closed) return this.#client.close();
      this.#outcome = 'silent';
      this.#askedMs = performance.now();
      await this.#client.call(HOST_SERVICE, PING, new Uint8Array(0)).catch(ignoreRefusal);
      this.#outcome = 'answered';
    } catch {
      this.#client?.close();
      this.#client = undefined;
      this.#outcome = 'unreachable';
    } finally {
      this.#askedMs = undefined;
    }
  }
}

/** A host of another version may not know the request. That is an answer too. */
function ignoreRefusal(error: unknown): void {
  if (!(error instanceof TaskError) || error.code === CODES.unavailable) throw error;
}
