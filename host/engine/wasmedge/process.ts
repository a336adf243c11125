import { type ChildProcess, spawn } from 'node:child_process';
import type { Addon, Channel } from './addon.ts';
import { COMMANDS, PAGE_BYTES, REPLY_SEQUENCE, REQUEST_CALL, REQUEST_SEQUENCE } from './mapping.ts';

/** For the program to start, which reads some 200 MB of libraries when none is in memory yet. */
const startMsMax = 30_000;
/** For an answer that lies in the mapping to be noticed. */
const graceMs = 1000;

/** How a guest process ended. */
export interface Exit {
  status: number | null;
  signal: NodeJS.Signals | null;
  /** The host ended it: a call took too long. */
  timedOut: boolean;
}

export interface ProcessEvents {
  /** The answer to the request lies in the mapping, until the next request. */
  answered(): void;
  /** It sent something that is no answer. */
  misbehaved(): void;
  /** It has ended; the mapping can be read until this returns. */
  exited(exit: Exit): void;
}

export interface ProcessOptions {
  commandBytesMax: number;
  dataBytesMax: number;
  now?: (() => number) | undefined;
}

/** Bytes of the mapping before the bulk data. */
export function dataOffset(commandBytesMax: number): number {
  return COMMANDS + Math.ceil(commandBytesMax / PAGE_BYTES) * PAGE_BYTES;
}

/** A guest process and the mapping it shares with this one. It can be started before its module is known. */
export class GuestProcess {
  /** Resolves when the process and its memory are gone. */
  readonly gone: Promise<void>;
  /** Resolves when the program waits for its first request, or has ended. */
  readonly ready: Promise<void>;
  readonly memory: ArrayBuffer;
  readonly words: Uint32Array;
  readonly pid: number | undefined;
  events: ProcessEvents = { answered() {}, misbehaved() {}, exited() {} };
  private readonly channel: Channel;
  private readonly child: ChildProcess;
  private sequence = 0;
  private pending = true;
  private started: (() => void) | undefined;
  private timedOut = false;
  private spared = false;
  private exit: Exit | undefined;
  private deadline = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly now: () => number;

  /**
   * @param program the guest program
   * @param now milliseconds for the time limits; the system's clock by default
   */
  constructor(addon: Addon, command: readonly string[], { now, ...limits }: ProcessOptions) {
    this.now = now ?? (() => performance.now());
    const bytes = dataOffset(limits.commandBytesMax) + limits.dataBytesMax;
    this.channel = new addon.Channel(Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES, (closed) => this.woken(closed));
    this.memory = this.channel.memory;
    this.words = new Uint32Array(this.memory, 0, COMMANDS / 4);
    const stdio = ['ignore', 'ignore', 'ignore', ...this.channel.childFds] as const;
    const [program, ...first] = command as [string, ...string[]];
    this.child = spawn(program, [...first, 'run'], { stdio: [...stdio], env: {} });
    this.pid = this.child.pid;
    this.channel.releaseChild();
    this.watch(startMsMax);
    this.ready = new Promise((resolve) => {
      this.started = resolve;
    });
    this.gone = new Promise((resolve) => {
      const finish = (status: number | null, signal: NodeJS.Signals | null) => {
        if (this.exit) return;
        this.exit = { status, signal, timedOut: this.timedOut };
        clearTimeout(this.timer);
        this.events.exited(this.exit);
        this.channel.close();
        this.started?.();
        resolve();
      };
      this.child.on('exit', finish);
      this.child.on('error', () => finish(null, null));
    });
  }

  /** How it ended, if it has. */
  get ended(): Exit | undefined {
    return this.exit;
  }

  /** Makes a call whose arguments are in the mapping. A guest that does not answer within `ms` is killed. */
  request(call: number, ms: number, fds?: number[]): void {
    this.sequence = (this.sequence + 1) >>> 0;
    this.words[REQUEST_SEQUENCE / 4] = this.sequence;
    this.words[REQUEST_CALL / 4] = call;
    this.pending = true;
    this.spared = false;
    this.watch(ms);
    const sent = fds ? this.channel.send(...fds) : this.channel.send();
    if (!sent) this.kill();
  }

  /** Idempotent; `gone` tells when it has happened. */
  kill(): void {
    if (!this.exit) this.child.kill('SIGKILL');
  }

  private woken(closed: boolean): void {
    if (closed) {
      this.kill();
    } else if (this.pending && this.hasAnswered()) {
      this.pending = false;
      if (this.started) this.started();
      else this.events.answered();
      this.started = undefined;
    } else {
      this.events.misbehaved();
    }
  }

  private hasAnswered(): boolean {
    return this.words[REPLY_SEQUENCE / 4] === this.sequence;
  }

  /** One timer stays armed over many calls: arming one for each would cost more than the call. */
  private watch(ms: number): void {
    const previous = this.deadline;
    this.deadline = this.now() + ms;
    if (this.timer && this.deadline < previous) {
      clearTimeout(this.timer);
      this.timer = undefined;
    }
    this.timer ??= setTimeout(() => this.expired(), ms).unref();
  }

  private expired(): void {
    this.timer = undefined;
    if (!this.pending || this.exit) return;
    const left = this.deadline - this.now();
    if (left > 0) {
      this.timer = setTimeout(() => this.expired(), left).unref();
    } else if (this.hasAnswered() && !this.spared) {
      // A host that was busy itself may find the answer waiting: timers run before the socket is read.
      this.spared = true;
      this.timer = setTimeout(() => this.expired(), graceMs).unref();
    } else {
      this.timedOut = true;
      this.kill();
    }
  }
}
