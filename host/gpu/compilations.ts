import type { Clock } from '../base/clock.ts';
import { commandClock } from './clock.ts';
import type { Fault } from './reader.ts';
import { perDevice } from './shared.ts';
import { DeviceWatch } from './watch.ts';

/** Time between two looks at how long the current compilation has taken. */
const LOOK_MS = 10;
/** Compilations that a device begins at a time. Those that have not begun can still be dropped. */
const RUNNING_MAX = 4;
/** A compilation that exceeds its room's time by this much is not expected to end. */
const HUNG_MS = 30_000;

/** Hears how long its compilations take. */
export interface CompilationOwner {
  /** A compilation has ended after `ms`. */
  onCompiled(ms: number): void;
  /** Why a compilation may not take `ms`; undefined if it may. */
  exceededBy(ms: number): Fault | undefined;
  /** The current compilation has taken longer than it may. */
  onOverdue(fault: Fault): void;
  /** The current compilation did not end, and the device is given up. */
  onHung(): void;
}

/** A compilation that has begun. */
interface Run {
  owner: CompilationOwner;
  begunAt: number;
}

/**
 * Compiles in the background for the rooms of a device, each room in its turn. The driver compiles one thing after another, so
 * the time until the oldest compilation ends is that compilation's own. If one does not end, the device is given up.
 */
export class DeviceCompiler {
  readonly #watch: DeviceWatch;
  readonly #clock: Pick<Clock, 'now'>;
  /** Compilations that wait, by owner. The owner whose turn is next comes first. */
  readonly #queues = new Map<CompilationOwner, (() => Promise<void>)[]>();
  #running: Run[] = [];
  /** When a compilation last ended. */
  #endedAt = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** The compiler of a device. */
  static readonly of = perDevice((device) => new DeviceCompiler(device));

  constructor(device: GPUDevice) {
    this.#watch = DeviceWatch.of(device);
    this.#clock = commandClock(device);
  }

  /** Calls `begin` when it is the owner's turn. The result never settles if drop() comes before that. */
  compile<T>(owner: CompilationOwner, begin: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const job = async (): Promise<void> => begin().then(resolve, reject);
    const queue = this.#queues.get(owner);
    if (queue) queue.push(job);
    else this.#queues.set(owner, [job]);
    this.#begin();
    return promise;
  }

  /** Drops the owner's compilations that have not begun. */
  drop(owner: CompilationOwner): void {
    this.#queues.delete(owner);
  }

  #begin(): void {
    for (const [owner, queue] of this.#queues) {
      if (this.#running.length >= RUNNING_MAX) return;
      const job = queue.shift();
      // The owner's next compilation comes after those of all other owners.
      this.#queues.delete(owner);
      if (queue.length > 0) this.#queues.set(owner, queue);
      if (job) this.#run(owner, job);
    }
  }

  #run(owner: CompilationOwner, job: () => Promise<void>): void {
    const run = { owner, begunAt: this.#clock.now() };
    this.#running.push(run);
    void job().finally(() => this.#ended(run));
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  #ended(run: Run): void {
    const now = this.#clock.now();
    this.#running = this.#running.filter((other) => other !== run);
    run.owner.onCompiled(now - Math.max(run.begunAt, this.#endedAt));
    this.#endedAt = now;
    this.#begin();
    if (this.#running.length === 0) this.#stop();
  }

  /** Looks whether the current compilation takes too long. */
  #look(): void {
    const [first] = this.#running;
    if (!first || this.#watch.lost) {
      this.#stop();
      return;
    }
    const now = this.#clock.now();
    // A software adapter compiles nothing while it executes work, and that time must not count as the compilation's.
    if (this.#watch.late) this.#endedAt = now;
    const ms = now - Math.max(first.begunAt, this.#endedAt);
    const fault = first.owner.exceededBy(ms);
    if (fault) first.owner.onOverdue(fault);
    if (!first.owner.exceededBy(ms - HUNG_MS)) return;
    this.#watch.giveUp();
    first.owner.onHung();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
