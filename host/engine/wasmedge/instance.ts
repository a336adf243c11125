import { INPUT_STRIDE, PADS_STRIDE, REPLY_COUNT, REPLY_WORDS } from '../../../renderer/contract/abi.ts';
import { must } from '../../base/assert.ts';
import { NearlightError } from '../../base/errors.ts';
import type { Imported, Instance, Listening, LoadOptions, Submission } from '../engine.ts';
import { GuestLog } from '../log.ts';
import { Replies } from '../replies.ts';
import { copySamples, soundLength } from '../sound.ts';
import { checkPlayer, checkState, playerBytesMax, stateBytesMax } from '../state.ts';
import { GrowingBytes } from '../submission.ts';
import * as map from './mapping.ts';
import type { Exit, GuestProcess } from './process.ts';
import { CALL_EXPORTS, ResponseReader, startError } from './response.ts';

const EMPTY: Submission = {
  commands: new Uint32Array(0),
  data: new Uint8Array(0),
};

interface Waiting {
  resolve(submission: Submission): void;
  reject(error: NearlightError): void;
}

/** A checked module, compiled or to be interpreted, as the guest process loads it. */
interface LoadedCode {
  /** File descriptors of the module's code and, if there is one, of the asset pack. */
  fds: readonly number[];
  codeBytes: number;
  /** `saves`, `moves`, `sounds` and `codeShift` are as in CheckedModule. */
  saves: boolean;
  moves: boolean;
  sounds: boolean;
  codeShift: number;
}

/** A module that runs in a guest process. Writes each call into the shared memory and copies out what the module submitted. */
export class WasmEdgeInstance implements Instance {
  readonly inputs: DataView;
  readonly pads: DataView;
  readonly ended: Promise<NearlightError | undefined>;
  initial: Submission = EMPTY;
  readonly #process: GuestProcess;
  readonly #options: LoadOptions;
  readonly #log: GuestLog;
  readonly #response: ResponseReader;
  readonly #replies = new Replies();
  readonly #dataStart: number;
  /** Views of the shared memory: the reply ring, the input records, the records of gamepads, and all of it. */
  readonly #ring: Uint32Array;
  readonly #stagedInputs: Uint8Array;
  readonly #stagedPads: Uint8Array;
  readonly #shared: Uint8Array;
  /** The bytes of the input records that `inputs` views. */
  readonly #inputBytes: Uint8Array;
  /** The bytes of the records of gamepads that `pads` views. */
  readonly #padBytes: Uint8Array;
  readonly #commands = new GrowingBytes();
  readonly #data = new GrowingBytes();
  /** Records of bytes to copy into linear memory, in the form of REQUEST_WRITE_BYTES, that wait for the next call. */
  readonly #writes = new GrowingBytes();
  #waiting: Waiting | undefined;
  #failure: NearlightError | undefined;
  readonly #end: (error: NearlightError | undefined) => void;
  /** CALL_ number of the newest call of the module. */
  #current = map.CALL_LOAD;
  #saves = false;
  #moves = false;
  #sounds = false;
  /** Who listens in the current tick. */
  #listening: Listening | undefined;
  readonly #soundStart: number;
  /** Sound of the newest tick that had listeners, and the samples in the shared memory that it was copied from. */
  #sound = new Float32Array(0);
  #sharedSound = new Float32Array(0);
  #codeShift = 0;

  constructor(process: GuestProcess, options: LoadOptions) {
    this.#process = process;
    this.#options = options;
    this.#log = new GuestLog((level, message) => options.log(level, message));
    this.#response = new ResponseReader(process, { options, log: this.#log });
    const bytes = options.seats * INPUT_STRIDE;
    this.#inputBytes = new Uint8Array(bytes);
    this.inputs = new DataView(this.#inputBytes.buffer);
    this.#padBytes = new Uint8Array(options.seats * PADS_STRIDE);
    this.pads = new DataView(this.#padBytes.buffer);
    this.#dataStart = map.dataOffset(options.limits.commandBytesMax);
    this.#soundStart = map.soundOffset(options.limits);
    this.#shared = new Uint8Array(process.memory);
    this.#stagedInputs = this.#shared.subarray(map.STAGED_INPUTS, map.STAGED_INPUTS + bytes);
    this.#stagedPads = this.#shared.subarray(map.STAGED_PADS, map.STAGED_PADS + this.#padBytes.length);
    this.#ring = new Uint32Array(process.memory, map.STAGED_REPLIES, REPLY_COUNT * REPLY_WORDS);
    const { promise, resolve } = Promise.withResolvers<NearlightError | undefined>();
    this.ended = promise;
    this.#end = resolve;
    process.events = {
      responded: () => this.#responded(),
      misbehaved: () =>
        this.#fail(new NearlightError('NL_GUEST_PROTOCOL', 'the guest process sent a message out of turn')),
      exited: (exit) => this.#exited(exit),
    };
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get hasSound(): boolean {
    return this.#sounds;
  }

  get pids(): readonly number[] {
    return [this.#process.pid, this.#process.jailerPid].filter((pid) => pid !== undefined);
  }

  /** Loads the module into the guest process and calls its `init`. Rejects with the errors of Engine.load(). */
  async load(code: LoadedCode): Promise<void> {
    this.#codeShift = code.codeShift;
    this.#saves = code.saves;
    this.#moves = code.moves;
    this.#sounds = code.sounds;
    const process = this.#process;
    await process.ready;
    if (process.ended) throw startError(process);
    const { limits, assets, gpu, seed, tickRate, seats } = this.#options;
    const parameters = [seed >>> 0, Math.floor(seed / 2 ** 32), tickRate, seats];
    for (const [n, value] of parameters.entries()) process.set(map.REQUEST_ARGUMENTS + 4 * n, value);
    process.set(map.LOAD_CODE_BYTES, code.codeBytes);
    process.set(map.LOAD_ASSET_BYTES, assets.length);
    process.set(map.LOAD_MEMORY_PAGES_MAX, Math.floor(limits.memoryBytesMax / map.WASM_PAGE_BYTES));
    process.set(map.LOAD_COMMAND_BYTES_MAX, limits.commandBytesMax);
    process.set(map.LOAD_DATA_BYTES_MAX, limits.dataBytesMax);
    process.set(map.LOAD_STATE_BYTES_MAX, stateBytesMax(limits));
    process.set(map.LOAD_FEATURES, gpu?.features ?? 0);
    for (let n = 0; n < map.LIMITS_MAX; n++) process.set(map.LOAD_LIMITS + 4 * n, gpu?.limits[n] ?? 0);
    this.initial = await this.#request(map.CALL_LOAD, code.fds);
  }

  reply(record: ArrayLike<number>): void {
    this.#replies.add(record);
  }

  write(address: number, bytes: Uint8Array): void {
    const writes = this.#writes;
    const at = writes.length;
    writes.reserve(at + 8 + bytes.length + 3);
    writes.words[at / 4] = address;
    writes.words[at / 4 + 1] = bytes.length;
    writes.bytes.set(bytes, at + 8);
    writes.length = at + 8 + Math.ceil(bytes.length / 4) * 4;
  }

  join(seat: number): Promise<Submission> {
    return this.#call(map.CALL_JOIN, seat);
  }

  leave(seat: number): Promise<Submission> {
    return this.#call(map.CALL_LEAVE, seat);
  }

  tick(tick: number, listening?: Listening): Promise<Submission> {
    if (!this.#sounds || listening === undefined || listening.seats.length === 0)
      return this.#call(map.CALL_TICK, tick);
    let [low, high] = [0, 0];
    for (const seat of listening.seats)
      if (seat < 32) low |= 1 << seat;
      else high |= 1 << (seat - 32);
    const called = this.#call(map.CALL_TICK, tick, listening.frames, low, high);
    this.#listening = listening;
    return called;
  }

  render(seat: number, width: number, height: number): Promise<Submission> {
    return this.#call(map.CALL_RENDER, seat, width, height);
  }

  async save(): Promise<Uint8Array | undefined> {
    if (!this.#saves && !this.#failure) return undefined;
    const { data } = await this.#call(map.CALL_SAVE, 0);
    return data.slice();
  }

  async restore(state: Uint8Array): Promise<Submission> {
    if (this.#failure) throw this.#failure;
    checkState(state, this.#saves, stateBytesMax(this.#options.limits));
    this.#shared.set(state, this.#dataStart);
    return this.#call(map.CALL_RESTORE, state.length);
  }

  async exportPlayer(seat: number): Promise<Uint8Array | undefined> {
    if (!this.#moves && !this.#failure) return undefined;
    const { data } = await this.#call(map.CALL_EXPORT_PLAYER, seat, playerBytesMax(this.#options.limits));
    return data.slice();
  }

  async importPlayer(seat: number, state: Uint8Array): Promise<Imported> {
    if (this.#failure) throw this.#failure;
    checkPlayer(state, this.#moves, playerBytesMax(this.#options.limits));
    this.#shared.set(state, this.#dataStart);
    const submission = await this.#call(map.CALL_IMPORT_PLAYER, seat, state.length);
    return { accepted: this.#process.get(map.RESPONSE_VALUE) !== 0, submission };
  }

  async close(): Promise<void> {
    this.#finish(new NearlightError('NL_ROOM_ENDED', 'the instance is closed'), undefined);
    this.#process.kill();
    await this.#process.gone;
  }

  #call(call: number, first: number, second = 0, third = 0, fourth = 0): Promise<Submission> {
    if (this.#failure) return Promise.reject(this.#failure);
    const process = this.#process;
    this.#listening = undefined;
    process.set(map.REQUEST_ARGUMENTS, first);
    process.set(map.REQUEST_ARGUMENTS + 4, second);
    process.set(map.REQUEST_ARGUMENTS + 8, third);
    process.set(map.REQUEST_ARGUMENTS + 12, fourth);
    this.#replies.stage(this.#ring, must(CALL_EXPORTS[call], 'export for the call'));
    process.set(map.STAGED_REPLY_HEAD, this.#replies.head);
    this.#stagedInputs.set(this.#inputBytes);
    this.#stagedPads.set(this.#padBytes);
    this.#stageWrites(call);
    return this.#request(call);
  }

  /** Puts writes to linear memory into the shared memory. If a state that is loaded needs that space, they wait. */
  #stageWrites(call: number): void {
    const writes = this.#writes;
    const isLoading = call === map.CALL_RESTORE || call === map.CALL_IMPORT_PLAYER;
    const bytes = isLoading ? 0 : writes.length;
    this.#process.set(map.REQUEST_WRITE_BYTES, bytes);
    if (bytes === 0) return;
    this.#shared.set(writes.bytes.subarray(0, bytes), this.#dataStart);
    writes.length = 0;
  }

  #request(call: number, fds?: readonly number[]): Promise<Submission> {
    const { initMsMax, callMsMax } = this.#options.limits;
    this.#current = call;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#process.request(call, call === map.CALL_LOAD ? initMsMax : callMsMax, fds);
    });
  }

  #responded(): void {
    this.#response.readLog();
    const status = this.#process.get(map.RESPONSE_STATUS);
    const commandBytes = this.#process.get(map.RESPONSE_COMMAND_BYTES);
    const dataBytes = this.#process.get(map.RESPONSE_DATA_BYTES);
    const { commandBytesMax, dataBytesMax } = this.#options.limits;
    if (status !== map.STATUS_OK) {
      this.#fail(this.#response.statusError(status, { call: this.#current, codeShift: this.#codeShift }));
    } else if (commandBytes > commandBytesMax || commandBytes % 4 !== 0 || dataBytes > dataBytesMax) {
      const detail = 'the guest process claims to have submitted more than the shared memory holds';
      this.#fail(new NearlightError('NL_GUEST_PROTOCOL', detail));
    } else {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting?.resolve(this.#takeSubmission(commandBytes, dataBytes));
    }
  }

  /** Copies the commands and data that the module submitted out of the shared memory. */
  #takeSubmission(commandBytes: number, dataBytes: number): Submission {
    const sound = this.#takeSound();
    if (commandBytes === 0 && dataBytes === 0) return sound ? { ...EMPTY, sound } : EMPTY;
    const shared = this.#shared;
    this.#commands.replace(shared.subarray(map.COMMANDS, map.COMMANDS + commandBytes));
    this.#data.replace(shared.subarray(this.#dataStart, this.#dataStart + dataBytes));
    return {
      call: CALL_EXPORTS[this.#current] ?? 'init',
      commands: this.#commands.words.subarray(0, commandBytes / 4),
      data: this.#data.bytes.subarray(0, dataBytes),
      ...(sound ? { sound } : {}),
    };
  }

  /** Copies the sound of a tick out of the shared memory; undefined if there is no listener. */
  #takeSound(): Float32Array | undefined {
    const length = soundLength(this.#listening);
    if (length === 0) return undefined;
    if (this.#sound.length !== length) {
      this.#sound = new Float32Array(length);
      this.#sharedSound = new Float32Array(this.#process.memory, this.#soundStart, length);
    }
    copySamples(this.#sharedSound, this.#sound);
    return this.#sound;
  }

  #exited(exit: Exit): void {
    if (this.#waiting) this.#response.readLog();
    this.#fail(this.#response.exitError(exit, this.#current));
  }

  #fail(error: NearlightError): void {
    this.#process.kill();
    this.#finish(error, error);
  }

  #finish(error: NearlightError, ended: NearlightError | undefined): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#log.flush();
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#end(ended);
  }
}
