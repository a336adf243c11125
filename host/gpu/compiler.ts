import type { Clock } from '../base/clock.ts';
import { commandClock } from './clock.ts';
import { Fault } from './reader.ts';
import { perDevice } from './shared.ts';
import type { Compiled } from './table.ts';
import { DeviceWatch } from './watch.ts';

/** Of the time that compiling takes, a room is given this part back as it passes. */
const COMPILE_SHARE = 0.05;

/** Time that a room's shaders and pipelines take to compile; what it may take at once comes back slowly. */
class CompileTime {
  readonly #msMax: number;
  readonly #clock: Pick<Clock, 'now'>;
  #spentMs = 0;
  #at: number;

  constructor(msMax: number, clock: Pick<Clock, 'now'>) {
    this.#msMax = msMax;
    this.#clock = clock;
    this.#at = clock.now();
  }

  /** Whether another `ms` would be too much, and why. */
  tooLong(ms: number): Fault | undefined {
    const spent = this.#spent(this.#clock.now()) + ms;
    if (spent < this.#msMax) return undefined;
    return new Fault(`compiling has taken ${Math.round(spent)} of ${this.#msMax} ms (SHADER_MS_MAX)`);
  }

  spend(ms: number): void {
    const now = this.#clock.now();
    this.#spentMs = this.#spent(now) + ms;
    this.#at = now;
  }

  #spent(now: number): number {
    return Math.max(0, this.#spentMs - (now - this.#at) * COMPILE_SHARE);
  }
}

/** Thrown by a command that needs what still compiles: it is done again afterwards. */
export class Waiting extends Error {
  readonly compilation: Promise<void>;
  constructor(compilation: Promise<void>) {
    super('a pipeline compiles');
    this.compilation = compilation;
  }
}

/** Thrown where what compiles is never there, because its device is lost. */
export class Lost extends Error {}

/** Between two looks at how long a compilation takes. */
const LOOK_MS = 10;
/** So many of a device's are begun at a time: what waits can still be dropped. */
const RUNNING_MAX = 4;
/** Beyond its owner's time, after which a compilation is not expected to end. */
const HUNG_MS = 30_000;

/** Who is told how long its pipelines compile. */
interface Owner {
  compiled(ms: number): void;
  /** What is wrong with a compilation that takes `ms` so far. */
  tooLong(ms: number): Fault | undefined;
  overdue(fault: Fault): void;
  /** Its compilation has taken the device with it. */
  hung(): void;
}

/**
 * Compiles beside the frames of a device that rooms share, each room's in its turn. The implementation does one after another:
 * the first one's time is its owner's alone. One that does not end takes the device with it, as work of the GPU does.
 */
class DeviceCompiler {
  readonly #watch: DeviceWatch;
  readonly #clock: Pick<Clock, 'now'>;
  /** What waits, by owner; whose turn is next comes first. */
  readonly #queues = new Map<Owner, (() => Promise<void>)[]>();
  #running: { owner: Owner; at: number }[] = [];
  /** When the last one ended. */
  #endedAt = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** The one of this device. */
  static readonly of = perDevice((device) => new DeviceCompiler(device));

  constructor(device: GPUDevice) {
    this.#watch = DeviceWatch.of(device);
    this.#clock = commandClock(device);
  }

  /** What `begin` makes, in its owner's turn; never where that is dropped before. */
  compile<T>(owner: Owner, begin: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const job = async (): Promise<void> => begin().then(resolve, reject);
    const queue = this.#queues.get(owner);
    if (queue) queue.push(job);
    else this.#queues.set(owner, [job]);
    this.#begin();
    return promise;
  }

  /** Forgets what of its owner's has not begun. */
  drop(owner: Owner): void {
    this.#queues.delete(owner);
  }

  #begin(): void {
    for (const [owner, queue] of this.#queues) {
      if (this.#running.length >= RUNNING_MAX) return;
      const job = queue.shift()!;
      // Its next one comes after all others.
      this.#queues.delete(owner);
      if (queue.length > 0) this.#queues.set(owner, queue);
      const run = { owner, at: this.#clock.now() };
      this.#running.push(run);
      void job().finally(() => this.#ended(run));
      this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    }
  }

  #ended(run: { owner: Owner; at: number }): void {
    const now = this.#clock.now();
    this.#running = this.#running.filter((other) => other !== run);
    run.owner.compiled(now - Math.max(run.at, this.#endedAt));
    this.#endedAt = now;
    this.#begin();
    if (this.#running.length === 0) this.#stop();
  }

  /** Whether the one that compiles now takes its owner too long. */
  #look(): void {
    const first = this.#running[0];
    if (!first || this.#watch.lost) {
      this.#stop();
      return;
    }
    const now = this.#clock.now();
    // A software adapter compiles nothing while it works: that time is nobody's here.
    if (this.#watch.late) this.#endedAt = now;
    const ms = now - Math.max(first.at, this.#endedAt);
    const fault = first.owner.tooLong(ms);
    if (fault) first.owner.overdue(fault);
    if (!first.owner.tooLong(ms - HUNG_MS)) return;
    this.#watch.giveUp();
    first.owner.hung();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Between two looks at whether it is worth waiting. */
const WAIT_MS = 10;

export interface RoomCompilerOptions {
  device: GPUDevice;
  msMax: number;
  /** Takes what a compilation fails with, for the command that is executed now. */
  refuser(failure: Promise<unknown>): (error: unknown) => void;
  /** Compiling has taken too long, though no call waits for it. */
  onOverdue(fault: Fault): void;
  onHung(): void;
}

/** Compiles a room's shaders and pipelines, within the time that a room has for it. */
export class RoomCompiler implements Owner {
  /** Whether pipelines compile beside the frames, and commands that need them wait. */
  patient = false;
  readonly #options: RoomCompilerOptions;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #time: CompileTime;
  readonly #device: DeviceCompiler;
  readonly #watch: DeviceWatch;
  readonly #pending = new Set<Promise<void>>();
  #fault: Fault | undefined;
  /** Of the call that waits. */
  #stop: (() => void) | undefined;

  constructor(options: RoomCompilerOptions) {
    this.#options = options;
    this.#clock = commandClock(options.device);
    this.#time = new CompileTime(options.msMax, this.#clock);
    this.#device = DeviceCompiler.of(options.device);
    this.#watch = DeviceWatch.of(options.device);
  }

  compiled(ms: number): void {
    this.#time.spend(ms);
    const fault = this.#time.tooLong(0);
    if (fault) this.overdue(fault);
  }

  tooLong(ms: number): Fault | undefined {
    return this.#time.tooLong(ms);
  }

  overdue(fault: Fault): void {
    this.close();
    if (this.#fault) return;
    this.#fault = fault;
    if (this.#stop) this.#stop();
    else this.#options.onOverdue(fault);
  }

  hung(): void {
    this.#options.onHung();
  }

  /** Forgets what has not begun to compile. */
  close(): void {
    this.#device.drop(this);
  }

  /** Does at once what compiles, and accounts it. @throws Fault where that has taken too long */
  measure<T>(compile: () => T): T {
    const begun = this.#clock.now();
    const made = compile();
    this.#time.spend(this.#clock.now() - begun);
    const fault = this.#time.tooLong(0);
    if (fault) throw fault;
    return made;
  }

  /** What `beside` makes, once it is there, or what `atOnce` makes, without patience. @throws Fault */
  pipeline<T>(atOnce: () => T, beside: () => Promise<T>): Compiled<T> {
    if (!this.patient) return { gpu: this.measure(atOnce) };
    const made = this.#device.compile(this, beside);
    const failure = made.then(
      () => undefined,
      (error: unknown) => error,
    );
    const refuse = this.#options.refuser(failure);
    const pipeline: Compiled<T> = { gpu: undefined };
    const compilation = made
      .then((gpu) => {
        pipeline.gpu = gpu;
      }, refuse)
      .finally(() => {
        pipeline.compilation = undefined;
        this.#pending.delete(compilation);
      });
    pipeline.compilation = compilation;
    this.#pending.add(compilation);
    return pipeline;
  }

  /** Compiles what no call waits for. */
  later<T>(beside: () => Promise<T>): Promise<T> {
    return this.#device.compile(this, beside);
  }

  /** What was asked for and has not compiled yet; undefined for nothing. */
  get pending(): Promise<void> | undefined {
    return this.#pending.size > 0 ? Promise.all(this.#pending).then(() => {}) : undefined;
  }

  /** Waits. @throws Fault where compiling takes too long, Lost where the device is lost meanwhile */
  async wait(until: Promise<void>): Promise<void> {
    const stop = Promise.withResolvers<void>();
    this.#stop = stop.resolve;
    const timer = setInterval(() => {
      if (this.#watch.lost) stop.resolve();
    }, WAIT_MS);
    await Promise.race([until, stop.promise]);
    clearInterval(timer);
    this.#stop = undefined;
    if (this.#watch.lost) throw new Lost('the device was lost while a pipeline compiled');
    if (this.#fault) throw this.#fault;
  }
}
