import { limits } from '../limits.ts';
import type { Budget } from './budget.ts';
import type { Buffers } from './buffers.ts';
import type { Value } from './value.ts';

export const COMPONENTS = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4, MAT2: 4, MAT3: 9, MAT4: 16 } as const;
type Type = keyof typeof COMPONENTS;
const TYPES = Object.keys(COMPONENTS) as Type[];

/** Component types: bytes, how to read one, and the greatest value where it is normalised (glTF 2.0, 3.11). */
const READERS: Record<number, { bytes: number; max: number; read(view: DataView, at: number): number }> = {
  5120: { bytes: 1, max: 127, read: (view, at) => view.getInt8(at) },
  5121: { bytes: 1, max: 255, read: (view, at) => view.getUint8(at) },
  5122: { bytes: 2, max: 32767, read: (view, at) => view.getInt16(at, true) },
  5123: { bytes: 2, max: 65535, read: (view, at) => view.getUint16(at, true) },
  5125: { bytes: 4, max: 4294967295, read: (view, at) => view.getUint32(at, true) },
  5126: { bytes: 4, max: 0, read: (view, at) => view.getFloat32(at, true) },
};
const FLOAT = 5126;

/** What an accessor says of itself. */
export interface Head {
  value: Value;
  count: number;
  type: Type;
  components: number;
  componentType: number;
  normalized: boolean;
}

export type Numbers = Float32Array | Uint32Array;

/** Reads accessors: sparse, normalised, strided; floats are finite. What has been read is kept. */
export class Accessors {
  readonly #values: Value[];
  readonly #buffers: Buffers;
  readonly #budget: Budget;
  readonly #read = new Map<string, Numbers>();

  constructor(root: Value, buffers: Buffers, budget: Budget) {
    this.#values = root.get('accessors').list();
    this.#buffers = buffers;
    this.#budget = budget;
  }

  get length(): number {
    return this.#values.length;
  }

  /** @throws NearlightError NL_MODEL */
  head(index: number): Head {
    const value = this.#values[index]!;
    const type = value.get('type').choice(TYPES);
    const componentType = value.get('componentType').integer({ max: 65535 });
    if (!READERS[componentType]) value.get('componentType').fail(`is ${componentType}, which glTF does not know`);
    const count = value.get('count').integer({ min: 1, max: limits.accessorElements });
    const normalized = value.get('normalized').flag();
    return { value, count, type, components: COMPONENTS[type], componentType, normalized };
  }

  /** All components as floats, each finite. @throws NearlightError NL_MODEL */
  floats(index: number): Float32Array {
    return this.#numbers(index, 'floats', (head) => {
      const out = this.#allocate(head, Float32Array);
      const scale = head.normalized && head.componentType !== FLOAT ? 1 / READERS[head.componentType]!.max : 0;
      for (let i = 0; i < out.length; i++) {
        if (scale !== 0) out[i] = Math.max(out[i]! * scale, -1);
        if (!Number.isFinite(out[i])) head.value.fail(`element ${Math.floor(i / head.components)} is no finite number`);
      }
      return out;
    }) as Float32Array;
  }

  /** All components as they are, whole numbers. @throws NearlightError NL_MODEL for an accessor of signed numbers or floats */
  integers(index: number): Uint32Array {
    return this.#numbers(index, 'integers', (head) => {
      if (![5121, 5123, 5125].includes(head.componentType))
        head.value.get('componentType').fail('is none of whole numbers without a sign');
      return this.#allocate(head, Uint32Array);
    }) as Uint32Array;
  }

  /** Gives an accessor the numbers that a mesh compression has for it. */
  put(index: number, numbers: Numbers): void {
    this.#read.set(`${numbers instanceof Float32Array ? 'floats' : 'integers'} ${index}`, numbers);
  }

  #numbers(index: number, kind: string, read: (head: Head) => Numbers): Numbers {
    const key = `${kind} ${index}`;
    let numbers = this.#read.get(key);
    if (!numbers) {
      numbers = read(this.head(index));
      this.#read.set(key, numbers);
    }
    return numbers;
  }

  #allocate<T extends Numbers>(head: Head, Kind: new (length: number) => T): T {
    this.#budget.take(head.value.place, head.count * head.components * 4);
    const out = new Kind(head.count * head.components);
    const view = head.value.get('bufferView');
    if (view.exists) this.#fill(head, head.value, head.count, (i) => i * head.components, out);
    if (head.value.get('sparse').exists) this.#overlay(head, out);
    return out;
  }

  /** Sparse values (glTF 2.0, 3.6.2.3). */
  #overlay(head: Head, out: Numbers): void {
    const sparse = head.value.get('sparse');
    const count = sparse.get('count').integer({ min: 1, max: head.count });
    const places = sparse.get('indices');
    const componentType = places.get('componentType').integer({ max: 65535 });
    if (![5121, 5123, 5125].includes(componentType)) places.get('componentType').fail(`is ${componentType}`);
    const indices = new Uint32Array(count);
    this.#fill({ ...head, components: 1, componentType, type: 'SCALAR' }, places, count, (i) => i, indices);
    const outside = indices.findIndex((index) => index >= head.count);
    if (outside >= 0)
      places.fail(`element ${outside} is ${indices[outside]}, beyond the ${head.count} of the accessor`);
    this.#fill(head, sparse.get('values'), count, (i) => indices[i]! * head.components, out);
  }

  /** Reads `count` elements of a view to where `to` says that each belongs. */
  #fill(head: Head, from: Value, count: number, to: (i: number) => number, out: Numbers): void {
    const reader = READERS[head.componentType]!;
    const index = from.get('bufferView').index(this.#buffers.viewCount, 'bufferView');
    const { bytes, stride } = this.#buffers.view(index);
    const offset = from.get('byteOffset').integer({ max: limits.fileBytes, otherwise: 0 });
    const columns = columnStarts(head, reader.bytes);
    const size = columns[columns.length - 1]! + reader.bytes;
    const step = stride || elementBytes(head, reader.bytes);
    if (offset + step * (count - 1) + size > bytes.length)
      from
        .get(offset + size > bytes.length ? 'byteOffset' : 'count')
        .fail(`${count} elements of ${step} bytes at ${offset} exceed the ${bytes.length} of bufferView ${index}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++) {
      const at = offset + i * step;
      const place = to(i);
      for (let k = 0; k < head.components; k++) out[place + k] = reader.read(view, at + columns[k]!);
    }
  }
}

/** Where each component lies in an element; columns of matrices begin at multiples of 4 bytes (3.6.2.4). */
function columnStarts({ type, components }: Head, bytes: number): number[] {
  const rows = type === 'MAT2' ? 2 : type === 'MAT3' ? 3 : type === 'MAT4' ? 4 : components;
  const column = type.startsWith('MAT') ? Math.ceil((rows * bytes) / 4) * 4 : rows * bytes;
  return Array.from({ length: components }, (_, k) => Math.floor(k / rows) * column + (k % rows) * bytes);
}

function elementBytes(head: Head, bytes: number): number {
  const starts = columnStarts(head, bytes);
  const end = starts[starts.length - 1]! + bytes;
  return head.type.startsWith('MAT') ? Math.ceil(end / 4) * 4 : end;
}
