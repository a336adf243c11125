import { Fault } from './reader.ts';
import type { Compiled } from './table.ts';
import { DeviceWatch } from './watch.ts';

/** Of the time that compiling takes, a room is given this part back as it passes. */
const COMPILE_SHARE = 0.05;

/** Time that a room's shaders and pipelines take to compile; what it may take at once comes back slowly. */
class CompileTime {
  readonly #msMax: number;
  #spentMs = 0;
  #at = performance.now();

  constructor(msMax: number) {
    this.#msMax = msMax;
  }

  /** What is left, in milliseconds. */
  get left(): number {
    return Math.max(0, this.#msMax - Math.max(0, this.#spentMs - (performance.now() - this.#at) * COMPILE_SHARE));
  }

  /** Runs and accounts what compiles. @throws Fault where it has taken too long */
  measure<T>(compile: () => T): T {
    const begun = performance.now();
    const made = compile();
    this.spend(begun);
    return made;
  }

  /** Accounts what was begun at `begun` and ends now. @throws Fault where it has taken too long */
  spend(begun: number): void {
    const now = performance.now();
    this.#spentMs = Math.max(0, this.#spentMs - (begun - this.#at) * COMPILE_SHARE) + (now - begun);
    this.#at = now;
    if (this.#spentMs >= this.#msMax)
      throw new Fault(`compiling has taken ${Math.round(this.#spentMs)} of ${this.#msMax} ms (SHADER_MS_MAX)`);
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

/** Between two looks at whether the GPU is at work still. */
const LATE_MS = 50;

const known = new WeakMap<GPUDevice, DeviceCompiler>();

/**
 * Compiles beside the frames of a device that rooms share. The implementation does so one after another, so that one that does
 * not end would hold up all others: from then on they are compiled at once instead, until it does end.
 */
class DeviceCompiler {
  readonly #stuck = new Set<Promise<void>>();
  /** What compiles now: whose it is, and how to compile it at once. */
  readonly #waiting = new Map<() => void, object>();

  readonly #watch: DeviceWatch;

  /** The one of this device. */
  static of(device: GPUDevice): DeviceCompiler {
    let compiler = known.get(device);
    if (!compiler) {
      compiler = new DeviceCompiler(device);
      known.set(device, compiler);
    }
    return compiler;
  }

  constructor(device: GPUDevice) {
    this.#watch = DeviceWatch.of(device);
  }

  /** Compiles for `owner` by `beside`, or by `atOnce` where the other way is blocked or becomes so by somebody else. */
  compile<T>(owner: object, beside: () => Promise<T>, atOnce: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const instead = (): void => this.#safely(() => void Promise.resolve().then(atOnce).then(resolve, reject));
    if (this.#stuck.size > 0) {
      instead();
      return promise;
    }
    this.#waiting.set(instead, owner);
    beside()
      .then(resolve, reject)
      .finally(() => this.#waiting.delete(instead));
    return promise;
  }

  /** A software adapter compiles nothing while it works, and this thread must not wait for what may be without end. */
  #safely(compile: () => void): void {
    if (this.#watch.lost) return;
    if (this.#watch.late) setTimeout(() => this.#safely(compile), LATE_MS);
    else compile();
  }

  /** `owner` has waited for this too long. */
  block(owner: object, compilation: Promise<void>): void {
    this.#stuck.add(compilation);
    void compilation.then(() => this.#stuck.delete(compilation));
    for (const [instead, whose] of this.#waiting) {
      this.#waiting.delete(instead);
      if (whose !== owner) instead();
    }
  }
}

/** Between two looks at whether it is worth waiting. */
const WAIT_MS = 10;
/** Time for which WGSL is read in a row; others have the thread for as long afterwards. */
const PARSE_MS_MAX = 4;

/** Compiles a room's shaders and pipelines, within the time that a room has for it. */
export class RoomCompiler {
  /** Whether pipelines compile beside the frames, and commands that need them wait. */
  patient = false;
  readonly #time: CompileTime;
  readonly #device: DeviceCompiler;
  readonly #watch: DeviceWatch;
  /** Takes what a compilation fails with, for the command that is executed now. */
  readonly #refuser: (failure: Promise<unknown>) => (error: unknown) => void;
  readonly #pending = new Set<Promise<void>>();
  #parsedMs = 0;

  constructor(options: {
    device: GPUDevice;
    msMax: number;
    refuser(failure: Promise<unknown>): (error: unknown) => void;
  }) {
    this.#time = new CompileTime(options.msMax);
    this.#device = DeviceCompiler.of(options.device);
    this.#watch = DeviceWatch.of(options.device);
    this.#refuser = options.refuser;
  }

  /** Reads WGSL: on this thread, which others need too. @throws Fault where it has taken too long, Waiting */
  shaderModule(parse: () => GPUShaderModule): GPUShaderModule {
    this.#rest();
    const begun = performance.now();
    const made = this.#time.measure(parse);
    this.#parsedMs += performance.now() - begun;
    return made;
  }

  #rest(): void {
    const ms = this.#parsedMs;
    if (!this.patient || ms < PARSE_MS_MAX) return;
    this.#parsedMs = 0;
    throw new Waiting(new Promise((resolve) => setTimeout(resolve, ms)));
  }

  /** What `beside` makes, once it is there, or what `atOnce` makes, without patience. @throws Fault */
  pipeline<T>(atOnce: () => T, beside: () => Promise<T>): Compiled<T> {
    if (!this.patient) return { gpu: this.#time.measure(atOnce) };
    const made = this.#device.compile(this, beside, atOnce);
    const failure = made.then(
      () => undefined,
      (error: unknown) => error,
    );
    const refuse = this.#refuser(failure);
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

  /** What was asked for and has not compiled yet; undefined for nothing. */
  get pending(): Promise<void> | undefined {
    return this.#pending.size > 0 ? Promise.all(this.#pending).then(() => {}) : undefined;
  }

  /** Waits, and accounts it. @throws Fault where it takes too long, Lost where the device is lost meanwhile */
  async wait(compilation: Promise<void>): Promise<void> {
    const begun = performance.now();
    const { left } = this.#time;
    const stop = Promise.withResolvers<void>();
    const timer = setInterval(() => {
      if (this.#watch.lost || performance.now() - begun >= left) stop.resolve();
    }, WAIT_MS);
    await Promise.race([compilation, stop.promise]);
    clearInterval(timer);
    if (this.#watch.lost) throw new Lost('the device was lost while a pipeline compiled');
    try {
      this.#time.spend(begun);
    } catch (error) {
      for (const pending of this.#pending) this.#device.block(this, pending);
      throw error;
    }
  }
}
