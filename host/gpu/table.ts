import { ID_INDEX_BITS, ID_INDEX_MIN } from '../../renderer/contract/abi.ts';
import { Fault } from './reader.ts';
import type { PipelineEntries, ShaderSource } from './vetting.ts';

/** A pipeline, which may still be compiling. */
export interface Compiled<T> {
  /** The GPU's pipeline. Undefined until it has compiled, and for good if the GPU refused it. */
  gpu: T | undefined;
  /** Settles when the pipeline has compiled. Set only while commands that need the pipeline have to wait for it. */
  compilation?: Promise<void> | undefined;
}

/** For each kind of GPU object: the object itself, and the facts that the checks of commands need. */
export interface Handles {
  buffer: { gpu: GPUBuffer; size: number; usage: number; mapping: boolean };
  texture: { gpu: GPUTexture; bytes: number; format: GPUTextureFormat; sampleCount: number };
  textureView: { gpu: GPUTextureView; format: GPUTextureFormat; sampleCount: number };
  sampler: { gpu: GPUSampler };
  /** A pipeline's own bind group layout has no entries. */
  bindGroupLayout: { gpu: GPUBindGroupLayout; entries?: readonly GPUBindGroupLayoutEntry[] };
  /** WebGPU refuses the layouts of pipelines in a pipeline layout, which then has no entries. */
  pipelineLayout: { gpu: GPUPipelineLayout; entries?: PipelineEntries | undefined };
  bindGroup: { gpu: GPUBindGroup };
  /** The source is known if shaders are vetted. */
  shaderModule: { gpu: GPUShaderModule; source?: ShaderSource | undefined };
  renderPipeline: Compiled<GPURenderPipeline>;
  computePipeline: Compiled<GPUComputePipeline>;
  querySet: { gpu: GPUQuerySet; count: number };
  renderBundle: { gpu: GPURenderBundle; draws: number; vertices: number; bytes: number };
}

/** All GPU objects of a room's module: one table for each kind. */
export type Tables = { readonly [K in keyof Handles]: Table<Handles[K]> };

const INDEX_MASK = 2 ** ID_INDEX_BITS - 1;

/** A module's GPU objects of one kind, by id (generation << ID_INDEX_BITS | index). Modules choose ids, with low indices. */
export class Table<T> {
  readonly kind: string;
  readonly #max: number;
  readonly #items: (T | undefined)[] = [];
  readonly #ids: number[] = [];
  #count = 0;

  /** @param max one more than the highest index that an object may have, and so the most objects */
  constructor(kind: string, max: number) {
    this.kind = kind;
    this.#max = max;
  }

  get count(): number {
    return this.#count;
  }

  /** Returns the object with this id. @throws Fault if no object has it */
  get(id: number): T {
    const index = id & INDEX_MASK;
    const item = this.#items[index];
    if (item === undefined || this.#ids[index] !== id) throw this.#missing(id);
    return item;
  }

  /** Returns the object with this id, or undefined for id 0. @throws Fault if no object has the id */
  getOrNone(id: number): T | undefined {
    return id === 0 ? undefined : this.get(id);
  }

  /** Returns the object with this id, or undefined if there is none. */
  find(id: number): T | undefined {
    const index = id & INDEX_MASK;
    return this.#ids[index] === id ? this.#items[index] : undefined;
  }

  /** Checks that a new object may have this id. @throws Fault */
  claim(id: number): void {
    const index = id & INDEX_MASK;
    if (index < ID_INDEX_MIN || index >= this.#max)
      throw new Fault(`id ${show(id)}: the index of a ${this.kind} is from ${ID_INDEX_MIN} to ${this.#max - 1}`);
    if (this.#items[index] !== undefined) throw new Fault(`id ${show(id)}: a ${this.kind} with this index exists`);
  }

  /** Adds an object that the module creates. @throws Fault if the id is out of range or its index is in use */
  add(id: number, item: T): void {
    this.claim(id);
    this.put(id, item);
  }

  /** Adds an object without checking its id. The host adds its own objects under indices that modules cannot use. */
  put(id: number, item: T): void {
    const index = id & INDEX_MASK;
    this.#items[index] = item;
    this.#ids[index] = id;
    this.#count++;
  }

  /** Removes and returns the object with this id. @throws Fault if no object has it */
  remove(id: number): T {
    const item = this.get(id);
    this.#items[id & INDEX_MASK] = undefined;
    this.#count--;
    return item;
  }

  /** Removes every object and calls `end` with each. */
  clear(end: (item: T) => void): void {
    for (const item of this.#items) if (item !== undefined) end(item);
    this.#items.length = 0;
    this.#ids.length = 0;
    this.#count = 0;
  }

  #missing(id: number): Fault {
    const known = this.#items[id & INDEX_MASK] !== undefined || this.#ids[id & INDEX_MASK] !== undefined;
    return new Fault(
      `id ${show(id)} ${known ? `is stale: that ${this.kind} was destroyed or replaced` : `names no ${this.kind}`}`,
    );
  }
}

/** Creates the tables of a room, one for each kind of GPU object. Each holds objects with an index below `max`. */
export function createTables(max: number): Tables {
  return {
    buffer: new Table('buffer', max),
    texture: new Table('texture', max),
    textureView: new Table('textureView', max),
    sampler: new Table('sampler', max),
    bindGroupLayout: new Table('bindGroupLayout', max),
    pipelineLayout: new Table('pipelineLayout', max),
    bindGroup: new Table('bindGroup', max),
    shaderModule: new Table('shaderModule', max),
    renderPipeline: new Table('renderPipeline', max),
    computePipeline: new Table('computePipeline', max),
    querySet: new Table('querySet', max),
    renderBundle: new Table('renderBundle', max),
  };
}

/** Number of GPU objects in all tables together. */
export function countObjects(tables: Tables): number {
  return Object.values(tables).reduce((sum, { count }) => sum + count, 0);
}

function show(id: number): string {
  return `${id & INDEX_MASK} (generation ${id >>> ID_INDEX_BITS})`;
}
