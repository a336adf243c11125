import {
  ABI_VERSION,
  EXIT_STATUS_MAX,
  INPUT_STRIDE,
  IO_INPUTS,
  IO_MAGIC,
  IO_REPLIES,
  IO_REPLY_HEAD,
  IO_SEATS,
  IO_SIZE,
  REPLY_COUNT,
  REPLY_WORDS,
} from '../../renderer/contract/abi.ts';
import { type Asset, readAssets } from '../base/assets.ts';
import { GuestExit, NearlightError } from '../base/errors.ts';
import type { Engine, Instance, LoadOptions, Submission } from './engine.ts';
import { recursion, type Trap, trapError, versionError } from './failure.ts';
import { GuestLog } from './log.ts';
import { type CheckedModule, checkModule, START_EXPORT } from './module.ts';
import { Replies } from './replies.ts';
import { checkState, StatePassage, stateBytesMax } from './state.ts';
import { Collector } from './submission.ts';

type Exports = Record<string, (...parameters: number[]) => number> & {
  memory: WebAssembly.Memory;
};

/**
 * The engine of the JavaScript runtime itself, for the browser and for tests. It bounds memory and tables, but runs a
 * module on the caller's thread: a call that never returns stops that thread, and nothing can end it.
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

class JavaScriptInstance implements Instance {
  readonly pid = undefined;
  readonly inputs: DataView;
  readonly ended: Promise<NearlightError | undefined>;
  private readonly options: LoadOptions;
  private readonly assets: Asset[];
  private readonly log: GuestLog;
  private readonly collector: Collector;
  private readonly replies = new Replies();
  private readonly writes: { address: number; bytes: Uint8Array }[] = [];
  private readonly checked: CheckedModule;
  private readonly state: StatePassage;
  private readonly ring = new Uint32Array(REPLY_COUNT * REPLY_WORDS);
  private exports!: Exports;
  private memory = new Uint8Array(0);
  private block = 0;
  /** The export that runs. */
  private current = 'instantiation';
  private end!: (error: NearlightError | undefined) => void;
  private failure: NearlightError | undefined;

  private constructor(checked: CheckedModule, options: LoadOptions) {
    this.options = options;
    this.checked = checked;
    this.state = new StatePassage(stateBytesMax(options.limits));
    this.assets = readAssets(options.assets);
    this.log = new GuestLog((level, message) => options.log(level, message));
    this.collector = new Collector(options.limits);
    this.inputs = new DataView(new ArrayBuffer(options.seats * INPUT_STRIDE));
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  static async start(
    module: WebAssembly.Module,
    checked: CheckedModule,
    options: LoadOptions,
  ): Promise<JavaScriptInstance> {
    const instance = new JavaScriptInstance(checked, options);
    await instance.initialise(module);
    return instance;
  }

  get initial(): Submission {
    return this.collector.submission;
  }

  private async initialise(module: WebAssembly.Module): Promise<void> {
    const { seed, tickRate, seats } = this.options;
    try {
      const instance = await WebAssembly.instantiate(module, {
        nearlight: this.imports(),
      });
      this.exports = instance.exports as Exports;
    } catch (error) {
      throw this.fail(error, 'instantiation');
    }
    if (this.exports[START_EXPORT]) this.invoke(START_EXPORT, []);
    if (this.exports._initialize) this.invoke('_initialize', []);
    const version = this.invoke('version', []);
    if (version !== ABI_VERSION) throw this.fail(versionError(version), 'version');
    const address = this.invoke('init', [seed >>> 0, Math.floor(seed / 2 ** 32), tickRate, seats]) >>> 0;
    const problem = blockProblem(this.view(), address, seats);
    if (problem) throw this.fail(new NearlightError('NL_GUEST_PROTOCOL', problem), 'init');
    this.block = address;
  }

  /** Linear memory; a new view after it has grown. */
  private view(): Uint8Array {
    const { buffer } = this.exports.memory;
    if (this.memory.buffer !== buffer) this.memory = new Uint8Array(buffer);
    return this.memory;
  }

  private imports(): Record<string, (...parameters: number[]) => number | undefined> {
    const part = (address: number, length: number, what: string) => {
      const bytes = this.view();
      if ((address >>> 0) + (length >>> 0) > bytes.length)
        throw new WebAssembly.RuntimeError(`out of bounds memory access in ${what}`);
      return bytes.subarray(address >>> 0, (address >>> 0) + (length >>> 0));
    };
    const asset = (handle: number, what: string) => {
      const found = this.assets[handle];
      if (!found) throw new WebAssembly.RuntimeError(`${what}: no such asset`);
      return found;
    };
    return {
      submit: (address, length) => {
        if (this.state.saving) throw new WebAssembly.RuntimeError('submit: not during save');
        this.collector.append(this.view(), address! >>> 0, length! >>> 0);
      },
      log: (level, address, length) => void this.log.line(level!, part(address!, length!, 'log')),
      asset_find: (address, length) => {
        const name = new TextDecoder().decode(part(address!, length!, 'asset_find'));
        return this.assets.findIndex((entry) => entry.name === name);
      },
      asset_size: (handle) => asset(handle!, 'asset_size').bytes,
      asset_read: (handle, offset, address, length) => {
        const { offset: start, bytes } = asset(handle!, 'asset_read');
        const target = part(address!, length!, 'asset_read');
        const from = Math.min(offset! >>> 0, bytes);
        const count = Math.min(target.length, bytes - from);
        target.set(this.options.assets.subarray(start + from, start + from + count));
        return count;
      },
      gpu_feature: (name) => (name! < 1 || name! > 32 ? 0 : ((this.options.gpu?.features ?? 0) >>> (name! - 1)) & 1),
      gpu_limit: (name) => this.options.gpu?.limits[name! - 1] ?? 0,
      state_write: (address, length) => {
        if (!this.state.saving) throw new WebAssembly.RuntimeError('state_write: only during save');
        this.state.write(part(address!, length!, 'state_write'));
      },
      state_read: (offset, address, length) => this.state.read(offset! >>> 0, part(address!, length!, 'state_read')),
      exit: (status) => {
        if (status! >>> 0 > EXIT_STATUS_MAX)
          throw new WebAssembly.RuntimeError('exit: the status is not from 0 to 255');
        throw new GuestExit(status!, this.current);
      },
    };
  }

  reply(record: ArrayLike<number>): void {
    this.replies.add(record);
  }

  join(seat: number): Promise<Submission> {
    return this.call('join', [seat]);
  }

  leave(seat: number): Promise<Submission> {
    return this.call('leave', [seat]);
  }

  tick(tick: number): Promise<Submission> {
    return this.call('tick', [tick]);
  }

  render(seat: number, width: number, height: number): Promise<Submission> {
    return this.call('render', [seat, width, height]);
  }

  async save(): Promise<Uint8Array | undefined> {
    if (!this.checked.saves && !this.failure) return undefined;
    this.state.beginSave();
    await this.call('save', []);
    return this.state.end();
  }

  async restore(state: Uint8Array): Promise<Submission> {
    if (this.failure) throw this.failure;
    checkState(state, this.checked.saves, stateBytesMax(this.options.limits));
    this.state.beginLoad(state);
    const submission = await this.call('load', [state.length]);
    this.state.end();
    return submission;
  }

  async close(): Promise<void> {
    this.failure ??= new NearlightError('NL_ROOM_ENDED', 'the instance is closed');
    this.end(undefined);
    this.log.flush();
  }

  private async call(name: string, parameters: number[]): Promise<Submission> {
    if (this.failure) throw this.failure;
    this.collector.reset();
    this.stage(name);
    if (name !== 'load') this.writeOut(name);
    this.invoke(name, parameters);
    return this.collector.submission;
  }

  write(address: number, bytes: Uint8Array): void {
    this.writes.push({ address, bytes: bytes.slice() });
  }

  /** What the GPU gave back goes where the module wanted it. */
  private writeOut(call: string): void {
    const memory = this.view();
    for (const { address, bytes } of this.writes.splice(0)) {
      if (address + bytes.length > memory.length)
        throw this.fail(new WebAssembly.RuntimeError('mapAsync: the address lies outside linear memory'), call);
      memory.set(bytes, address);
    }
  }

  private stage(call: string): void {
    this.replies.stage(this.ring, call);
    const memory = this.view();
    const view = new DataView(memory.buffer);
    view.setUint32(this.block + IO_REPLY_HEAD, this.replies.head, true);
    memory.set(new Uint8Array(this.ring.buffer), this.block + IO_REPLIES);
    memory.set(new Uint8Array(this.inputs.buffer), this.block + IO_INPUTS);
  }

  private invoke(name: string, parameters: number[]): number {
    this.current = name;
    try {
      return this.exports[name]!(...parameters);
    } catch (error) {
      throw this.fail(error, name);
    }
  }

  private place(error: unknown): string {
    if (error instanceof NearlightError || !(error instanceof Error)) return '';
    const frames = [...(error.stack ?? '').matchAll(FRAME)].map(([, index, offset]) => ({
      function: Number(index),
      offset: Number.parseInt(offset!, 16) - this.checked.codeShift,
    }));
    return frames.length > 0 ? (this.options.locate?.(frames) ?? '') : '';
  }

  private fail(error: unknown, call: string): NearlightError {
    this.log.flush();
    const memoryBytes = this.exports?.memory.buffer.byteLength ?? 0;
    const { memoryBytesMax } = this.options.limits;
    this.failure = toFailure(error, {
      call,
      place: this.place(error),
      lastLine: this.log.last,
      memoryBytes,
      memoryBytesMax,
    });
    this.end(this.failure);
    return this.failure;
  }
}

/** What an engine's stack says of frames in WebAssembly (WebAssembly Web API, "Developer-Facing Display Conventions"). */
const FRAME = /wasm-function\[(\d+)\]:0x([0-9a-f]+)/g;

function toFailure(error: unknown, where: Omit<Trap, 'reason'>): NearlightError {
  if (error instanceof NearlightError) return error;
  if (error instanceof RangeError) return recursion(where.call, where.place);
  return trapError({
    ...where,
    reason: error instanceof Error ? error.message : String(error),
  });
}

/** Why what init returned cannot be used; undefined when it can. The guest program checks the same (room.cc). */
function blockProblem(memory: Uint8Array, address: number, seats: number): string | undefined {
  const size = IO_INPUTS + seats * INPUT_STRIDE;
  if (address === 0) return 'init returned 0, which means that it failed';
  if (address % 4 !== 0) return 'init returned an address that is no multiple of 4';
  if (address + size > memory.length) return 'the IO block lies outside linear memory';
  const view = new DataView(memory.buffer, address, size);
  if (view.getUint32(0, true) !== IO_MAGIC) return 'the IO block does not begin with IO_MAGIC';
  if (view.getUint32(IO_SIZE, true) !== size) return 'the IO block has another size than its seats need';
  if (view.getUint32(IO_SEATS, true) !== seats) return 'the IO block has another number of seats';
  return undefined;
}
