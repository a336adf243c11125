import {
  ABI_VERSION,
  INPUT_STRIDE,
  IO_INPUTS,
  IO_MAGIC,
  IO_REPLIES,
  IO_REPLY_HEAD,
  IO_SEATS,
  IO_SIZE,
  PADS_STRIDE,
  REPLY_COUNT,
  REPLY_WORDS,
} from '../../renderer/contract/abi.ts';
import { must } from '../base/assert.ts';
import { readAssets } from '../base/assets.ts';
import { NearlightError, textOf } from '../base/errors.ts';
import { CHANNELS } from '../base/sound.ts';
import type { Engine, Imported, Instance, Listening, LoadOptions, Submission } from './engine.ts';
import { stackOverflow, type Trap, trapError, versionError } from './failure.ts';
import { createImports } from './imports.ts';
import { GuestLog } from './log.ts';
import { Marks, readFrames } from './marks.ts';
import { type CheckedModule, checkModule, START_EXPORT } from './module.ts';
import { Replies } from './replies.ts';
import { copySamples, soundLength, soundProblem } from './sound.ts';
import { checkPlayer, checkState, playerBytesMax, playerTooLarge, StateTransfer, stateBytesMax } from './state.ts';
import { Collector } from './submission.ts';

type Exports = Record<string, (...parameters: number[]) => number> & {
  memory: WebAssembly.Memory;
};

/**
 * Creates an engine that runs modules on the JavaScript runtime's own WebAssembly, in the browser and in tests. It limits
 * memory and tables. But a module runs on the caller's thread, and nothing can end a call that never returns.
 */
export function createJavaScriptEngine(): Engine {
  return {
    name: 'javascript',
    async load(module, options) {
      const checked = checkModule(module, options.limits);
      const compiled = await WebAssembly.compile(checked.bytes).catch((error: Error) => {
        throw new NearlightError('NL_MODULE_INVALID', error.message, {
          cause: error,
        });
      });
      return JavaScriptInstance.start(compiled, checked, options);
    },
  };
}

export class JavaScriptInstance implements Instance {
  readonly pid = undefined;
  readonly pids = [];
  readonly inputs: DataView;
  readonly pads: DataView;
  readonly ended: Promise<NearlightError | undefined>;
  readonly #options: LoadOptions;
  readonly #checked: CheckedModule;
  readonly #log: GuestLog;
  readonly #collector: Collector;
  readonly #replies = new Replies();
  readonly #state = new StateTransfer();
  readonly #marks: Marks;
  /** Bytes to copy into the module's linear memory before the next call. */
  readonly #writes: { address: number; bytes: Uint8Array }[] = [];
  /** The reply ring, the input records and the records of gamepads, to be copied into the module's IO block before each call. */
  readonly #ring = new Uint32Array(REPLY_COUNT * REPLY_WORDS);
  readonly #ringBytes = new Uint8Array(this.#ring.buffer);
  readonly #inputBytes: Uint8Array;
  readonly #padBytes: Uint8Array;
  readonly #end: (error: NearlightError | undefined) => void;
  /** Undefined until the module is instantiated. */
  #exports: Exports | undefined;
  #memory = new Uint8Array(0);
  /** Sound of the newest tick that had listeners. */
  #sound = new Float32Array(0);
  /** Address of the module's IO block in linear memory. */
  #block = 0;
  /** Whether the IO block has records of gamepads. */
  #hasPads = false;
  /** Result of the newest call of an export. */
  #result = 0;
  /** The export of the module that is running, or ran last. */
  #running = 'instantiation';
  #failure: NearlightError | undefined;

  private constructor(checked: CheckedModule, options: LoadOptions) {
    this.#options = options;
    this.#checked = checked;
    this.#marks = new Marks(checked.codeShift);
    this.#log = new GuestLog((level, message) => options.log(level, message));
    this.#collector = new Collector(options.limits);
    this.#inputBytes = new Uint8Array(options.seats * INPUT_STRIDE);
    this.inputs = new DataView(this.#inputBytes.buffer);
    this.#padBytes = new Uint8Array(options.seats * PADS_STRIDE);
    this.pads = new DataView(this.#padBytes.buffer);
    const { promise, resolve } = Promise.withResolvers<NearlightError | undefined>();
    this.ended = promise;
    this.#end = resolve;
  }

  static async start(
    module: WebAssembly.Module,
    checked: CheckedModule,
    options: LoadOptions,
  ): Promise<JavaScriptInstance> {
    const instance = new JavaScriptInstance(checked, options);
    await instance.#initialise(module);
    return instance;
  }

  get initial(): Submission {
    return this.#submission('init');
  }

  #submission(call: string): Submission {
    return this.#collector.submission(call, this.#marks.origin);
  }

  get hasSound(): boolean {
    return this.#checked.sounds;
  }

  /** Size of the module's linear memory. */
  get memoryBytes(): number {
    return this.#exports?.memory.buffer.byteLength ?? 0;
  }

  async #initialise(module: WebAssembly.Module): Promise<void> {
    const { seed, tickRate, seats } = this.#options;
    const exports = await this.#instantiate(module);
    this.#exports = exports;
    if (exports[START_EXPORT]) this.#invoke(START_EXPORT, []);
    if (exports._initialize) this.#invoke('_initialize', []);
    const version = this.#invoke('version', []);
    if (version !== ABI_VERSION) throw this.#fail(versionError(version), 'version');
    const address = this.#invoke('init', [seed >>> 0, Math.floor(seed / 2 ** 32), tickRate, seats]) >>> 0;
    const problem = blockProblem(this.#view(), address, seats);
    if (problem) throw this.#fail(new NearlightError('NL_GUEST_PROTOCOL', problem), 'init');
    this.#block = address;
    this.#hasPads = new DataView(this.#view().buffer).getUint32(address + IO_SIZE, true) !== ioBytes(seats);
  }

  async #instantiate(module: WebAssembly.Module): Promise<Exports> {
    const nearlight = createImports({
      options: this.#options,
      assets: readAssets(this.#options.assets),
      log: this.#log,
      collector: this.#collector,
      marks: this.#marks,
      state: this.#state,
      memory: () => this.#view(),
      running: () => this.#running,
    });
    try {
      const instance = await WebAssembly.instantiate(module, { nearlight });
      return instance.exports as Exports;
    } catch (error) {
      throw this.#fail(error, 'instantiation');
    }
  }

  /** Returns all of the module's linear memory. Creates a new view only after the memory has grown. */
  #view(): Uint8Array {
    const { buffer } = must(this.#exports, 'instantiated module').memory;
    if (this.#memory.buffer !== buffer) this.#memory = new Uint8Array(buffer);
    return this.#memory;
  }

  reply(record: ArrayLike<number>): void {
    this.#replies.add(record);
  }

  write(address: number, bytes: Uint8Array): void {
    this.#writes.push({ address, bytes: bytes.slice() });
  }

  join(seat: number): Promise<Submission> {
    return this.#call('join', [seat]);
  }

  leave(seat: number): Promise<Submission> {
    return this.#call('leave', [seat]);
  }

  async tick(tick: number, listening?: Listening): Promise<Submission> {
    const submission = await this.#call('tick', [tick]);
    if (!this.hasSound || listening === undefined || listening.seats.length === 0) return submission;
    return { ...submission, sound: this.#mix(listening) };
  }

  render(seat: number, width: number, height: number): Promise<Submission> {
    return this.#call('render', [seat, width, height]);
  }

  async save(): Promise<Uint8Array | undefined> {
    if (!this.#checked.saves && !this.#failure) return undefined;
    this.#state.beginSave(stateBytesMax(this.#options.limits));
    await this.#call('save', []);
    return this.#state.end();
  }

  async restore(state: Uint8Array): Promise<Submission> {
    if (this.#failure) throw this.#failure;
    checkState(state, this.#checked.saves, stateBytesMax(this.#options.limits));
    this.#state.beginLoad(state);
    const submission = await this.#call('load', [state.length]);
    this.#state.end();
    return submission;
  }

  async exportPlayer(seat: number): Promise<Uint8Array | undefined> {
    if (!this.#checked.moves && !this.#failure) return undefined;
    this.#state.beginSave(playerBytesMax(this.#options.limits), playerTooLarge);
    await this.#call('export_player', [seat]);
    return this.#state.end();
  }

  async importPlayer(seat: number, state: Uint8Array): Promise<Imported> {
    if (this.#failure) throw this.#failure;
    checkPlayer(state, this.#checked.moves, playerBytesMax(this.#options.limits));
    this.#state.beginLoad(state);
    const submission = await this.#call('import_player', [seat, state.length]);
    this.#state.end();
    return { accepted: this.#result !== 0, submission };
  }

  async close(): Promise<void> {
    this.#failure ??= new NearlightError('NL_ROOM_ENDED', 'the instance is closed');
    this.#end(undefined);
    this.#log.flush();
  }

  async #call(name: string, parameters: number[]): Promise<Submission> {
    if (this.#failure) throw this.#failure;
    this.#collector.reset();
    this.#marks.reset();
    this.#stage(name);
    if (name !== 'load' && name !== 'import_player') this.#applyWrites(name);
    this.#result = this.#invoke(name, parameters);
    return this.#submission(name);
  }

  /** Calls `audio` for each seat, and collects the samples. */
  #mix(listening: Listening): Float32Array {
    const { seats, frames } = listening;
    const length = soundLength(listening);
    if (this.#sound.length !== length) this.#sound = new Float32Array(length);
    const count = frames * CHANNELS;
    for (const [place, seat] of seats.entries()) {
      const address = this.#invoke('audio', [seat, frames]) >>> 0;
      const part = this.#sound.subarray(place * count, (place + 1) * count);
      const memory = this.#view();
      const problem = soundProblem(address, count * 4, memory.length);
      if (problem) throw this.#fail(new NearlightError('NL_GUEST_PROTOCOL', problem), 'audio');
      if (address === 0) part.fill(0);
      else copySamples(new Float32Array(memory.buffer, address, count), part);
    }
    return this.#sound;
  }

  /** Copies replies, input records and records of gamepads into the module's IO block. */
  #stage(call: string): void {
    this.#replies.stage(this.#ring, call);
    const memory = this.#view();
    const view = new DataView(memory.buffer);
    view.setUint32(this.#block + IO_REPLY_HEAD, this.#replies.head, true);
    memory.set(this.#ringBytes, this.#block + IO_REPLIES);
    memory.set(this.#inputBytes, this.#block + IO_INPUTS);
    if (this.#hasPads) memory.set(this.#padBytes, this.#block + IO_INPUTS + this.#inputBytes.length);
  }

  /** Copies each answer, such as a GPU buffer range, to the address that the module asked for. */
  #applyWrites(call: string): void {
    const memory = this.#view();
    for (const { address, bytes } of this.#writes.splice(0)) {
      if (address + bytes.length > memory.length)
        throw this.#fail(new WebAssembly.RuntimeError('the target of an answer lies outside linear memory'), call);
      memory.set(bytes, address);
    }
  }

  #invoke(name: string, parameters: number[]): number {
    this.#running = name;
    const run = must(must(this.#exports, 'instantiated module')[name], 'export that was checked');
    try {
      return run(...parameters);
    } catch (error) {
      throw this.#fail(error, name);
    }
  }

  /** Returns the place in the game's sources where an error happened; empty if that is unknown. */
  #place(error: unknown): string {
    if (!(error instanceof Error) || (error instanceof NearlightError && error.code !== 'NL_COMMAND')) return '';
    const frames = readFrames(error, this.#checked.codeShift);
    return frames.length > 0 ? (this.#options.locate?.(frames) ?? '') : '';
  }

  #fail(error: unknown, call: string): NearlightError {
    this.#log.flush();
    this.#failure = toFailure(error, {
      call,
      place: this.#place(error),
      lastLine: this.#log.last,
      memoryBytes: this.memoryBytes,
      memoryBytesMax: this.#options.limits.memoryBytesMax,
    });
    this.#end(this.#failure);
    return this.#failure;
  }
}

function toFailure(error: unknown, where: Omit<Trap, 'reason'>): NearlightError {
  if (error instanceof NearlightError && error.code === 'NL_COMMAND')
    return new NearlightError('NL_COMMAND', `in ${where.call}, ${error.detail}${where.place}`);
  if (error instanceof NearlightError) return error;
  if (error instanceof RangeError) return stackOverflow(where.call, where.place);
  return trapError({
    ...where,
    reason: textOf(error),
  });
}

/**
 * Says what is wrong with the IO block whose address the module's init returned; undefined if nothing is. The guest program
 * makes the same checks in C++ (wasmedge/instance.cc).
 */
function blockProblem(memory: Uint8Array, address: number, seats: number): string | undefined {
  const size = ioBytes(seats);
  if (address === 0) return 'init returned 0, which reports that it failed';
  if (address % 4 !== 0) return 'init returned an address that is not a multiple of 4';
  if (address + size > memory.length) return 'the IO block lies outside linear memory';
  const view = new DataView(memory.buffer, address, size);
  const given = view.getUint32(IO_SIZE, true);
  if (view.getUint32(0, true) !== IO_MAGIC) return 'the IO block does not begin with IO_MAGIC';
  if (given !== size && given !== size + seats * PADS_STRIDE)
    return 'the IO block does not have the size that its seats need';
  if (view.getUint32(IO_SEATS, true) !== seats) return 'the IO block was made for another number of seats';
  if (address + given > memory.length) return 'the IO block lies outside linear memory';
  return undefined;
}

/** Size of an IO block without records of gamepads, in bytes. */
function ioBytes(seats: number): number {
  return IO_INPUTS + seats * INPUT_STRIDE;
}
