import type { Config } from '../base/config.ts';
import type { NearlightError } from '../base/errors.ts';

/** What an engine takes from the settings. */
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

/** A GPU as a module may ask for it (renderer/contract/ABI.md, "Imports"). */
export interface GpuFacts {
  /** Bit n is the n-th FeatureName, counted from 0. */
  features: number;
  /** The n-th LimitName's value, u32. */
  limits: ArrayLike<number>;
}

/** A place in a module that was running when it trapped; an engine knows one or the other, or both. */
export interface TrapFrame {
  /** Index of the function, imports first. */
  function?: number;
  /** Bytes from the start of the module file to the instruction. */
  offset?: number;
}

export interface LoadOptions {
  limits: EngineLimits;
  seed: number;
  tickRate: number;
  seats: number;
  /** The asset pack (renderer/contract/ABI.md, "Assets"); empty for none. */
  assets: Uint8Array;
  /** What the module is told of its GPU; without, it has no features, and limits of 0. */
  gpu?: GpuFacts;
  /** Lines that the module logs, and compiler progress. Never throws. */
  log(level: LogLevel, message: string): void;
  /** Says where in the sources a trap arose, the innermost frame first; it follows the reason in the error's message. */
  locate?(frames: readonly TrapFrame[]): string;
}

/**
 * What one call of the module submitted. Owned by the instance; the views die at the instance's next call,
 * except that both are private copies which the guest cannot change.
 */
export interface Submission {
  /** The command stream, 32-bit words; ABI.md, "Command stream". */
  readonly commands: Uint32Array;
  /** What references in the stream point into: a reference's first word is a byte offset in `data`. */
  readonly data: Uint8Array;
}

/** Runs modules. */
export interface Engine {
  readonly name: 'wasmedge' | 'wasmedge-interpreter' | 'javascript';
  /**
   * Checks, compiles (or takes from the cache), instantiates and initialises a module.
   * @throws NearlightError NL_MODULE_*, NL_COMPILE, NL_GUEST_*, NL_NO_WASMEDGE
   */
  load(module: Uint8Array, options: LoadOptions): Promise<Instance>;
}

/**
 * One initialised module. Calls are serial: the caller waits for one before it makes the next.
 * After an error the instance is closed, and every further call rejects with that same error.
 */
export interface Instance {
  /** The process of its own that runs the module; undefined where there is none. */
  readonly pid: number | undefined;
  /** What `init` submitted; valid until the first call. */
  readonly initial: Submission;
  /** `seats` input records of INPUT_STRIDE bytes (ABI.md, "Input"), copied to the guest before each tick and render. */
  readonly inputs: DataView;
  /**
   * Puts one record of REPLY_WORDS words on the reply ring; the guest sees it from its next call on, or, unless it is
   * REPLY_DEVICE_LOST, from the one after where that is restore().
   */
  reply(record: ArrayLike<number>): void;
  /**
   * Puts a copy of `bytes` into linear memory before the next call but restore(). Where they do not fit into it, that call ends the
   * instance with NL_GUEST_TRAP. Together with 8 bytes each, those of one call are at most DATA_BYTES_MAX.
   */
  write(address: number, bytes: Uint8Array): void;
  join(seat: number): Promise<Submission>;
  leave(seat: number): Promise<Submission>;
  tick(tick: number): Promise<Submission>;
  render(seat: number, width: number, height: number): Promise<Submission>;
  /** The game's whole state, as a copy for the caller to keep; undefined where the module saves none. */
  save(): Promise<Uint8Array | undefined>;
  /**
   * Gives a fresh instance, before its first other call, a state that another one of the same game has saved.
   * A game may refuse it, which ends the instance like any trap. Too large a state, and a module that loads none, reject
   * with NL_GUEST_PROTOCOL and NL_MODULE_EXPORT, and the instance goes on.
   */
  restore(state: Uint8Array): Promise<Submission>;
  /** Resolves once when the instance has ended: with the error that ended it, or undefined after close(). */
  readonly ended: Promise<NearlightError | undefined>;
  /** Ends the guest; idempotent. Resolves when its process and memory are gone. */
  close(): Promise<void>;
}
