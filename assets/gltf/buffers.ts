import { MeshoptDecoder } from 'meshoptimizer/decoder';
import { must } from '../../host/base/assert.ts';
import { fail } from '../fault.ts';
import { LIMITS } from '../limits.ts';
import type { Budget } from './budget.ts';
import type { Container } from './container.ts';
import type { Resources } from './resources.ts';
import type { Value } from './value.ts';

/** Two names of the glTF extension for meshopt compression. Both stand for the same format. */
const MESHOPT = ['EXT_meshopt_compression', 'KHR_meshopt_compression'] as const;
const MODES = ['ATTRIBUTES', 'TRIANGLES', 'INDICES'] as const;
const FILTERS = ['NONE', 'OCTAHEDRAL', 'QUATERNION', 'EXPONENTIAL', 'COLOR'] as const;

/** The contents of a buffer view. */
export interface BufferView {
  bytes: Uint8Array;
  /** Bytes from the start of one element to the next; 0 if there are no gaps between them. */
  stride: number;
}

/**
 * The buffers of a model and the views into them. Keeps the views that have been read, so that each is decompressed only once.
 */
export class Buffers {
  readonly #buffers: (Uint8Array | undefined)[];
  readonly #views: Value[];
  readonly #decoded = new Map<number, BufferView>();
  readonly #budget: Budget;

  private constructor(buffers: (Uint8Array | undefined)[], views: Value[], budget: Budget) {
    this.#buffers = buffers;
    this.#views = views;
    this.#budget = budget;
  }

  /**
   * Reads every buffer of a model.
   * @throws NearlightError NL_MODEL if a file is missing or a buffer shorter than its byteLength
   */
  static async read({ root, binary }: Container, resources: Resources, budget: Budget): Promise<Buffers> {
    await MeshoptDecoder.ready;
    const buffers: (Uint8Array | undefined)[] = [];
    for (const [index, buffer] of root.get('buffers').list().entries()) {
      const length = buffer.get('byteLength').integer({ max: LIMITS.fileBytes });
      const uri = buffer.get('uri');
      const bytes = uri.exists ? await resources.read(uri) : index === 0 ? binary : undefined;
      if (bytes && bytes.length < length)
        buffer.get('byteLength').fail(`is ${length}, but the buffer has ${bytes.length} bytes`);
      buffers.push(bytes?.subarray(0, length));
    }
    return new Buffers(buffers, root.get('bufferViews').list(), budget);
  }

  get viewCount(): number {
    return this.#views.length;
  }

  /** Returns the contents of a buffer view, decompressed if necessary. @throws NearlightError NL_MODEL */
  view(index: number): BufferView {
    const known = this.#decoded.get(index);
    if (known) return known;
    const value = must(this.#views[index], 'buffer view');
    const compressed = MESHOPT.map((name) => value.extension(name)).find((extension) => extension.exists);
    const stride = value.get('byteStride').integer({ min: 1, max: 256, otherwise: 0 });
    const view = compressed ? { bytes: this.#decompress(compressed), stride } : { bytes: this.#slice(value), stride };
    this.#decoded.set(index, view);
    return view;
  }

  #slice(view: Value): Uint8Array {
    const index = view.get('buffer').index(this.#buffers.length, 'buffer');
    const buffer = this.#buffers[index] ?? fail(`buffers[${index}]`, 'has neither a uri nor a binary chunk');
    const offset = view.get('byteOffset').integer({ max: LIMITS.fileBytes, otherwise: 0 });
    const length = view.get('byteLength').integer({ max: LIMITS.fileBytes });
    if (offset + length > buffer.length) {
      const place = offset > buffer.length ? 'byteOffset' : 'byteLength';
      view
        .get(place)
        .fail(`${length} bytes at offset ${offset} exceed buffer ${index}, which has ${buffer.length} bytes`);
    }
    return buffer.subarray(offset, offset + length);
  }

  #decompress(view: Value): Uint8Array {
    const source = this.#slice(view);
    const count = view.get('count').integer({ max: LIMITS.accessorElements });
    const stride = view.get('byteStride').integer({ min: 1, max: 256 });
    const mode = view.get('mode').choice(MODES);
    const filter = view.get('filter').choice(FILTERS, 'NONE');
    const at = view.get('byteStride');
    if (mode === 'ATTRIBUTES' ? stride % 4 !== 0 : stride !== 2 && stride !== 4)
      at.fail(`a stride of ${stride} is not possible in mode ${mode}`);
    if (mode === 'TRIANGLES' && count % 3 !== 0) view.get('count').fail(`${count} indices do not form whole triangles`);
    if (mode !== 'ATTRIBUTES' && filter !== 'NONE') view.get('filter').fail(`is not possible in mode ${mode}`);
    if ((filter === 'OCTAHEDRAL' || filter === 'COLOR') && stride !== 4 && stride !== 8)
      at.fail(`a stride of ${stride} is not possible with filter ${filter}`);
    if (filter === 'QUATERNION' && stride !== 8) at.fail(`a stride of ${stride} is not possible with filter ${filter}`);
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
