import { Fault } from './reader.ts';
import { DeviceWatch } from './watch.ts';

/** Of the time that compiling takes, a room is given this part back as it passes. */
const COMPILE_SHARE = 0.05;

/** Time that a room's shaders and pipelines take to compile; what it may take at once comes back slowly. */
export class CompileTime {
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

const LATE_MS = 50;

const known = new WeakMap<GPUDevice, DeviceCompiler>();

/**
 * Compiles beside the frames of a device that rooms share. The implementation does so one after another, so that one that does
 * not end would hold up all others: from then on they are compiled at once instead, until it does end.
 */
export class DeviceCompiler {
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
