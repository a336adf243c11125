import { REFERENCE_BIT } from '../../renderer/contract/abi.ts';
import { NearlightError } from '../base/errors.ts';
import type { Submission } from './engine.ts';

const startBytes = 4096;

/** Bytes that grow as needed and are used again; both views of a Submission are of such. */
export class GrowingBytes {
  private buffer = new ArrayBuffer(startBytes);
  bytes = new Uint8Array(this.buffer);
  words = new Uint32Array(this.buffer);
  length = 0;

  /** Makes room for `length` bytes, and keeps what is there. */
  reserve(length: number): void {
    if (length <= this.bytes.length) return;
    const grown = new ArrayBuffer(2 ** Math.ceil(Math.log2(length)));
    new Uint8Array(grown).set(this.bytes.subarray(0, this.length));
    this.buffer = grown;
    this.bytes = new Uint8Array(grown);
    this.words = new Uint32Array(grown);
  }

  /** Replaces the contents. */
  replace(source: Uint8Array): void {
    this.length = 0;
    this.reserve(source.length);
    this.bytes.set(source);
    this.length = source.length;
  }
}

/** Collects what a module submits during one call, as guest.cc does (submission.h): ABI.md, "Command stream". */
export class Collector {
  private readonly commands = new GrowingBytes();
  private readonly data = new GrowingBytes();
  private readonly commandBytesMax: number;
  private readonly dataBytesMax: number;
  private index = 0;

  constructor(limits: { commandBytesMax: number; dataBytesMax: number }) {
    this.commandBytesMax = limits.commandBytesMax;
    this.dataBytesMax = limits.dataBytesMax;
  }

  reset(): void {
    this.commands.length = 0;
    this.data.length = 0;
    this.index = 0;
  }

  get submission(): Submission {
    return {
      commands: this.commands.words.subarray(0, this.commands.length / 4),
      data: this.data.bytes.subarray(0, this.data.length),
    };
  }

  /**
   * Appends a stream, and the bytes that its commands refer to.
   * @throws WebAssembly.RuntimeError, a trap, for a stream outside linear memory; NearlightError NL_COMMAND
   */
  append(memory: Uint8Array, address: number, length: number): void {
    if ((address | length) % 4 !== 0) throw new WebAssembly.RuntimeError('submit: address and length are whole words');
    if (address + length > memory.length) throw new WebAssembly.RuntimeError('out of bounds memory access in submit');
    const { commands } = this;
    if (commands.length + length > this.commandBytesMax)
      throw refused(`the command stream is longer than ${this.commandBytesMax} bytes (COMMAND_BYTES_MAX)`);
    commands.reserve(commands.length + length);
    commands.bytes.set(memory.subarray(address, address + length), commands.length);
    const start = commands.length / 4;
    commands.length += length;
    this.resolve(memory, start, commands.length / 4);
  }

  /** Stops at a command that is no command: the host's checker reports it. */
  private resolve(memory: Uint8Array, start: number, end: number): void {
    const { words } = this.commands;
    for (let at = start; at < end; this.index++) {
      const size = words[at]! >>> 16;
      if (size === 0 || size > end - at) break;
      if (words[at]! & REFERENCE_BIT) {
        if (size < 3) break;
        this.copy(memory, at + size - 2);
      }
      at += size;
    }
  }

  private copy(memory: Uint8Array, reference: number): void {
    const { words } = this.commands;
    const { data } = this;
    const address = words[reference]!;
    const length = words[reference + 1]!;
    if (address + length > memory.length)
      throw refused(`command ${this.index} refers to ${length} bytes at ${address}, outside linear memory`);
    const start = Math.ceil(data.length / 4) * 4;
    if (start + length > this.dataBytesMax)
      throw refused(`command ${this.index}: bulk data of one call exceeds ${this.dataBytesMax} bytes (DATA_BYTES_MAX)`);
    data.reserve(start + length);
    data.bytes.fill(0, data.length, start);
    data.bytes.set(memory.subarray(address, address + length), start);
    words[reference] = start;
    data.length = start + length;
  }
}

const refused = (detail: string) => new NearlightError('NL_COMMAND', detail);
