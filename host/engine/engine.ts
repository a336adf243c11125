import type { Config } from '../base/config.ts';
import type { NearlightError } from '../base/errors.ts';

/** The settings that bound what a module may use. */
export type EngineLimits = Pick<
  Config,
  | 'moduleBytesMax'
  | 'memoryBytesMax'
  | 'tableElementsMax'
  | 'initMsMax'
  | 'callMsMax'
  | 'compileMsMax'
  | 'compileBytesMax'
  | 'commandBytesMax'
  | 'dataBytesMax'
  | 'stateBytesMax'
>;

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Properties of the GPU that a module can query (renderer/contract/ABI.md, "Imports"). */
export interface GpuFacts {
  /** Bit n is set if the GPU has the n-th FeatureName, counted from 0. */
  features: number;
  /** Element n is the value of the n-th LimitName, counted from 0, as a u32. */
  limits: ArrayLike<number>;
}

/** A stack frame of a module that trapped. An engine knows the function, the offset, or both. */
export interface TrapFrame {
  /** Index of the function in the module, imported functions first. */
  function?: number;
  /** Bytes from the start of the module file to the instruction. */
  offset?: number;
}

export interface LoadOptions {
  limits: EngineLimits;
  /** Seed of the game's randomness, a whole number below 2^53. */
  seed: number;
  /** Ticks per second. */
  tickRate: number;
  seats: number;
  /** The asset pack (renderer/contract/ABI.md, "Assets"); empty if the game has none. */
  assets: Uint8Array;
  /** The GPU that the module can query. If it is missing, the module sees no features and limits of 0. */
  gpu?: GpuFacts;
  /** Takes the lines that the module logs, and the progress of the compiler. It must not throw. */
  log(level: LogLevel, message: string): void;
  /**
   * Translates stack frames, innermost first, into a place in the game's sources. The result is appended to the reason of
   * the trap; it is empty, or begins with ", ".
   */
  locate?(frames: readonly TrapFrame[]): string;
}

/**
 * Everything that a module submitted during one call. Both arrays are copies that the guest cannot change. The instance owns them and
 * overwrites them in its next call.
 */
export interface Submission {
  /** The command stream in 32-bit words (renderer/contract/ABI.md, "Command stream"). */
  readonly commands: Uint32Array;
  /** Bulk data. Commands refer to it by byte offset. */
  readonly data: Uint8Array;
  /** The export that submitted this: init, join, leave, tick, render or load. */
  readonly call?: string;
  /**
   * Returns the stack of functions that ran when the module wrote its n-th command, innermost first. Only debug builds on the
   * JavaScript engine record it. Stays valid after the next call.
   */
  readonly origin?: ((command: number) => readonly TrapFrame[]) | undefined;
}

/** Runs modules. */
export interface Engine {
  readonly name: 'wasmedge' | 'wasmedge-interpreter' | 'javascript';
  /**
   * Checks a module, compiles it or takes it from the cache, instantiates it, and calls its `init`.
   * @throws NearlightError NL_MODULE_*, NL_COMPILE, NL_GUEST_*, NL_NO_WASMEDGE
   */
  load(module: Uint8Array, options: LoadOptions): Promise<Instance>;
}

/**
 * One initialised module. Calls are serial: the caller waits for one to finish before it makes the next. An error closes the
 * instance, and every later call rejects with that same error.
 */
export interface Instance {
  /** Id of the process that runs the module; undefined if the module runs in this process. */
  readonly pid: number | undefined;
  /** The submission of `init`. Valid until the first call. */
  readonly initial: Submission;
  /**
   * One input record of INPUT_STRIDE bytes for each seat (renderer/contract/ABI.md, "Input"). The caller writes them here;
   * the instance copies them to the guest before each call.
   */
  readonly inputs: DataView;
  /**
   * Adds a record of REPLY_WORDS words to the reply ring. The module can read it from its next call on. If that call is
   * restore(), it sees only REPLY_DEVICE_LOST; other replies wait for the call after it.
   */
  reply(record: ArrayLike<number>): void;
  /**
   * Copies `bytes` into linear memory before the next call other than restore(). If they do not fit there, that call ends the
   * instance with NL_GUEST_TRAP. The writes before one call, plus 8 bytes for each, must not exceed DATA_BYTES_MAX.
   */
  write(address: number, bytes: Uint8Array): void;
  join(seat: number): Promise<Submission>;
  leave(seat: number): Promise<Submission>;
  tick(tick: number): Promise<Submission>;
  /** Draws the view of a seat. @param width and height in pixels */
  render(seat: number, width: number, height: number): Promise<Submission>;
  /** Returns a copy of the game's whole state, or undefined if the module does not export `save`. */
  save(): Promise<Uint8Array | undefined>;
  /**
   * Loads a state that another instance of the same game has saved. It must be the first call of an instance. A game may
   * trap to refuse the state, which ends the instance.
   * @throws NearlightError NL_GUEST_PROTOCOL if the state is too large, NL_MODULE_EXPORT if the module does not export
   * `load`. The instance stays usable after both.
   */
  restore(state: Uint8Array): Promise<Submission>;
  /** Resolves once, when the instance ends: with the error that ended it, or with undefined after close(). */
  readonly ended: Promise<NearlightError | undefined>;
  /** Ends the module and resolves when its process and memory are gone. May be called again. */
  close(): Promise<void>;
}
