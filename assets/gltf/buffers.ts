import { MeshoptDecoder } from 'meshoptimizer/decoder';
import { fail } from '../fault.ts';
import { limits } from '../limits.ts';
import type { Budget } from './budget.ts';
import type { Container } from './container.ts';
import type { Resources } from './resources.ts';
import type { Value } from './value.ts';

/** The same format under both names. */
const MESHOPT = ['EXT_meshopt_compression', 'KHR_meshopt_compression'] as const;
const MODES = ['ATTRIBUTES', 'TRIANGLES', 'INDICES'] as const;
const FILTERS = ['NONE', 'OCTAHEDRAL', 'QUATERNION', 'EXPONENTIAL', 'COLOR'] as const;

/** Bytes of a buffer view; `stride` is 0 where elements lie one after another. */
export interface View {
  bytes: Uint8Array;
  stride: number;
}

/** The buffers of a model and the views into them; decompressed ones are kept. */
export class Buffers {
  readonly #buffers: (Uint8Array | undefined)[];
  readonly #views: Value[];
  readonly #decoded = new Map<number, View>();
  readonly #budget: Budget;

  private constructor(buffers: (Uint8Array | undefined)[], views: Value[], budget: Budget) {
    this.#buffers = buffers;
    this.#views = views;
    this.#budget = budget;
  }

  /** @throws NearlightError NL_MODEL for a buffer that is missing or shorter than it says */
  static async read({ root, binary }: Container, resources: Resources, budget: Budget): Promise<Buffers> {
    await MeshoptDecoder.ready;
    const buffers: (Uint8Array | undefined)[] = [];
    for (const [index, buffer] of root.get('buffers').list().entries()) {
      const length = buffer.get('byteLength').integer({ max: limits.fileBytes });
      const uri = buffer.get('uri');
      const bytes = uri.exists ? await resources.read(uri) : index === 0 ? binary : undefined;
      if (bytes && bytes.length < length)
        buffer.get('byteLength').fail(`is ${length}, but there are ${bytes.length} bytes`);
      buffers.push(bytes?.subarray(0, length));
    }
    return new Buffers(buffers, root.get('bufferViews').list(), budget);
  }

  get viewCount(): number {
    return this.#views.length;
  }

  /** The bytes of a view, decompressed where they are not plain. @throws NearlightError NL_MODEL */
  view(index: number): View {
    const known = this.#decoded.get(index);
    if (known) return known;
    const value = this.#views[index]!;
    const compressed = MESHOPT.map((name) => value.extension(name)).find((extension) => extension.exists);
    const stride = value.get('byteStride').integer({ min: 1, max: 256, otherwise: 0 });
    const view = compressed ? { bytes: this.#decompress(compressed), stride } : { bytes: this.#slice(value), stride };
    this.#decoded.set(index, view);
    return view;
  }

  #slice(view: Value): Uint8Array {
    const index = view.get('buffer').index(this.#buffers.length, 'buffer');
    const buffer = this.#buffers[index] ?? fail(`buffers[${index}]`, 'has neither a uri nor a binary chunk');
    const offset = view.get('byteOffset').integer({ max: limits.fileBytes, otherwise: 0 });
    const length = view.get('byteLength').integer({ max: limits.fileBytes });
    if (offset + length > buffer.length) {
      const place = offset > buffer.length ? 'byteOffset' : 'byteLength';
      view.get(place).fail(`${length} bytes at ${offset} lie outside buffer ${index} of ${buffer.length}`);
    }
    return buffer.subarray(offset, offset + length);
  }

  #decompress(view: Value): Uint8Array {
    const source = this.#slice(view);
    const count = view.get('count').integer({ max: limits.accessorElements });
    const stride = view.get('byteStride').integer({ min: 1, max: 256 });
    const mode = view.get('mode').choice(MODES);
    const filter = view.get('filter').choice(FILTERS, 'NONE');
    const at = view.get('byteStride');
    if (mode === 'ATTRIBUTES' ? stride % 4 !== 0 : stride !== 2 && stride !== 4)
      at.fail(`${stride} does not suit ${mode}`);
    if (mode === 'TRIANGLES' && count % 3 !== 0) view.get('count').fail(`${count} indices are no triangles`);
    if (mode !== 'ATTRIBUTES' && filter !== 'NONE') view.get('filter').fail(`does not suit ${mode}`);
    if ((filter === 'OCTAHEDRAL' || filter === 'COLOR') && stride !== 4 && stride !== 8)
      at.fail(`${stride} does not suit ${filter}`);
    if (filter === 'QUATERNION' && stride !== 8) at.fail(`${stride} does not suit ${filter}`);
    this.#budget.take(view.place, count * stride);
    const target = new Uint8Array(count * stride);
    if (count === 0) return target;
    try {
      MeshoptDecoder.decodeGltfBuffer(target, count, stride, source, mode, filter);
    } catch (cause) {
      view.fail(`cannot be decompressed: ${(cause as Error).message}`);
    }
    return target;
  }
}
