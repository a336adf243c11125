import { Fault } from './reader.ts';

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

const known = new WeakMap<GPUDevice, DeviceCompiler>();

/**
 * Compiles beside the frames of a device that rooms share. The implementation does so one after another, so that one that does
 * not end would hold up all others: from then on they are compiled at once instead, until it does end.
 */
export class DeviceCompiler {
  readonly #stuck = new Set<Promise<void>>();
  #jam = Promise.withResolvers<void>();

  /** The one of this device. */
  static of(device: GPUDevice): DeviceCompiler {
    let compiler = known.get(device);
    if (!compiler) {
      compiler = new DeviceCompiler();
      known.set(device, compiler);
    }
    return compiler;
  }

  /** Compiles by `beside`, or by `atOnce` where the other way is blocked or becomes so. */
  compile<T>(beside: () => Promise<T>, atOnce: () => T): Promise<T> {
    if (this.#stuck.size > 0) return Promise.resolve().then(atOnce);
    return Promise.race([beside(), this.#jam.promise.then(atOnce)]);
  }

  /** Somebody has waited for this too long. */
  block(compilation: Promise<void>): void {
    this.#stuck.add(compilation);
    this.#jam.resolve();
    void compilation.then(() => {
      this.#stuck.delete(compilation);
      if (this.#stuck.size === 0) this.#jam = Promise.withResolvers<void>();
    });
  }
}
