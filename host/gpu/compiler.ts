import type { Clock } from '../base/clock.ts';
import { commandClock } from './clock.ts';
import { type CompilationOwner, DeviceCompiler } from './compilations.ts';
import { Fault } from './reader.ts';
import type { Compiled } from './table.ts';
import type { ShaderVetting, Trial } from './vetting.ts';
import { DeviceWatch } from './watch.ts';

/** Fraction of elapsed time by which a room's compile budget refills. */
const REFILL_SHARE = 0.05;
/** Interval at which a call that waits for a pipeline checks whether the GPU device is lost. */
const LOST_LOOK_MS = 10;
/** Most trials of one room that have not ended. A call that needs another waits for the oldest. */
const TRIALS_MAX = 256;

/** A room's compile budget: the time that its shaders and pipelines took to compile. The count falls slowly as time passes. */
class CompileTime {
  readonly #msMax: number;
  readonly #clock: Pick<Clock, 'now'>;
  #spentMs = 0;
  #spentAt: number;

  constructor(msMax: number, clock: Pick<Clock, 'now'>) {
    this.#msMax = msMax;
    this.#clock = clock;
    this.#spentAt = clock.now();
  }

  /** The fault if the room spends another `ms` on compiling; undefined if it may. */
  exceededBy(ms: number): Fault | undefined {
    const spentMs = this.#spentBy(this.#clock.now()) + ms;
    if (spentMs < this.#msMax) return undefined;
    return new Fault(`compiling has taken ${Math.round(spentMs)} of ${this.#msMax} ms (SHADER_MS_MAX)`);
  }

  spend(ms: number): void {
    const now = this.#clock.now();
    this.#spentMs = this.#spentBy(now) + ms;
    this.#spentAt = now;
  }

  #spentBy(now: number): number {
    return Math.max(0, this.#spentMs - (now - this.#spentAt) * REFILL_SHARE);
  }
}

/**
 * Thrown by a command that must wait: for a pipeline that still compiles, a shader that is still tried, or the GPU. The command
 * is executed again after `until` settles.
 */
export class Waiting extends Error {
  readonly until: Promise<void>;
  constructor(until: Promise<void>) {
    super('the command must wait');
    this.until = until;
  }
}

/** Thrown when a call waits for what will never be ready, because the GPU device is lost. */
export class Lost extends Error {}

/** Returns the GPU's pipeline. @throws Waiting if the command must wait until it has compiled, Fault if it is not usable */
export function compiled<T>(pipeline: Compiled<T>): T {
  if (pipeline.compilation) throw new Waiting(pipeline.compilation);
  if (pipeline.gpu === undefined) throw new Fault('the pipeline is not ready: a REPLY_PIPELINE says when it is');
  return pipeline.gpu;
}

interface Trials {
  vetting: ShaderVetting;
  /** Returns a function that converts an error of a trial, which the current command starts, into one that names the command. */
  namer(): (error: unknown) => Error;
}

export interface RoomCompilerOptions {
  device: GPUDevice;
  /** Time that the room may spend on compiling (SHADER_MS_MAX). */
  msMax: number;
  /** Returns a function that takes the error of a compilation that the current command starts. `failure` resolves with it. */
  refuser(failure: Promise<unknown>): (error: unknown) => void;
  /** How shaders and pipelines are tried before this process compiles them. Without it, they are compiled untried. */
  trials?: Trials | undefined;
  /** The room's compilations have taken too long, or a trial has failed, while no call waits for one of them. */
  onOverdue(error: Error): void;
  /** A compilation of the room did not end, so the GPU device is given up. */
  onHung(): void;
}

/** Compiles the shaders and pipelines of one room within the room's compile budget (SHADER_MS_MAX). */
export class RoomCompiler implements CompilationOwner {
  readonly #options: RoomCompilerOptions;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #time: CompileTime;
  readonly #device: DeviceCompiler;
  readonly #watch: DeviceWatch;
  readonly #pending = new Set<Promise<void>>();
  /** Trials that have not ended, the oldest first. */
  readonly #trials = new Set<Promise<void>>();
  #patient = false;
  #fault: Error | undefined;
  /** Ends the current call's wait for a pipeline. */
  #stopWaiting: (() => void) | undefined;

  constructor(options: RoomCompilerOptions) {
    this.#options = options;
    this.#clock = commandClock(options.device);
    this.#time = new CompileTime(options.msMax, this.#clock);
    this.#device = DeviceCompiler.of(options.device);
    this.#watch = DeviceWatch.of(options.device);
  }

  /** Whether pipelines compile in the background, and commands wait for the pipelines that they need. */
  get patient(): boolean {
    return this.#patient;
  }

  /** Begins a call of the module. @param patient whether its pipelines compile in the background */
  begin({ patient }: { patient: boolean }): void {
    this.#patient = patient;
  }

  onCompiled(ms: number): void {
    this.#time.spend(ms);
    const fault = this.#time.exceededBy(0);
    if (fault) this.onOverdue(fault);
  }

  exceededBy(ms: number): Fault | undefined {
    return this.#time.exceededBy(ms);
  }

  onOverdue(fault: Error): void {
    const isWaiting = this.#stopWaiting !== undefined;
    this.close();
    if (this.#fault) return;
    this.#fault = fault;
    if (!isWaiting) this.#options.onOverdue(fault);
  }

  onHung(): void {
    this.#options.onHung();
  }

  /** Drops the room's compilations and trials that have not begun, and ends the current call's wait for them. */
  close(): void {
    this.#device.drop(this);
    this.#options.trials?.vetting.drop(this);
    this.#stopWaiting?.();
  }

  /** Whether shaders and pipelines are tried before they are compiled. */
  get vets(): boolean {
    return this.#options.trials !== undefined;
  }

  /** The digest of a text for vet(); undefined if nothing is vetted. */
  digest(text: string): string | undefined {
    return this.#options.trials?.vetting.digest(text);
  }

  /**
   * Has a shader or pipeline tried by another process. Returns a promise that settles when that is done, and rejects with an
   * error that names the current command if it is not harmless; undefined if it is known to be harmless. Only patient calls
   * wait for trials. A host makes no others.
   * @throws Waiting if too many trials have not ended
   */
  vet(digest: string | undefined, trial: () => Trial): Promise<void> | undefined {
    const { trials } = this.#options;
    if (!trials || digest === undefined || !this.#patient || trials.vetting.isHarmless(digest)) return undefined;
    const [oldest] = this.#trials;
    if (oldest && this.#trials.size >= TRIALS_MAX) throw new Waiting(oldest.catch(() => {}));
    const name = trials.namer();
    const tried = trials.vetting
      .try(digest, trial(), this)
      .finally(() => this.#trials.delete(tried))
      .then(
        (ms) => this.onCompiled(ms),
        (error: unknown) => {
          throw name(error);
        },
      );
    this.#trials.add(tried);
    return tried;
  }

  /** Compiles on this thread and counts the time. @throws Fault if the room's compile budget is used up */
  measure<T>(compile: () => T): T {
    const begunAt = this.#clock.now();
    const made = compile();
    this.#time.spend(this.#clock.now() - begunAt);
    const fault = this.#time.exceededBy(0);
    if (fault) throw fault;
    return made;
  }

  /**
   * Compiles a pipeline: in the background if the current call is patient, else on this thread.
   * @param trial the promise that vet() has returned for the pipeline
   * @throws Fault as measure()
   */
  pipeline<T>(compileNow: () => T, compileInBackground: () => Promise<T>, trial?: Promise<void>): Compiled<T> {
    if (!this.#patient) return { gpu: this.measure(compileNow) };
    const made = this.later(compileInBackground, trial);
    const failure = made.then(
      () => undefined,
      (error: unknown) => error,
    );
    const refuse = this.#options.refuser(failure);
    const pipeline: Compiled<T> = { gpu: undefined };
    const compilation = made
      .then(
        (gpu) => {
          pipeline.gpu = gpu;
        },
        (error) => {
          // A lost device rejects everything that it compiles, which says nothing about the command.
          if (!this.#watch.lost) refuse(error);
        },
      )
      .finally(() => {
        pipeline.compilation = undefined;
        this.#pending.delete(compilation);
      });
    pipeline.compilation = compilation;
    this.#pending.add(compilation);
    return pipeline;
  }

  /**
   * Compiles a pipeline in the background, after its trial if there is one. The promise never settles if the trial fails, which
   * ends the room.
   */
  later<T>(compile: () => Promise<T>, trial?: Promise<void>): Promise<T> {
    if (!trial) return this.#device.compile(this, compile);
    return trial.then(
      () => this.#device.compile(this, compile),
      (error: Error) => {
        this.onOverdue(error);
        return new Promise<T>(() => {});
      },
    );
  }

  /**
   * Makes a command wait until the GPU is idle, if it is patient and must wait for that (DeviceWatch.idle).
   * @throws Waiting, or Lost if the GPU device is lost
   */
  untilIdle(): void {
    if (!this.#patient) return;
    if (this.#watch.lost) throw new Lost('the device was lost');
    const idle = this.#watch.idle();
    if (idle) throw new Waiting(idle);
  }

  /** Settles when all pipelines that calls wait for have compiled; undefined if no such pipeline compiles. */
  get pending(): Promise<void> | undefined {
    return this.#pending.size > 0 ? Promise.all(this.#pending).then(() => {}) : undefined;
  }

  /**
   * Lets a call wait for `until`. Returns early if close() is called.
   * @throws Fault if compiling takes too long, Lost if the GPU device is lost meanwhile, or what `until` rejects with
   */
  async wait(until: Promise<void>): Promise<void> {
    const stopped = Promise.withResolvers<void>();
    this.#stopWaiting = stopped.resolve;
    const timer = setInterval(() => {
      if (this.#watch.lost) stopped.resolve();
    }, LOST_LOOK_MS);
    try {
      await Promise.race([until, stopped.promise]);
    } finally {
      clearInterval(timer);
      this.#stopWaiting = undefined;
    }
    if (this.#watch.lost) throw new Lost('the device was lost while a command waited');
    if (this.#fault) throw this.#fault;
  }
}
