import { EXIT_STATUS_MAX, INPUT_STRIDE, REPLY_COUNT, REPLY_WORDS } from '../../../renderer/contract/abi.ts';
import { GuestExit, NearlightError } from '../../base/errors.ts';
import type { Instance, LoadOptions, Submission, TrapFrame } from '../engine.ts';
import { recursion, trapError, versionError } from '../failure.ts';
import { GuestLog } from '../log.ts';
import { Replies } from '../replies.ts';
import { checkState, stateBytesMax, stateTooLarge } from '../state.ts';
import { GrowingBytes } from '../submission.ts';
import * as map from './mapping.ts';
import { dataOffset, type Exit, type GuestProcess } from './process.ts';

const callNames = ['init', 'join', 'leave', 'tick', 'render', 'save', 'load'];
const phaseNames = ['loading', 'instantiation', 'the start function', '_initialize', 'version', 'init'];
const empty: Submission = {
  commands: new Uint32Array(0),
  data: new Uint8Array(0),
};

interface Waiting {
  resolve(submission: Submission): void;
  reject(error: NearlightError): void;
}

/** The module's code as the guest gets it, and what is known of the module (CheckedModule). */
interface LoadedCode {
  fds: number[];
  interpreter: boolean;
  codeBytes: number;
  saves: boolean;
  codeShift: number;
}

let warnedOfSeccomp = false;

/** A module in a guest process: puts calls into the mapping, and takes out what they submitted. */
export class WasmEdgeInstance implements Instance {
  readonly inputs: DataView;
  readonly ended: Promise<NearlightError | undefined>;
  initial: Submission = empty;
  /** The guest process's id. */
  readonly pid: number | undefined;
  private readonly process: GuestProcess;
  private readonly options: LoadOptions;
  private readonly log: GuestLog;
  private readonly replies = new Replies();
  private readonly ring: Uint32Array;
  private readonly stagedInputs: Uint8Array;
  private readonly inputBytes: Uint8Array;
  private readonly mapped: Uint8Array;
  private readonly commands = new GrowingBytes();
  private readonly data = new GrowingBytes();
  private readonly writes = new GrowingBytes();
  private waiting: Waiting | undefined;
  private failure: NearlightError | undefined;
  private end!: (error: NearlightError | undefined) => void;
  private current = map.CALL_LOAD;
  private saves = false;
  private codeShift = 0;

  constructor(process: GuestProcess, options: LoadOptions) {
    this.process = process;
    this.options = options;
    this.pid = process.pid;
    this.log = new GuestLog((level, message) => options.log(level, message));
    const bytes = options.seats * INPUT_STRIDE;
    this.inputBytes = new Uint8Array(bytes);
    this.inputs = new DataView(this.inputBytes.buffer);
    this.mapped = new Uint8Array(process.memory);
    this.stagedInputs = this.mapped.subarray(map.STAGED_INPUTS, map.STAGED_INPUTS + bytes);
    this.ring = new Uint32Array(process.memory, map.STAGED_REPLIES, REPLY_COUNT * REPLY_WORDS);
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    process.events = {
      answered: () => this.answered(),
      misbehaved: () => this.fail(new NearlightError('NL_GUEST_PROTOCOL', 'the guest process spoke out of turn')),
      exited: (exit) => this.exited(exit),
    };
  }

  /** Makes the first call; rejects with what load() of the engine rejects with. */
  async load(code: LoadedCode): Promise<void> {
    this.codeShift = code.codeShift;
    this.saves = code.saves;
    await this.process.ready;
    const { words } = this.process;
    const { limits, assets, seed, tickRate, seats } = this.options;
    if (this.process.ended) throw exitError(this.process.ended, 'loading');
    words.set([seed >>> 0, Math.floor(seed / 2 ** 32), tickRate, seats], map.REQUEST_ARGUMENTS / 4);
    words[map.LOAD_INTERPRETER / 4] = code.interpreter ? 1 : 0;
    words[map.LOAD_CODE_BYTES / 4] = code.codeBytes;
    words[map.LOAD_ASSET_BYTES / 4] = assets.length;
    words[map.LOAD_MEMORY_PAGES_MAX / 4] = Math.floor(limits.memoryBytesMax / map.WASM_PAGE_BYTES);
    words[map.LOAD_COMMAND_BYTES_MAX / 4] = limits.commandBytesMax;
    words[map.LOAD_DATA_BYTES_MAX / 4] = limits.dataBytesMax;
    words[map.LOAD_STATE_BYTES_MAX / 4] = stateBytesMax(limits);
    words[map.LOAD_FEATURES / 4] = this.options.gpu?.features ?? 0;
    for (let n = 0; n < map.LIMITS_MAX; n++) words[map.LOAD_LIMITS / 4 + n] = this.options.gpu?.limits[n] ?? 0;
    this.initial = await this.request(map.CALL_LOAD, code.fds);
    if (words[map.REPLY_SECCOMP / 4] === 1 || warnedOfSeccomp) return;
    warnedOfSeccomp = true;
    this.options.log('warn', 'this kernel has no seccomp: guest processes run without a filter on system calls');
  }

  reply(record: ArrayLike<number>): void {
    this.replies.add(record);
  }

  write(address: number, bytes: Uint8Array): void {
    const { writes } = this;
    const at = writes.length;
    writes.reserve(at + 8 + bytes.length + 3);
    writes.words[at / 4] = address;
    writes.words[at / 4 + 1] = bytes.length;
    writes.bytes.set(bytes, at + 8);
    writes.length = at + 8 + Math.ceil(bytes.length / 4) * 4;
  }

  join(seat: number): Promise<Submission> {
    return this.call(map.CALL_JOIN, seat);
  }

  leave(seat: number): Promise<Submission> {
    return this.call(map.CALL_LEAVE, seat);
  }

  tick(tick: number): Promise<Submission> {
    return this.call(map.CALL_TICK, tick);
  }

  render(seat: number, width: number, height: number): Promise<Submission> {
    return this.call(map.CALL_RENDER, seat, width, height);
  }

  async save(): Promise<Uint8Array | undefined> {
    if (!this.saves && !this.failure) return undefined;
    const { data } = await this.call(map.CALL_SAVE, 0);
    return data.slice();
  }

  async restore(state: Uint8Array): Promise<Submission> {
    if (this.failure) throw this.failure;
    checkState(state, this.saves, stateBytesMax(this.options.limits));
    this.mapped.set(state, dataOffset(this.options.limits.commandBytesMax));
    return this.call(map.CALL_RESTORE, state.length);
  }

  async close(): Promise<void> {
    this.finish(new NearlightError('NL_ROOM_ENDED', 'the instance is closed'), undefined);
    this.process.kill();
    await this.process.gone;
  }

  private call(call: number, first: number, second = 0, third = 0): Promise<Submission> {
    if (this.failure) return Promise.reject(this.failure);
    const { words } = this.process;
    const at = map.REQUEST_ARGUMENTS / 4;
    words[at] = first;
    words[at + 1] = second;
    words[at + 2] = third;
    this.replies.stage(this.ring, callNames[call]!);
    words[map.STAGED_REPLY_HEAD / 4] = this.replies.head;
    this.stagedInputs.set(this.inputBytes);
    this.stageWrites(call);
    return this.request(call);
  }

  /** A state that is restored lies where the writes would: they wait for the next call, as their replies do. */
  private stageWrites(call: number): void {
    const { words } = this.process;
    const { writes } = this;
    words[map.REQUEST_WRITE_BYTES / 4] = call === map.CALL_RESTORE ? 0 : writes.length;
    if (call === map.CALL_RESTORE || writes.length === 0) return;
    this.mapped.set(writes.bytes.subarray(0, writes.length), dataOffset(this.options.limits.commandBytesMax));
    writes.length = 0;
  }

  private request(call: number, fds?: number[]): Promise<Submission> {
    const { initMsMax, callMsMax } = this.options.limits;
    this.current = call;
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.process.request(call, call === map.CALL_LOAD ? initMsMax : callMsMax, fds);
    });
  }

  /** Everything in the mapping is read once, and believed only within its bounds. */
  private answered(): void {
    const { words } = this.process;
    this.readLog();
    const status = words[map.REPLY_STATUS / 4]!;
    const commandBytes = words[map.REPLY_COMMAND_BYTES / 4]!;
    const dataBytes = words[map.REPLY_DATA_BYTES / 4]!;
    const { commandBytesMax, dataBytesMax } = this.options.limits;
    if (status !== map.STATUS_OK) {
      this.fail(this.statusError(status));
    } else if (commandBytes > commandBytesMax || commandBytes % 4 !== 0 || dataBytes > dataBytesMax) {
      this.fail(new NearlightError('NL_GUEST_PROTOCOL', 'the guest process claims more than its mapping holds'));
    } else {
      const { waiting } = this;
      this.waiting = undefined;
      waiting?.resolve(this.takeSubmission(commandBytes, dataBytes));
    }
  }

  private takeSubmission(commandBytes: number, dataBytes: number): Submission {
    if (commandBytes === 0 && dataBytes === 0) return empty;
    const { commands, data, mapped } = this;
    const dataStart = dataOffset(this.options.limits.commandBytesMax);
    commands.replace(mapped.subarray(map.COMMANDS, map.COMMANDS + commandBytes));
    data.replace(mapped.subarray(dataStart, dataStart + dataBytes));
    return {
      commands: commands.words.subarray(0, commandBytes / 4),
      data: data.bytes.subarray(0, dataBytes),
    };
  }

  private readLog(): void {
    const { words } = this.process;
    const end = Math.min(words[map.REPLY_LOG_BYTES / 4]!, map.LOG_BYTES_MAX);
    for (let at = 0; at + 8 <= end; ) {
      const level = words[(map.LOG + at) / 4]!;
      const length = Math.min(words[(map.LOG + at) / 4 + 1]!, end - at - 8);
      this.log.line(level, this.mapped.slice(map.LOG + at + 8, map.LOG + at + 8 + length));
      at += 8 + Math.ceil(length / 4) * 4;
    }
    const dropped = words[map.REPLY_LOG_DROPPED / 4]!;
    if (dropped > 0) this.log.drop(dropped);
  }

  private where(): string {
    if (this.current !== map.CALL_LOAD) return callNames[this.current]!;
    return phaseNames[this.process.words[map.REPLY_PHASE / 4]!] ?? 'loading';
  }

  private place(): string {
    const count = Math.min(this.process.words[map.REPLY_FRAMES / 4]!, map.FRAMES_MAX);
    const words = this.process.words.slice(map.FRAMES / 4, map.FRAMES / 4 + 2 * count);
    const frames = Array.from({ length: count }, (_, index): TrapFrame => {
      const [function_, offset] = [words[2 * index]!, words[2 * index + 1]!];
      return {
        ...(function_ !== map.UNKNOWN ? { function: function_ } : {}),
        ...(offset !== map.UNKNOWN ? { offset: offset - this.codeShift } : {}),
      };
    });
    return count > 0 ? (this.options.locate?.(frames) ?? '') : '';
  }

  private message(): string {
    const length = Math.min(this.process.words[map.REPLY_MESSAGE_BYTES / 4]!, map.MESSAGE_BYTES_MAX);
    return new TextDecoder().decode(this.mapped.slice(map.MESSAGE, map.MESSAGE + length));
  }

  private statusError(status: number): NearlightError {
    const { words } = this.process;
    const { memoryBytesMax } = this.options.limits;
    if (status === map.STATUS_VERSION) return versionError(words[map.REPLY_VALUE / 4]! | 0);
    if (status === map.STATUS_COMMAND) return new NearlightError('NL_COMMAND', this.message());
    if (status === map.STATUS_INVALID) return new NearlightError('NL_MODULE_INVALID', this.message());
    if (status === map.STATUS_CONTRACT) return new NearlightError('NL_GUEST_PROTOCOL', this.message());
    if (status === map.STATUS_STATE) return stateTooLarge(stateBytesMax(this.options.limits));
    if (status === map.STATUS_MEMORY) return outOfMemory(this.where());
    const value = words[map.REPLY_VALUE / 4]!;
    if (status === map.STATUS_EXIT && value <= EXIT_STATUS_MAX) return new GuestExit(value, this.where());
    if (status !== map.STATUS_TRAP)
      return new NearlightError('NL_GUEST_PROTOCOL', this.message() || `status ${status}`);
    const memoryBytes = words[map.REPLY_MEMORY_PAGES / 4]! * map.WASM_PAGE_BYTES;
    const lastLine = this.log.last;
    return trapError({
      reason: this.message(),
      call: this.where(),
      place: this.place(),
      lastLine,
      memoryBytes,
      memoryBytesMax,
    });
  }

  private exited(exit: Exit): void {
    if (this.waiting) this.readLog();
    const said = this.log.last === '' ? '' : `; it last logged: ${this.log.last}`;
    const error = exitError(exit, this.where());
    this.fail(new NearlightError(error.code, error.detail + said));
  }

  private fail(error: NearlightError): void {
    this.process.kill();
    this.finish(error, error);
  }

  private finish(error: NearlightError, ended: NearlightError | undefined): void {
    if (this.failure) return;
    this.failure = error;
    this.log.flush();
    this.waiting?.reject(error);
    this.waiting = undefined;
    this.end(ended);
  }
}

function outOfMemory(call: string): NearlightError {
  return new NearlightError('NL_GUEST_MEMORY', `its process could allocate no more in ${call} (MEMORY_BYTES_MAX)`);
}

function exitError({ status, signal, timedOut }: Exit, call: string): NearlightError {
  if (timedOut) return new NearlightError('NL_GUEST_TIMEOUT', `${call} did not return (INIT_MS_MAX, CALL_MS_MAX)`);
  if (status === map.EXIT_MEMORY || signal === 'SIGABRT') return outOfMemory(call);
  if (signal === 'SIGSEGV' || signal === 'SIGBUS') return recursion(call);
  if (signal === 'SIGSYS')
    return new NearlightError('NL_GUEST_CRASH', `it made a system call that seccomp forbids in ${call}`);
  if (signal === 'SIGKILL') return new NearlightError('NL_GUEST_KILLED', `it was ended by SIGKILL in ${call}`);
  if (signal !== null) return new NearlightError('NL_GUEST_CRASH', `it was ended by ${signal} in ${call}`);
  return new NearlightError(
    'NL_GUEST_CRASH',
    `it exited with status ${status ?? 'unknown: it did not start'} in ${call}`,
  );
}
