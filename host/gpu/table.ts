import { ID_INDEX_BITS, ID_INDEX_MIN } from '../../renderer/contract/abi.ts';
import { Fault } from './reader.ts';

export interface Compiled<T> {
  gpu: T | undefined;
  /** Where a command that needs the pipeline waits for it: until then. */
  compilation?: Promise<void> | undefined;
}

/** What the replay keeps of each kind of object: the GPU's object and what checks need without asking the GPU. */
export interface Handles {
  buffer: { gpu: GPUBuffer; size: number; usage: number; mapping: boolean };
  texture: { gpu: GPUTexture; bytes: number; format: GPUTextureFormat; sampleCount: number };
  textureView: { gpu: GPUTextureView; format: GPUTextureFormat; sampleCount: number };
  sampler: { gpu: GPUSampler };
  bindGroupLayout: { gpu: GPUBindGroupLayout };
  pipelineLayout: { gpu: GPUPipelineLayout };
  bindGroup: { gpu: GPUBindGroup };
  shaderModule: { gpu: GPUShaderModule };
  /** Without `gpu` until its compilation has ended. */
  renderPipeline: Compiled<GPURenderPipeline>;
  computePipeline: Compiled<GPUComputePipeline>;
  querySet: { gpu: GPUQuerySet; count: number };
  renderBundle: { gpu: GPURenderBundle; draws: number; vertices: number; bytes: number };
}

export type Tables = { readonly [K in keyof Handles]: Table<Handles[K]> };

const INDEX_MASK = 2 ** ID_INDEX_BITS - 1;

/** Objects of one kind by id (generation << ID_INDEX_BITS | index). Dense in the index, which the guest chooses. */
export class Table<T> {
  readonly kind: string;
  readonly #max: number;
  readonly #items: (T | undefined)[] = [];
  readonly #ids: number[] = [];
  #count = 0;

  /** @param max one more than the highest index; also the most objects */
  constructor(kind: string, max: number) {
    this.kind = kind;
    this.#max = max;
  }

  get count(): number {
    return this.#count;
  }

  get(id: number): T {
    const index = id & INDEX_MASK;
    const item = this.#items[index];
    if (item === undefined || this.#ids[index] !== id) throw this.#missing(id);
    return item;
  }

  getOrNone(id: number): T | undefined {
    return id === 0 ? undefined : this.get(id);
  }

  /** The object, or undefined where it does not exist. */
  find(id: number): T | undefined {
    const index = id & INDEX_MASK;
    return this.#ids[index] === id ? this.#items[index] : undefined;
  }

  /** Checks that `id` may be given to a new object. */
  claim(id: number): void {
    const index = id & INDEX_MASK;
    if (index < ID_INDEX_MIN || index >= this.#max)
      throw new Fault(`id ${show(id)}: the index of a ${this.kind} is from ${ID_INDEX_MIN} to ${this.#max - 1}`);
    if (this.#items[index] !== undefined) throw new Fault(`id ${show(id)}: a ${this.kind} with this index exists`);
  }

  add(id: number, item: T): void {
    this.claim(id);
    this.put(id, item);
  }

  /** Adds an object of the host's own, whatever its index. */
  put(id: number, item: T): void {
    const index = id & INDEX_MASK;
    this.#items[index] = item;
    this.#ids[index] = id;
    this.#count++;
  }

  remove(id: number): T {
    const item = this.get(id);
    this.#items[id & INDEX_MASK] = undefined;
    this.#count--;
    return item;
  }

  /** Removes every object, handing each to `end`. */
  clear(end: (item: T) => void): void {
    for (const item of this.#items) if (item !== undefined) end(item);
    this.#items.length = 0;
    this.#ids.length = 0;
    this.#count = 0;
  }

  #missing(id: number): Fault {
    const live = this.#items[id & INDEX_MASK] !== undefined || this.#ids[id & INDEX_MASK] !== undefined;
    return new Fault(
      `id ${show(id)} ${live ? `is stale: that ${this.kind} was destroyed or replaced` : `names no ${this.kind}`}`,
    );
  }
}

function show(id: number): string {
  return `${id & INDEX_MASK} (generation ${id >>> ID_INDEX_BITS})`;
}
