import { BLOCK_ALIGNMENT } from '../../renderer/contract/pack.ts';
import { fail } from '../fault.ts';
import { limits } from '../limits.ts';

/** Records of one size, written one after another. */
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

  /** Begins a record of zeros; gives its number. */
  add(): number {
    const needed = (this.#count + 1) * this.size;
    if (needed > this.#view.byteLength) {
      if (needed > limits.tableBytes) fail('the model', `needs tables of more than ${limits.tableBytes} bytes`);
      const larger = new Uint8Array(Math.max(needed, this.#view.byteLength * 2));
      larger.set(this.bytes);
      this.#view = new DataView(larger.buffer);
    }
    return this.#count++;
  }

  /** Writes u32 or i32 into the newest record. */
  word(at: number, ...values: number[]): void {
    for (const [k, value] of values.entries()) this.#view.setUint32(this.#at(at) + k * 4, value >>> 0, true);
  }

  /** Writes f32 into the newest record. */
  float(at: number, ...values: number[]): void {
    for (const [k, value] of values.entries()) this.#view.setFloat32(this.#at(at) + k * 4, value, true);
  }

  #at(at: number): number {
    return (this.#count - 1) * this.size + at;
  }
}

/** Floats that records refer to by index; the same array is written once. */
export class Floats {
  readonly records = new Records(4);
  readonly #known = new Map<Float32Array, number>();

  /** Gives the index of the first. */
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

/** Parts of a block, each at a multiple of `alignment` bytes. */
export class Block {
  readonly #parts: { at: number; data: Uint8Array }[] = [];
  readonly #alignment: number;
  #length = 0;

  constructor(alignment: number) {
    this.#alignment = alignment;
  }

  /** Bytes so far, a multiple of the alignment. */
  get length(): number {
    return this.#length;
  }

  /** Gives where the part begins. */
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

/** The next multiple. */
export function align(bytes: number, alignment: number = BLOCK_ALIGNMENT): number {
  return Math.ceil(bytes / alignment) * alignment;
}
