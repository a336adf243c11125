import {
  ABI_VERSION,
  INPUT_STRIDE,
  PADS_STRIDE,
  PLAYER_BYTES_MAX,
  REPLY_WORDS,
  SEATS_MAX,
} from '../../renderer/contract/abi.ts';
import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import * as format from './format.ts';

/** The decoded recording of a session. */
export interface Recording {
  readonly header: format.SessionHeader;
  readonly calls: readonly format.Call[];
  /** False if the recording was cut off; `calls` then ends where the file does. */
  readonly complete: boolean;
}

/** Signals that the file of a recording ends within a record. */
class Cut extends Error {}

/** Decodes the recording of a session. @throws NearlightError NL_RECORDING with the byte offset of the fault */
export function readRecording(bytes: Uint8Array): Recording {
  const { header, end } = readHeader(bytes);
  const records = new Records(bytes, end, header.seats);
  const calls: format.Call[] = [];
  for (;;) {
    const call = records.next();
    if (call === 'end' || call === 'cut') return { header, calls, complete: call === 'end' };
    calls.push(call);
  }
}

function broken(at: number, detail: string): NearlightError {
  return new NearlightError('NL_RECORDING', `byte ${at}: ${detail}`);
}

function readHeader(bytes: Uint8Array): { header: format.SessionHeader; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { HEADER_BYTES, HASH_BYTES, NAME_BYTES_MAX, TICK_RATE_MAX } = format;
  if (bytes.length < 8 || view.getUint32(0, true) !== format.MAGIC)
    throw broken(0, 'this is not a recording, which begins with "NLRC"');
  const version = view.getUint32(4, true);
  if (version !== format.VERSION)
    throw broken(
      4,
      `the recording has version ${version}, and this program reads version ${format.VERSION}; use the release of nearlight that recorded it`,
    );
  if (bytes.length < HEADER_BYTES) throw broken(bytes.length, 'the file ends within its header');
  const number = (at: number, name: string, least: number, most: number): number => {
    const value = view.getUint32(at, true);
    if (value < least || value > most) throw broken(at, `${name} is ${value}, outside the range ${least} to ${most}`);
    return value;
  };
  number(8, 'the version of the contract', ABI_VERSION, ABI_VERSION);
  const tickRate = number(12, 'the number of ticks per second', 1, TICK_RATE_MAX);
  const seats = number(16, 'the number of seats', 1, SEATS_MAX);
  const seed = number(24, 'the high half of the seed', 0, 2 ** 21 - 1) * 2 ** 32 + view.getUint32(20, true);
  const nameBytes = number(92, 'the length of the name', 0, NAME_BYTES_MAX);
  const features = view.getUint32(96, true);
  const count = number(100, 'the number of limits', 0, format.LIMITS_MAX);
  const nameAt = HEADER_BYTES + count * 4;
  const end = nameAt + nameBytes;
  if (end > bytes.length) throw broken(bytes.length, 'the file ends within its header');
  const hash = (at: number) => bytes.slice(at, at + HASH_BYTES);
  const name = readName(bytes.subarray(nameAt, end), nameAt);
  const limits = Array.from({ length: count }, (_, n) => view.getUint32(HEADER_BYTES + n * 4, true));
  const gpu = count === 0 ? {} : { gpu: { features, limits } };
  return { header: { name, module: hash(28), assets: hash(28 + HASH_BYTES), seed, tickRate, seats, ...gpu }, end };
}

function readName(bytes: Uint8Array, at: number): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw broken(at, 'the name is not UTF-8');
  }
}

/** Reads the records of a recording one after another, and checks that each one is possible after those before it. */
class Records {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #inputs: Uint8Array[];
  readonly #pads: Uint8Array[];
  readonly #taken: boolean[];
  readonly #sizes: { width: number; height: number }[] = [];
  #at: number;
  #nextTick = 0;
  /** Whether the module may still load a saved state: it may until its first call. */
  #restorable = true;

  constructor(bytes: Uint8Array, at: number, seats: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
    this.#inputs = Array.from({ length: seats }, () => new Uint8Array(INPUT_STRIDE));
    this.#pads = Array.from({ length: seats }, () => new Uint8Array(PADS_STRIDE));
    this.#taken = new Array(seats).fill(false);
  }

  next(): format.Call | 'end' | 'cut' {
    if (this.#at === this.#bytes.length) return 'cut';
    const start = this.#at;
    try {
      const kind = this.#byte();
      if (kind !== format.RECORD_END) return this.#call(kind, start);
    } catch (error) {
      if (error instanceof Cut) return 'cut';
      throw error;
    }
    if (this.#at !== this.#bytes.length) throw broken(this.#at, 'there are bytes after the end of the session');
    return 'end';
  }

  #call(kind: number, start: number): format.Call {
    // Data for the module's next call may come before its state: that the GPU was lost, and answers to what `init` requested.
    if (kind === format.RECORD_REPLY) return this.#reply();
    if (kind === format.RECORD_WRITE) return { kind: 'write', address: this.#word(), bytes: this.#take(this.#word()) };
    if (kind === format.RECORD_RESTORE) return this.#restore(start);
    this.#restorable = false;
    if (kind === format.RECORD_JOIN) return this.#sit('join', true);
    if (kind === format.RECORD_LEAVE) return this.#sit('leave', false);
    if (kind === format.RECORD_TICK) return this.#tick(this.#nextTick);
    if (kind === format.RECORD_TICK_AT) return this.#tick(this.#word());
    if (kind === format.RECORD_RENDER) return this.#render(this.#seat(true));
    if (kind === format.RECORD_RENDER_AGAIN) return this.#renderAgain(this.#seat(true));
    if (kind === format.RECORD_IMPORT) return this.#import(this.#seat(true));
    if (kind === format.RECORD_INPUT) return this.#change('input', this.#inputs);
    if (kind === format.RECORD_PADS) return this.#change('pads', this.#pads);
    throw broken(start, `${kind} does not stand for any record`);
  }

  #restore(start: number): format.Call {
    if (!this.#restorable) throw broken(start, 'a saved state is loaded after the first call of the module, or again');
    this.#restorable = false;
    return { kind: 'restore', state: this.#take(this.#word()) };
  }

  #import(seat: number): format.Call {
    const length = this.#word();
    if (length > PLAYER_BYTES_MAX) throw broken(this.#at - 4, `the state of a player cannot have ${length} bytes`);
    return { kind: 'import', seat, state: this.#take(length) };
  }

  #sit(kind: 'join' | 'leave', taken: boolean): format.Call {
    const seat = this.#seat(!taken);
    this.#taken[seat] = taken;
    return { kind, seat };
  }

  #tick(tick: number): format.Call {
    this.#nextTick = (tick + 1) >>> 0;
    return { kind: 'tick', tick };
  }

  #render(seat: number): format.Call {
    const size = { width: this.#half(), height: this.#half() };
    if (size.width === 0 || size.height === 0) throw broken(this.#at - 4, 'a picture has no pixels');
    this.#sizes[seat] = size;
    return { kind: 'render', seat, ...size };
  }

  #renderAgain(seat: number): format.Call {
    const size = this.#sizes[seat];
    if (!size) throw broken(this.#at - 1, `seat ${seat} has no earlier picture`);
    return { kind: 'render', seat, ...size };
  }

  #reply(): format.Call {
    const count = this.#byte();
    if (count === 0 || count > REPLY_WORDS) throw broken(this.#at - 1, `a reply cannot have ${count} words`);
    const record = new Uint32Array(REPLY_WORDS);
    for (let word = 0; word < count; word++) record[word] = this.#word();
    return { kind: 'reply', record };
  }

  /** Reads a change of a record that each seat has. @param known the records before the change, which it updates */
  #change(kind: 'input' | 'pads', known: Uint8Array[]): format.Call {
    const seat = this.#seat();
    const record = must(known[seat], 'record of a seat').slice();
    let to = 0;
    for (let runs = this.#byte(); runs > 0; runs--) {
      to += this.#byte();
      const count = this.#byte();
      if (to + count > record.length)
        throw broken(
          this.#at - 2,
          `a change lies outside the ${kind === 'input' ? 'input record' : 'records of gamepads'}`,
        );
      record.set(this.#take(count), to);
      to += count;
    }
    known[seat] = record;
    return { kind, seat, record };
  }

  /** Reads the number of a seat. @param taken true if a player must have the seat, false if it must be free */
  #seat(taken?: boolean): number {
    const seat = this.#byte();
    if (seat >= this.#taken.length)
      throw broken(this.#at - 1, `seat ${seat} does not exist; there are ${this.#taken.length} seats`);
    if (taken !== undefined && this.#taken[seat] !== taken)
      throw broken(this.#at - 1, `seat ${seat} is ${taken ? 'free' : 'taken'}`);
    return seat;
  }

  /** Reads `count` bytes of the recording. @throws Cut if fewer are left */
  #take(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.length) throw new Cut();
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  #byte(): number {
    this.#take(1);
    return this.#view.getUint8(this.#at - 1);
  }

  #half(): number {
    this.#take(2);
    return this.#view.getUint16(this.#at - 2, true);
  }

  #word(): number {
    this.#take(4);
    return this.#view.getUint32(this.#at - 4, true);
  }
}
