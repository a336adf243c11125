import { must } from '../../host/base/assert.ts';
import { f32, u32 } from '../element.ts';
import { LIMITS } from '../limits.ts';
import type { Budget } from './budget.ts';
import type { Buffers } from './buffers.ts';
import type { Value } from './value.ts';

export const COMPONENTS = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4, MAT2: 4, MAT3: 9, MAT4: 16 } as const;
type Type = keyof typeof COMPONENTS;
const TYPES = Object.keys(COMPONENTS) as Type[];

interface ComponentReader {
  bytes: number;
  /** The integer that stands for 1 in a normalized accessor; 0 for floats, which are never normalized. */
  max: number;
  read(view: DataView, at: number): number;
}

/** How to read each component type of an accessor, by its number in glTF (glTF 2.0, 3.6.2.2). */
const READERS: Record<number, ComponentReader> = {
  5120: { bytes: 1, max: 127, read: (view, at) => view.getInt8(at) },
  5121: { bytes: 1, max: 255, read: (view, at) => view.getUint8(at) },
  5122: { bytes: 2, max: 32767, read: (view, at) => view.getInt16(at, true) },
  5123: { bytes: 2, max: 65535, read: (view, at) => view.getUint16(at, true) },
  5125: { bytes: 4, max: 4294967295, read: (view, at) => view.getUint32(at, true) },
  5126: { bytes: 4, max: 0, read: (view, at) => view.getFloat32(at, true) },
};
const FLOAT = 5126;

/** The properties of an accessor, as the JSON of the model states them. */
export interface Head {
  value: Value;
  count: number;
  type: Type;
  components: number;
  componentType: number;
  normalized: boolean;
}

export type Numbers = Float32Array | Uint32Array;

/** Reads the accessors of a model, including sparse, normalized and strided ones. Keeps the numbers that it has read. */
export class Accessors {
  readonly #values: Value[];
  readonly #buffers: Buffers;
  readonly #budget: Budget;
  /** The numbers of the accessors that have been read, by "floats" or "integers" and the index of the accessor. */
  readonly #read = new Map<string, Numbers>();

  constructor(root: Value, buffers: Buffers, budget: Budget) {
    this.#values = root.get('accessors').list();
    this.#buffers = buffers;
    this.#budget = budget;
  }

  get length(): number {
    return this.#values.length;
  }

  /** Reads the properties of an accessor, but not its numbers. @throws NearlightError NL_MODEL */
  head(index: number): Head {
    const value = must(this.#values[index], 'accessor');
    const type = value.get('type').choice(TYPES);
    const componentType = value.get('componentType').integer({ max: 65535 });
    if (!READERS[componentType]) value.get('componentType').fail(`is ${componentType}, which glTF does not define`);
    const count = value.get('count').integer({ min: 1, max: LIMITS.accessorElements });
    const normalized = value.get('normalized').flag();
    return { value, count, type, components: COMPONENTS[type], componentType, normalized };
  }

  /** Reads all components of an accessor as floats. @throws NearlightError NL_MODEL if one is not finite */
  floats(index: number): Float32Array {
    return this.#numbers(index, 'floats', (head) => {
      const out = this.#allocate(head, Float32Array);
      const scale = head.normalized && head.componentType !== FLOAT ? 1 / readerOf(head).max : 0;
      for (let i = 0; i < out.length; i++) {
        if (scale !== 0) out[i] = Math.max(f32(out, i) * scale, -1);
        if (!Number.isFinite(out[i]))
          head.value.fail(`element ${Math.floor(i / head.components)} is not a finite number`);
      }
      return out;
    }) as Float32Array;
  }

  /**
   * Reads all components of an accessor as unsigned integers.
   * @throws NearlightError NL_MODEL if it has another component type
   */
  integers(index: number): Uint32Array {
    return this.#numbers(index, 'integers', (head) => {
      if (![5121, 5123, 5125].includes(head.componentType))
        head.value.get('componentType').fail('is not an unsigned integer type');
      return this.#allocate(head, Uint32Array);
    }) as Uint32Array;
  }

  /**
   * Stores the numbers of an accessor that come from a compressed mesh, so that its buffer is not read.
   * @throws NearlightError NL_MODEL if the model has too many decoded bytes
   */
  put(index: number, numbers: Numbers): void {
    this.#budget.take(must(this.#values[index], 'accessor').place, numbers.byteLength);
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

  /** Reads the numbers of an accessor into a new array. */
  #allocate<T extends Numbers>(head: Head, Kind: new (length: number) => T): T {
    this.#budget.take(head.value.place, head.count * head.components * 4);
    const out = new Kind(head.count * head.components);
    const view = head.value.get('bufferView');
    if (view.exists) this.#fill(head, head.value, head.count, (i) => i * head.components, out);
    if (head.value.get('sparse').exists) this.#overlay(head, out);
    return out;
  }

  /** Replaces the elements for which the accessor has sparse values (glTF 2.0, 3.6.2.3). */
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
      places.fail(`element ${outside} is ${indices[outside]}, but the accessor has ${head.count} elements`);
    this.#fill(head, sparse.get('values'), count, (i) => u32(indices, i) * head.components, out);
  }

  /** Reads `count` elements of a buffer view into `out`. @param to returns the index in `out` at which an element goes */
  #fill(head: Head, from: Value, count: number, to: (i: number) => number, out: Numbers): void {
    const reader = readerOf(head);
    const index = from.get('bufferView').index(this.#buffers.viewCount, 'bufferView');
    const { bytes, stride } = this.#buffers.view(index);
    const offset = from.get('byteOffset').integer({ max: LIMITS.fileBytes, otherwise: 0 });
    const columns = columnStarts(head, reader.bytes);
    const size = must(columns.at(-1), 'component') + reader.bytes;
    const step = stride || elementBytes(head, reader.bytes);
    if (offset + step * (count - 1) + size > bytes.length)
      from
        .get(offset + size > bytes.length ? 'byteOffset' : 'count')
        .fail(
          `${count} elements of ${step} bytes at offset ${offset} exceed bufferView ${index}, which has ${bytes.length} bytes`,
        );
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++) {
      const at = offset + i * step;
      const place = to(i);
      for (const [k, start] of columns.entries()) out[place + k] = reader.read(view, at + start);
    }
  }
}

/**
 * Byte offset of each component in an element of an accessor. Columns of a matrix start at multiples of 4 bytes (glTF 2.0,
 * 3.6.2.4).
 */
function columnStarts({ type, components }: Head, bytes: number): number[] {
  const rows = type === 'MAT2' ? 2 : type === 'MAT3' ? 3 : type === 'MAT4' ? 4 : components;
  const column = type.startsWith('MAT') ? Math.ceil((rows * bytes) / 4) * 4 : rows * bytes;
  return Array.from({ length: components }, (_, k) => Math.floor(k / rows) * column + (k % rows) * bytes);
}

function readerOf({ componentType }: Head): ComponentReader {
  return must(READERS[componentType], 'component type that was checked');
}

/** Size of an element of an accessor in bytes, without padding after it. */
function elementBytes(head: Head, bytes: number): number {
  const starts = columnStarts(head, bytes);
  const end = must(starts.at(-1), 'component') + bytes;
  return head.type.startsWith('MAT') ? Math.ceil(end / 4) * 4 : end;
}
