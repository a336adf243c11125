import type { Config } from '../config.ts';
import type { NearlightError } from '../errors.ts';

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
>;

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface LoadOptions {
  limits: EngineLimits;
  seed: number;
  tickRate: number;
  seats: number;
  /** The asset pack (renderer/ABI.md, "Assets"); empty for none. */
  assets: Uint8Array;
  /** Lines that the module logs, and compiler progress. Never throws. */
  log(level: LogLevel, message: string): void;
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
  /** Puts one record of REPLY_WORDS words on the reply ring; the guest sees it from its next call on. */
  reply(record: ArrayLike<number>): void;
  join(seat: number): Promise<Submission>;
  leave(seat: number): Promise<Submission>;
  tick(tick: number): Promise<Submission>;
  render(seat: number, width: number, height: number): Promise<Submission>;
  /** Resolves once when the instance has ended: with the error that ended it, or undefined after close(). */
  readonly ended: Promise<NearlightError | undefined>;
  /** Ends the guest; idempotent. Resolves when its process and memory are gone. */
  close(): Promise<void>;
}
