import { BLOCK_ALIGNMENT } from '../../renderer/contract/pack.ts';
import { fail } from '../fault.ts';
import { LIMITS } from '../limits.ts';

/** A table of a packed model, which grows. All its records have the same size. */
export class Records {
  readonly size: number;
  #view = new DataView(new ArrayBuffer(1024));
  #count = 0;

  constructor(size: number) {
    this.size = size;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.#view.buffer, 0, this.#count * this.size);
  }

  /** Appends a record of zeros to the table. Returns its index. */
  add(): number {
    const needed = (this.#count + 1) * this.size;
    if (needed > this.#view.byteLength) {
      if (needed > LIMITS.tableBytes)
        fail('the model', `needs tables of more than ${LIMITS.tableBytes} bytes, the most that a game can read`);
      const larger = new Uint8Array(Math.max(needed, this.#view.byteLength * 2));
      larger.set(this.bytes);
      this.#view = new DataView(larger.buffer);
    }
    return this.#count++;
  }

  /** Writes u32 or i32 values into the last record of the table. @param at byte offset in the record */
  word(at: number, ...values: number[]): void {
    for (const [k, value] of values.entries()) this.#view.setUint32(this.#at(at) + k * 4, value >>> 0, true);
  }

  /** Writes f32 values into the last record of the table. @param at byte offset in the record */
  float(at: number, ...values: number[]): void {
    for (const [k, value] of values.entries()) this.#view.setFloat32(this.#at(at) + k * 4, value, true);
  }

  #at(at: number): number {
    return (this.#count - 1) * this.size + at;
  }
}

/** A table of floats that records refer to by index. An array that is added twice is stored once. */
export class Floats {
  readonly records = new Records(4);
  readonly #known = new Map<Float32Array, number>();

  /** Appends floats to the table. Returns the index of the first one. */
  add(values: Float32Array | number[]): number {
    const known = Array.isArray(values) ? undefined : this.#known.get(values);
    if (known !== undefined) return known;
    const first = this.records.count;
    for (const value of values) {
      this.records.add();
      this.records.float(0, value);
    }
    if (!Array.isArray(values)) this.#known.set(values, first);
    return first;
  }
}

/**
 * A block of data of the packed model, which goes to the GPU unchanged. Each part starts at a multiple of `alignment` bytes.
 */
export class DataBlock {
  readonly #parts: { at: number; data: Uint8Array }[] = [];
  readonly #alignment: number;
  #length = 0;

  constructor(alignment: number) {
    this.#alignment = alignment;
  }

  /** Size of the block so far in bytes, rounded up to the alignment. */
  get length(): number {
    return this.#length;
  }

  /** Appends a part to the block. Returns its byte offset in the block. */
  add({ buffer, byteOffset, byteLength }: ArrayBufferView): number {
    const at = this.#length;
    this.#parts.push({ at, data: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength) });
    this.#length += align(byteLength, this.#alignment);
    return at;
  }

  copyTo(out: Uint8Array, offset: number): void {
    for (const { at, data } of this.#parts) out.set(data, offset + at);
  }
}

/** Rounds a size in bytes up to a multiple of `alignment`. */
export function align(bytes: number, alignment: number = BLOCK_ALIGNMENT): number {
  return Math.ceil(bytes / alignment) * alignment;
}
