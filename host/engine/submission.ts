import { REFERENCE_BIT } from '../../renderer/contract/abi.ts';
import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import type { Submission } from './engine.ts';

const START_BYTES = 4096;
const NO_DATA = new Uint8Array(0);

/** A byte buffer that grows as needed and is reused. The arrays of a Submission are views of such buffers. */
export class GrowingBytes {
  #buffer = new ArrayBuffer(START_BYTES);
  /** Two views of the whole buffer. reserve() and replace() may replace them. */
  bytes = new Uint8Array(this.#buffer);
  words = new Uint32Array(this.#buffer);
  /** Bytes in use. */
  length = 0;

  /** Grows the buffer, if necessary, to at least `length` bytes in total, and keeps its contents. */
  reserve(length: number): void {
    if (length <= this.bytes.length) return;
    const grown = new ArrayBuffer(2 ** Math.ceil(Math.log2(length)));
    new Uint8Array(grown).set(this.bytes.subarray(0, this.length));
    this.#buffer = grown;
    this.bytes = new Uint8Array(grown);
    this.words = new Uint32Array(grown);
  }

  /** Replaces the buffer's contents by a copy of `source`. */
  replace(source: Uint8Array): void {
    this.length = 0;
    this.reserve(source.length);
    this.bytes.set(source);
    this.length = source.length;
  }
}

/**
 * Collects the GPU commands and bulk data that a module submits during one call (renderer/contract/ABI.md, "Command stream").
 * The guest program does so in C++ (wasmedge/submission.h).
 */
export class Collector {
  readonly #commands = new GrowingBytes();
  readonly #data = new GrowingBytes();
  readonly #commandBytesMax: number;
  readonly #dataBytesMax: number;
  /** Number of the next GPU command, counted from 0 at the start of the call. */
  #index = 0;

  constructor(limits: { commandBytesMax: number; dataBytesMax: number }) {
    this.#commandBytesMax = limits.commandBytesMax;
    this.#dataBytesMax = limits.dataBytesMax;
  }

  reset(): void {
    this.#commands.length = 0;
    this.#data.length = 0;
    this.#index = 0;
  }

  /** Returns the commands and data that the call of export `call` has submitted. @param origin as in Submission */
  submission(call: string, origin: Submission['origin']): Submission {
    const { length } = this.#data;
    return {
      commands: this.#commands.words.subarray(0, this.#commands.length / 4),
      data: length > 0 ? this.#data.bytes.subarray(0, length) : NO_DATA,
      call,
      origin,
    };
  }

  /**
   * Appends a command stream and copies the bulk data that its commands refer to.
   * @throws WebAssembly.RuntimeError, a trap of the module, if the stream is not in linear memory or is misaligned;
   * NearlightError NL_COMMAND if the stream or its data exceeds a limit, or the data lies outside linear memory
   */
  append(memory: Uint8Array, address: number, length: number): void {
    if ((address | length) % 4 !== 0)
      throw new WebAssembly.RuntimeError('submit: address and length must be multiples of 4');
    if (address + length > memory.length) throw new WebAssembly.RuntimeError('out of bounds memory access in submit');
    const commands = this.#commands;
    if (commands.length + length > this.#commandBytesMax)
      throw refused(`the command stream is longer than ${this.#commandBytesMax} bytes (COMMAND_BYTES_MAX)`);
    commands.reserve(commands.length + length);
    commands.bytes.set(memory.subarray(address, address + length), commands.length);
    const start = commands.length / 4;
    commands.length += length;
    this.#resolve(memory, start, commands.length / 4);
  }

  /**
   * Copies the bulk data of each command. Stops at the first malformed command, which the host reports when it decodes the
   * stream.
   */
  #resolve(memory: Uint8Array, start: number, end: number): void {
    const { words } = this.#commands;
    for (let at = start; at < end; this.#index++) {
      const head = must(words[at], 'command');
      const size = head >>> 16;
      if (size === 0 || size > end - at) break;
      if (head & REFERENCE_BIT) {
        if (size < 3) break;
        this.#copy(memory, at + size - 2);
      }
      at += size;
    }
  }

  /** Copies one command's bulk data, and in the command replaces the data's address by its offset in the copy. */
  #copy(memory: Uint8Array, reference: number): void {
    const { words } = this.#commands;
    const data = this.#data;
    const address = must(words[reference], 'address');
    const length = must(words[reference + 1], 'length');
    if (address + length > memory.length)
      throw refused(`command ${this.#index} refers to ${length} bytes at ${address}, outside linear memory`);
    const start = Math.ceil(data.length / 4) * 4;
    if (start + length > this.#dataBytesMax)
      throw refused(
        `command ${this.#index}: the bulk data of one call exceeds ${this.#dataBytesMax} bytes (DATA_BYTES_MAX)`,
      );
    data.reserve(start + length);
    data.bytes.fill(0, data.length, start);
    data.bytes.set(memory.subarray(address, address + length), start);
    words[reference] = start;
    data.length = start + length;
  }
}

const refused = (detail: string) => new NearlightError('NL_COMMAND', detail);
