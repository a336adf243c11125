import { ID_INDEX_BITS, ID_INDEX_MIN } from '../../renderer/contract/abi.ts';
import type { Budget } from './budget.ts';
import { OBJECT_BYTES } from './cost.ts';
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
  /**
   * `bytes` is the length of the WGSL. The source is known if shaders are vetted. `authored` is the module of the author's text if
   * `gpu` has another, whose loops are bounded.
   */
  shaderModule: {
    gpu: GPUShaderModule;
    authored?: GPUShaderModule | undefined;
    bytes: number;
    source?: ShaderSource | undefined;
  };
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
  readonly kind: keyof Handles;
  readonly #max: number;
  readonly #memory: Budget;
  readonly #items: (T | undefined)[] = [];
  readonly #ids: number[] = [];
  /** Bytes that each object counts as, in the budget of the host's memory. */
  readonly #bytes: number[] = [];
  /** Bytes that claim() has taken for an object that add() has not added yet. */
  #claimed = 0;
  #count = 0;

  /**
   * @param max one more than the highest index that an object may have, and so the most objects
   * @param memory budget of the host's memory that objects take in addition to their contents
   */
  constructor(kind: keyof Handles, max: number, memory: Budget) {
    this.kind = kind;
    this.#max = max;
    this.#memory = memory;
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

  /**
   * Checks that a new object may have this id, and takes its memory until the object is removed. The memory is given back if
   * another claim() or clear() follows in place of add().
   * @param more bytes in addition to those of every object of this kind
   * @throws Fault if the id is out of range or its index is in use, or the room has too little memory left
   */
  claim(id: number, more = 0): void {
    this.#unclaim();
    const index = id & INDEX_MASK;
    if (index < ID_INDEX_MIN || index >= this.#max)
      throw new Fault(`id ${show(id)}: the index of a ${this.kind} is from ${ID_INDEX_MIN} to ${this.#max - 1}`);
    if (this.#items[index] !== undefined) throw new Fault(`id ${show(id)}: a ${this.kind} with this index exists`);
    const bytes = OBJECT_BYTES[this.kind] + more;
    this.#memory.take(bytes);
    this.#claimed = bytes;
  }

  /** Adds an object that the module creates, whose id was claimed. */
  add(id: number, item: T): void {
    this.#set(id, item, this.#claimed);
    this.#claimed = 0;
  }

  /** Adds an object of the host, under an index that modules cannot use. It counts as no memory. */
  put(id: number, item: T): void {
    this.#set(id, item, 0);
  }

  /** Removes and returns the object with this id. @throws Fault if no object has it */
  remove(id: number): T {
    const item = this.get(id);
    const index = id & INDEX_MASK;
    this.#items[index] = undefined;
    this.#memory.give(this.#bytes[index] ?? 0);
    this.#count--;
    return item;
  }

  /** Removes every object and calls `end` with each. */
  clear(end: (item: T) => void): void {
    this.#unclaim();
    for (const [index, item] of this.#items.entries()) {
      if (item === undefined) continue;
      end(item);
      this.#memory.give(this.#bytes[index] ?? 0);
    }
    this.#items.length = 0;
    this.#ids.length = 0;
    this.#count = 0;
  }

  #unclaim(): void {
    this.#memory.give(this.#claimed);
    this.#claimed = 0;
  }

  #set(id: number, item: T, bytes: number): void {
    const index = id & INDEX_MASK;
    this.#items[index] = item;
    this.#ids[index] = id;
    this.#bytes[index] = bytes;
    this.#count++;
  }

  #missing(id: number): Fault {
    const known = this.#items[id & INDEX_MASK] !== undefined || this.#ids[id & INDEX_MASK] !== undefined;
    return new Fault(
      `id ${show(id)} ${known ? `is stale: that ${this.kind} was destroyed or replaced` : `names no ${this.kind}`}`,
    );
  }
}

/**
 * Creates the tables of a room, one for each kind of GPU object. Each holds objects with an index below `max`, and all of them
 * together as many as `memory` allows.
 */
export function createTables(max: number, memory: Budget): Tables {
  return {
    buffer: new Table('buffer', max, memory),
    texture: new Table('texture', max, memory),
    textureView: new Table('textureView', max, memory),
    sampler: new Table('sampler', max, memory),
    bindGroupLayout: new Table('bindGroupLayout', max, memory),
    pipelineLayout: new Table('pipelineLayout', max, memory),
    bindGroup: new Table('bindGroup', max, memory),
    shaderModule: new Table('shaderModule', max, memory),
    renderPipeline: new Table('renderPipeline', max, memory),
    computePipeline: new Table('computePipeline', max, memory),
    querySet: new Table('querySet', max, memory),
    renderBundle: new Table('renderBundle', max, memory),
  };
}

/** Number of GPU objects in all tables together. */
export function countObjects(tables: Tables): number {
  return Object.values(tables).reduce((sum, { count }) => sum + count, 0);
}

function show(id: number): string {
  return `${id & INDEX_MASK} (generation ${id >>> ID_INDEX_BITS})`;
}
