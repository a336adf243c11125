import type { Config } from '../base/config.ts';
import type { NearlightError } from '../base/errors.ts';

/** The settings that limit a game's module: memory, time and sizes. */
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

/** One function on the call stack of a module. An engine knows its index, the offset of the instruction, or both. */
export interface TrapFrame {
  /** Index of the function in the module, imported functions first. */
  function?: number;
  /** Byte offset of the instruction in the module file. */
  offset?: number;
}

export interface LoadOptions {
  limits: EngineLimits;
  /** Seed of the game's random numbers, a whole number below 2^53. */
  seed: number;
  /** Number of times per second that the game is advanced by a call of `tick`. */
  tickRate: number;
  seats: number;
  /** The asset pack (renderer/contract/ABI.md, "Assets"); empty if the game has none. */
  assets: Uint8Array;
  /**
   * Descriptor of sealed memory that holds `assets`, which an engine may then pass on instead of a copy. It is open as long as
   * something refers to the memory of `assets`.
   */
  assetsFd?: number;
  /** Properties of the GPU that the module can query. Without them, the module sees no features, and limits of 0. */
  gpu?: GpuFacts;
  /**
   * User and group of the process that runs the module. If undefined, the engine chooses. The JavaScript engine has no such
   * process.
   */
  user?: { uid: number; gid: number } | undefined;
  /** Takes the lines that the module logs, and the progress of the compiler. It must not throw. */
  log(level: LogLevel, message: string): void;
  /**
   * Translates stack frames, innermost first, into a place in the game's sources. The text is appended to the message of an
   * error; it is empty, or begins with ", ".
   */
  locate?(frames: readonly TrapFrame[]): string;
}

/** The seats for which a tick also mixes sound (renderer/contract/ABI.md, "Sound"). */
export interface Listening {
  /** Numbers of the seats, in ascending order. */
  readonly seats: readonly number[];
  /** Number of frames of sound for each seat, 1 to AUDIO_FRAMES_MAX. */
  readonly frames: number;
}

/**
 * Everything that a module submitted during one call of an export. Both arrays are copies that the module cannot change. The
 * instance owns the arrays and overwrites them in its next call.
 */
export interface Submission {
  /** The command stream in 32-bit words (renderer/contract/ABI.md, "Command stream"). */
  readonly commands: Uint32Array;
  /** Bulk data, such as vertices and texels. Commands refer to it by byte offset. */
  readonly data: Uint8Array;
  /** The export whose call submitted the commands: init, join, leave, tick, render, load or import_player. */
  readonly call?: string;
  /**
   * Returns the stack of functions that ran when the module wrote its n-th command, innermost first. Only debug builds on the
   * JavaScript engine record it. Stays valid after the next call.
   */
  readonly origin?: ((command: number) => readonly TrapFrame[]) | undefined;
  /**
   * The sound of a tick for the players of some seats: the frames of one seat after those of another, in the order of
   * Listening.seats. A frame is two samples, left and right, each from -1 to 1.
   */
  readonly sound?: Float32Array;
}

/** Outcome of giving a module a player's state. */
export interface Imported {
  /** Whether the module uses the state. */
  readonly accepted: boolean;
  readonly submission: Submission;
}

/** Runs the WebAssembly modules of games. */
export interface Engine {
  readonly name: 'wasmedge' | 'wasmedge-interpreter' | 'javascript';
  /**
   * Checks a module, compiles it or takes it from the cache, instantiates it, and calls its `init`.
   * @throws NearlightError NL_MODULE_*, NL_COMPILE, NL_GUEST_*, NL_NO_WASMEDGE
   */
  load(module: Uint8Array, options: LoadOptions): Promise<Instance>;
}

/**
 * One running module, after its `init`. Calls are serial: the caller waits for each to finish before it makes the next. An
 * error ends the instance, and every later call rejects with the same error.
 */
export interface Instance {
  /** Id of the process that runs the module; undefined if the module runs in this process. */
  readonly pid: number | undefined;
  /** Ids of all processes that belong to the module, `pid` first; empty if the module runs in this process. */
  readonly pids: readonly number[];
  /** Whether the module has sound: whether it exports `audio`. */
  readonly hasSound: boolean;
  /** The commands and data that the module's `init` submitted. Valid until the first call. */
  readonly initial: Submission;
  /**
   * One input record of INPUT_STRIDE bytes for each seat, that is, player (renderer/contract/ABI.md, "Input"). The caller
   * writes the records here; the instance copies them into the module's memory before each call.
   */
  readonly inputs: DataView;
  /**
   * The records of the gamepads of each seat, PADS_STRIDE bytes each, which the caller writes like the input records. A module
   * whose IO block has no place for them does not get them.
   */
  readonly pads: DataView;
  /**
   * Adds a record of REPLY_WORDS words to the reply ring, in which the module reads the GPU's answers from its next call on. In
   * a call of restore() it sees only REPLY_DEVICE_LOST, and in importPlayer() none; the others wait for the call after that.
   */
  reply(record: ArrayLike<number>): void;
  /**
   * Copies `bytes` into the module's linear memory before the next call other than restore() and importPlayer(). If they do not fit there, that
   * call ends the instance with NL_GUEST_TRAP. All bytes written before one call, plus 8 per write, must not exceed
   * DATA_BYTES_MAX.
   */
  write(address: number, bytes: Uint8Array): void;
  join(seat: number): Promise<Submission>;
  leave(seat: number): Promise<Submission>;
  /**
   * Calls `tick`, and then `audio` for each seat of `listening`, if the module has sound. That changes neither the game's state
   * nor what it submits.
   */
  tick(tick: number, listening?: Listening): Promise<Submission>;
  /** Calls `render`, in which the module draws the picture of one player. @param width and height in pixels */
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
  /** Returns a copy of what belongs to the player of a seat, or undefined if the module does not export `export_player`. */
  exportPlayer(seat: number): Promise<Uint8Array | undefined>;
  /**
   * Gives the player of a seat, who has joined, what another instance of the game has exported. The module may refuse it.
   * @throws NearlightError NL_GUEST_PROTOCOL if the state is too large, NL_MODULE_EXPORT if the module does not export
   * `import_player`. The instance stays usable after both.
   */
  importPlayer(seat: number, state: Uint8Array): Promise<Imported>;
  /** Resolves once, when the instance ends: with the error that ended it, or with undefined after close(). */
  readonly ended: Promise<NearlightError | undefined>;
  /** Ends the module and resolves when its process, if any, has ended and its memory is released. May be called again. */
  close(): Promise<void>;
}
