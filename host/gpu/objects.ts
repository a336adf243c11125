import { SURFACE } from '../../renderer/abi.ts';
import { Budget, textureBytes } from './budget.ts';
import type {
  CreateBindGroup,
  CreateBindGroupLayout,
  CreateBuffer,
  CreateComputePipeline,
  CreatePipelineLayout,
  CreateRenderPipeline,
  CreateSampler,
  CreateShaderModule,
  CreateTexture,
  CreateTextureView,
  ObjectsCommands,
} from './decode.ts';
import { bindGroupEntry, bindGroupLayoutEntry, computePipeline, renderPipeline } from './descriptor.ts';
import { Fault } from './reader.ts';
import { type Handles, Table, type Tables } from './table.ts';

export interface ObjectLimits {
  gpuObjectsMax: number;
  gpuBufferBytesMax: number;
  gpuBytesMax: number;
}

/** Makes and ends a room's objects: the commands of GPUDevice. */
export class Objects implements ObjectsCommands {
  readonly tables: Tables;
  readonly budget: Budget;
  readonly #device: GPUDevice;
  readonly #limits: ObjectLimits;

  constructor(device: GPUDevice, limits: ObjectLimits) {
    this.#device = device;
    this.#limits = limits;
    this.budget = new Budget(limits.gpuBytesMax);
    this.tables = {
      buffer: new Table('buffer', limits.gpuObjectsMax),
      texture: new Table('texture', limits.gpuObjectsMax),
      textureView: new Table('textureView', limits.gpuObjectsMax),
      sampler: new Table('sampler', limits.gpuObjectsMax),
      bindGroupLayout: new Table('bindGroupLayout', limits.gpuObjectsMax),
      pipelineLayout: new Table('pipelineLayout', limits.gpuObjectsMax),
      bindGroup: new Table('bindGroup', limits.gpuObjectsMax),
      shaderModule: new Table('shaderModule', limits.gpuObjectsMax),
      renderPipeline: new Table('renderPipeline', limits.gpuObjectsMax),
      computePipeline: new Table('computePipeline', limits.gpuObjectsMax),
    };
  }

  /** Objects of all kinds. */
  get count(): number {
    return Object.values(this.tables).reduce((sum, table) => sum + table.count, 0);
  }

  createBuffer({ id, size, usage, label }: CreateBuffer): void {
    this.tables.buffer.claim(id);
    if (size > this.#limits.gpuBufferBytesMax)
      throw new Fault(`its ${size} bytes exceed ${this.#limits.gpuBufferBytesMax} (GPU_BUFFER_BYTES_MAX)`);
    this.budget.take(size);
    this.tables.buffer.add(id, {
      gpu: this.#device.createBuffer({ size, usage, label }),
      size,
      usage,
    });
  }

  createTexture(record: CreateTexture): void {
    this.tables.texture.claim(record.id);
    const bytes = textureBytes(record);
    this.budget.take(bytes);
    const gpu = this.#device.createTexture({ ...record, size: record });
    this.tables.texture.add(record.id, { gpu, bytes });
  }

  createTextureView(record: CreateTextureView): void {
    this.tables.textureView.claim(record.id);
    if (record.texture === this.tables.texture.find(SURFACE)) throw new Fault("the player's picture has its own view");
    const descriptor = {
      ...record,
      mipLevelCount: record.mipLevelCount || undefined,
      arrayLayerCount: record.arrayLayerCount || undefined,
    } as GPUTextureViewDescriptor;
    this.tables.textureView.add(record.id, {
      gpu: record.texture.gpu.createView(descriptor),
    });
  }

  createSampler(record: CreateSampler): void {
    this.tables.sampler.claim(record.id);
    this.tables.sampler.add(record.id, {
      gpu: this.#device.createSampler(record as GPUSamplerDescriptor),
    });
  }

  createBindGroupLayout({ id, label, entries }: CreateBindGroupLayout): void {
    this.tables.bindGroupLayout.claim(id);
    const gpu = this.#device.createBindGroupLayout({
      label,
      entries: entries.map(bindGroupLayoutEntry),
    });
    this.tables.bindGroupLayout.add(id, { gpu });
  }

  createPipelineLayout({ id, label, layouts }: CreatePipelineLayout): void {
    this.tables.pipelineLayout.claim(id);
    const bindGroupLayouts = layouts.map((entry) => entry.layout.gpu);
    this.tables.pipelineLayout.add(id, {
      gpu: this.#device.createPipelineLayout({ label, bindGroupLayouts }),
    });
  }

  createBindGroup({ id, layout, label, entries }: CreateBindGroup): void {
    this.tables.bindGroup.claim(id);
    const surface = this.tables.textureView.find(SURFACE);
    for (const entry of entries)
      if (entry.view !== undefined && entry.view === surface)
        throw new Fault("the player's picture cannot be bound: it is gone after the call");
    const gpu = this.#device.createBindGroup({
      layout: layout.gpu,
      label,
      entries: entries.map(bindGroupEntry),
    });
    this.tables.bindGroup.add(id, { gpu });
  }

  createShaderModule({ id, label, code }: CreateShaderModule): void {
    this.tables.shaderModule.claim(id);
    this.tables.shaderModule.add(id, {
      gpu: this.#device.createShaderModule({ label, code }),
    });
  }

  createRenderPipeline(record: CreateRenderPipeline): void {
    this.tables.renderPipeline.claim(record.id);
    const gpu = this.#device.createRenderPipeline(renderPipeline(record));
    this.tables.renderPipeline.add(record.id, { gpu });
  }

  createComputePipeline(record: CreateComputePipeline): void {
    this.tables.computePipeline.claim(record.id);
    const gpu = this.#device.createComputePipeline(computePipeline(record));
    this.tables.computePipeline.add(record.id, { gpu });
  }

  getRenderBindGroupLayout(id: number, pipeline: Handles['renderPipeline'], index: number): void {
    this.tables.bindGroupLayout.claim(id);
    this.tables.bindGroupLayout.add(id, {
      gpu: pipeline.gpu.getBindGroupLayout(index),
    });
  }

  getComputeBindGroupLayout(id: number, pipeline: Handles['computePipeline'], index: number): void {
    this.tables.bindGroupLayout.claim(id);
    this.tables.bindGroupLayout.add(id, {
      gpu: pipeline.gpu.getBindGroupLayout(index),
    });
  }

  destroy(kind: keyof Tables, object: number): void {
    if (object === SURFACE) throw new Fault("the player's picture is the host's");
    if (kind === 'buffer') this.#endBuffer(this.tables.buffer.remove(object));
    else if (kind === 'texture') this.#endTexture(this.tables.texture.remove(object));
    else this.tables[kind].remove(object);
  }

  /** Ends every object. */
  clear(): void {
    this.tables.buffer.clear(this.#endBuffer);
    this.tables.texture.clear(this.#endTexture);
    for (const table of Object.values(this.tables)) table.clear(() => {});
  }

  readonly #endBuffer = ({ gpu, size }: Handles['buffer']): void => {
    gpu.destroy();
    this.budget.give(size);
  };

  readonly #endTexture = ({ gpu, bytes }: Handles['texture']): void => {
    gpu.destroy();
    this.budget.give(bytes);
  };
}
