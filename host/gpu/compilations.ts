import type { Clock } from '../base/clock.ts';
import { commandClock } from './clock.ts';
import type { Fault } from './reader.ts';
import { perDevice } from './shared.ts';
import { DeviceWatch } from './watch.ts';

/** Interval at which the time that the current compilation has taken is checked. */
const LOOK_MS = 10;
/** Most shader and pipeline compilations that run on a device at a time. The others wait, and can still be dropped. */
const RUNNING_MAX = 4;
/** A compilation that exceeds its room's compile budget by this much counts as endless. */
const HUNG_MS = 30_000;

/** The part of a room that is notified of how long the room's compilations take. */
export interface CompilationOwner {
  /** A compilation has ended after `ms`. */
  onCompiled(ms: number): void;
  /** The fault of a compilation that takes `ms`; undefined if the owner may spend that much. */
  exceededBy(ms: number): Fault | undefined;
  /** The owner's current compilation has taken longer than it may. */
  onOverdue(fault: Fault): void;
  /** The owner's current compilation did not end, so the GPU device is given up. */
  onHung(): void;
}

/** A compilation that has begun. */
interface Run {
  owner: CompilationOwner;
  begunAt: number;
}

/**
 * Compiles shaders and pipelines in the background for the rooms that share a GPU device, each room in its turn. The driver
 * compiles one after another, so all time until the oldest compilation ends counts as its own. If one does not end, the device
 * is given up.
 */
export class DeviceCompiler {
  readonly #watch: DeviceWatch;
  readonly #clock: Pick<Clock, 'now'>;
  /** Compilations that have not begun, by owner. The owner whose turn is next comes first. */
  readonly #queues = new Map<CompilationOwner, (() => Promise<void>)[]>();
  #running: Run[] = [];
  /** Time at which a compilation last ended, in milliseconds of the clock. */
  #endedAt = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Returns the one background compiler of a GPU device. */
  static readonly of = perDevice((device) => new DeviceCompiler(device));

  constructor(device: GPUDevice) {
    this.#watch = DeviceWatch.of(device);
    this.#clock = commandClock(device);
  }

  /** Begins a compilation by calling `begin` when it is the owner's turn. The promise never settles if drop() comes first. */
  compile<T>(owner: CompilationOwner, begin: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const job = async (): Promise<void> => begin().then(resolve, reject);
    const queue = this.#queues.get(owner);
    if (queue) queue.push(job);
    else this.#queues.set(owner, [job]);
    this.#begin();
    return promise;
  }

  /** Drops those compilations of the owner that have not begun. */
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

  /** Checks whether the current compilation takes too long, and if so notifies its owner. */
  #look(): void {
    const [first] = this.#running;
    if (!first || this.#watch.lost) {
      this.#stop();
      return;
    }
    const now = this.#clock.now();
    // A software GPU does not compile while it executes work, so that time does not count as the compilation's.
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
