import { REPLY_COMPILATION, REPLY_PIPELINE, SURFACE } from '../../renderer/contract/abi.ts';
import { anisotropyLimit } from './anisotropy.ts';
import { Budget, textureBytes, type WorkLimits } from './budget.ts';
import { WordCache } from './cache.ts';
import { RoomCompiler } from './compiler.ts';
import {
  type CreateBindGroup,
  type CreateBindGroupLayout,
  type CreateBuffer,
  type CreateComputePipeline,
  type CreatePipelineLayout,
  type CreateQuerySet,
  type CreateRenderBundleEncoder,
  type CreateRenderPipeline,
  type CreateSampler,
  type CreateShaderModule,
  type CreateTexture,
  type CreateTextureView,
  names,
  type ObjectsCommands,
} from './decode.ts';
import { bindGroupEntry, bindGroupLayoutEntry, computePipeline, renderPipeline } from './descriptor.ts';
import { DeviceGroups } from './groups.ts';
import { compiled, type Pass } from './pass.ts';
import { Fault, type Reader } from './reader.ts';
import { ErrorScopes } from './scope.ts';
import { checkInlined } from './shader.ts';
import { type Handles, Table, type Tables } from './table.ts';

export interface ObjectLimits extends WorkLimits {
  gpuObjectsMax: number;
  gpuBufferBytesMax: number;
  gpuBytesMax: number;
  shaderBytesMax: number;
  shaderMsMax: number;
}

export interface ObjectsOptions {
  device: GPUDevice;
  limits: ObjectLimits;
  reader: Reader;
  log(level: 'error' | 'warn', message: string): void;
  /** Takes the errors of the current command that show later. */
  refuser(): (error: unknown) => void;
  /** An object has ended. */
  ended(): void;
  /** Compiling has taken too long, though no call waits for it. */
  onOverdue(fault: Fault): void;
  /** A compilation without end has taken the device with it. */
  onHung(): void;
  /** Puts a record on the module's reply ring. */
  reply(type: number, ...values: number[]): void;
}

/** Queries of a set (WebGPU, "createQuerySet"). */
const QUERIES_MAX = 4096;
const QUERY_BYTES = 8;
/** Words of a command before those that say what is made: its head and its id. */
const ID_WORDS = 2;

/** Makes and ends a room's objects: the commands of GPUDevice. */
export class Objects implements ObjectsCommands {
  readonly tables: Tables;
  readonly budget: Budget;
  readonly scopes: ErrorScopes;
  readonly compiler: RoomCompiler;
  readonly #device: GPUDevice;
  readonly #options: ObjectsOptions;
  readonly #limits: ObjectLimits;
  readonly #bindGroups: DeviceGroups;
  /** Stands for this room there: to be held until the last group is collected, it must hold none itself. */
  readonly #holder = {};
  /** Games make the same group and the same view again and again; each is made once. */
  readonly #groups = new WordCache<Handles['bindGroup']>();
  readonly #views = new WordCache<Handles['textureView']>();
  #pass!: Pass;

  constructor(options: ObjectsOptions) {
    const { device, limits } = options;
    this.#options = options;
    this.#device = device;
    this.#limits = limits;
    this.scopes = new ErrorScopes(device, (message) => options.log('warn', message), options.reply);
    this.compiler = new RoomCompiler({
      device,
      msMax: limits.shaderMsMax,
      refuser: (failure) => (this.scopes.catch(failure) ? () => {} : options.refuser()),
      onOverdue: options.onOverdue,
      onHung: options.onHung,
    });
    this.#bindGroups = DeviceGroups.of(device);
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
      querySet: new Table('querySet', limits.gpuObjectsMax),
      renderBundle: new Table('renderBundle', limits.gpuObjectsMax),
    };
  }

  /** The pass that render bundles are recorded with. */
  set pass(pass: Pass) {
    this.#pass = pass;
  }

  /** Objects of all kinds. */
  get count(): number {
    return Object.values(this.tables).reduce((sum, table) => sum + table.count, 0);
  }

  createBuffer({ id, size, usage, label }: CreateBuffer): void {
    this.tables.buffer.claim(id);
    if (size > this.#limits.gpuBufferBytesMax)
      throw new Fault(`its ${size} bytes exceed ${this.#limits.gpuBufferBytesMax} (GPU_BUFFER_BYTES_MAX)`);
    const gpu = this.budget.spend(size, () => this.#device.createBuffer({ size, usage, label }));
    this.tables.buffer.add(id, { gpu, size, usage, mapping: false });
  }

  createTexture(record: CreateTexture): void {
    this.tables.texture.claim(record.id);
    const bytes = textureBytes(record);
    const viewFormats = record.viewFormats.map(({ format }) => format);
    const descriptor = { ...record, size: record, viewFormats };
    const gpu = this.budget.spend(bytes, () => this.#device.createTexture(descriptor));
    this.tables.texture.add(record.id, { gpu, bytes, format: record.format, sampleCount: record.sampleCount });
  }

  createTextureView(record: CreateTextureView): void {
    this.tables.textureView.claim(record.id);
    if (record.texture === this.tables.texture.find(SURFACE)) throw new Fault("the player's picture has its own view");
    const same = this.#cached(this.#views);
    if (same) {
      this.tables.textureView.add(record.id, same);
      return;
    }
    const descriptor = {
      ...record,
      mipLevelCount: record.mipLevelCount || undefined,
      arrayLayerCount: record.arrayLayerCount || undefined,
    } as GPUTextureViewDescriptor;
    const { format, sampleCount } = record.texture;
    const view = { gpu: record.texture.gpu.createView(descriptor), format: record.format ?? format, sampleCount };
    this.tables.textureView.add(record.id, view);
    // The player's picture is another texture in the next call.
    if (record.texture !== this.tables.texture.find(SURFACE)) this.#cache(this.#views, view);
  }

  createSampler(record: CreateSampler): void {
    this.tables.sampler.claim(record.id);
    record.maxAnisotropy = Math.min(record.maxAnisotropy, anisotropyLimit(this.#device).max);
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
    const bindGroupLayouts = layouts.map((entry) => entry.layout?.gpu ?? null);
    this.tables.pipelineLayout.add(id, {
      gpu: this.#device.createPipelineLayout({ label, bindGroupLayouts }),
    });
  }

  createBindGroup({ id, layout, label, entries }: CreateBindGroup): void {
    this.tables.bindGroup.claim(id);
    const same = this.#cached(this.#groups);
    if (same) {
      this.tables.bindGroup.add(id, same);
      return;
    }
    const surface = this.tables.textureView.find(SURFACE);
    for (const entry of entries)
      if (entry.view !== undefined && entry.view === surface)
        throw new Fault("the player's picture cannot be bound: it is gone after the call");
    const descriptor = {
      layout: layout.gpu,
      label,
      entries: entries.map(bindGroupEntry),
    };
    const gpu = this.#bindGroups.make(this.#holder, () => this.#device.createBindGroup(descriptor));
    const group = { gpu };
    this.tables.bindGroup.add(id, group);
    this.#cache(this.#groups, group);
  }

  createShaderModule({ id, label, code }: CreateShaderModule): void {
    this.tables.shaderModule.claim(id);
    if (code.length > this.#limits.shaderBytesMax)
      throw new Fault(`its ${code.length} bytes exceed ${this.#limits.shaderBytesMax} (SHADER_BYTES_MAX)`);
    const gpu = this.compiler.measure(() => {
      checkInlined(code);
      return this.#device.createShaderModule({ label, code });
    });
    // It takes as long as hundreds of other commands.
    this.#options.reader.countdown = 1;
    this.tables.shaderModule.add(id, { gpu });
  }

  createRenderPipeline(record: CreateRenderPipeline): void {
    this.tables.renderPipeline.claim(record.id);
    const descriptor = renderPipeline(record);
    const atOnce = () => this.#device.createRenderPipeline(descriptor);
    const beside = () => this.#device.createRenderPipelineAsync(descriptor);
    this.tables.renderPipeline.add(record.id, this.compiler.pipeline(atOnce, beside));
  }

  createRenderPipelineAsync(record: CreateRenderPipeline): void {
    this.tables.renderPipeline.claim(record.id);
    const pipeline: Handles['renderPipeline'] = { gpu: undefined };
    this.tables.renderPipeline.add(record.id, pipeline);
    const descriptor = renderPipeline(record);
    const compilation = this.compiler.later(() => this.#device.createRenderPipelineAsync(descriptor));
    this.#whenCompiled('renderPipeline', record, compilation, (gpu) => {
      pipeline.gpu = gpu;
    });
  }

  createComputePipeline(record: CreateComputePipeline): void {
    this.tables.computePipeline.claim(record.id);
    const descriptor = computePipeline(record);
    const atOnce = () => this.#device.createComputePipeline(descriptor);
    const beside = () => this.#device.createComputePipelineAsync(descriptor);
    this.tables.computePipeline.add(record.id, this.compiler.pipeline(atOnce, beside));
  }

  createComputePipelineAsync(record: CreateComputePipeline): void {
    this.tables.computePipeline.claim(record.id);
    const pipeline: Handles['computePipeline'] = { gpu: undefined };
    this.tables.computePipeline.add(record.id, pipeline);
    const descriptor = computePipeline(record);
    const compilation = this.compiler.later(() => this.#device.createComputePipelineAsync(descriptor));
    this.#whenCompiled('computePipeline', record, compilation, (gpu) => {
      pipeline.gpu = gpu;
    });
  }

  getRenderBindGroupLayout(id: number, pipeline: Handles['renderPipeline'], index: number): void {
    this.tables.bindGroupLayout.claim(id);
    this.tables.bindGroupLayout.add(id, { gpu: compiled(pipeline).getBindGroupLayout(index) });
  }

  getComputeBindGroupLayout(id: number, pipeline: Handles['computePipeline'], index: number): void {
    this.tables.bindGroupLayout.claim(id);
    this.tables.bindGroupLayout.add(id, { gpu: compiled(pipeline).getBindGroupLayout(index) });
  }

  createQuerySet({ id, type, count, label }: CreateQuerySet): void {
    this.tables.querySet.claim(id);
    if (count > QUERIES_MAX) throw new Fault(`count: ${count} is more than ${QUERIES_MAX}`);
    const gpu = this.budget.spend(count * QUERY_BYTES, () => this.#device.createQuerySet({ type, count, label }));
    this.tables.querySet.add(id, { gpu, count });
  }

  createRenderBundleEncoder(record: CreateRenderBundleEncoder): void {
    if (this.#pass.open) throw new Fault('a pass or a render bundle is open');
    const { depthStencilFormat, ...rest } = record;
    const colorFormats = record.colorFormats.map(({ format }) => format ?? null);
    const descriptor = { ...rest, colorFormats, ...(depthStencilFormat && { depthStencilFormat }) };
    this.#pass.beginBundle(this.#device.createRenderBundleEncoder(descriptor));
  }

  finishRenderBundle(id: number): void {
    this.tables.renderBundle.claim(id);
    const bundle = this.#pass.finishBundle();
    this.budget.take(bundle.bytes);
    this.tables.renderBundle.add(id, bundle);
  }

  getCompilationInfo(module: Handles['shaderModule'], token: number): void {
    const tell = ({ messages }: GPUCompilationInfo): void => {
      const count = (type: GPUCompilationMessageType) => messages.filter((message) => message.type === type).length;
      const { lineNum = 0, linePos = 0 } = messages[0] ?? {};
      this.#options.reply(REPLY_COMPILATION, token, count('error'), count('warning'), lineNum, linePos);
    };
    module.gpu.getCompilationInfo().then(tell, () => {});
  }

  pushErrorScope(filter: GPUErrorFilter): void {
    this.scopes.push(filter);
  }

  popErrorScope(token: number): void {
    this.scopes.pop(token);
  }

  destroy(kind: keyof Tables, object: number): void {
    if (object === SURFACE) throw new Fault("the player's picture is the host's");
    if (kind === 'buffer') this.#endBuffer(this.tables.buffer.remove(object));
    else if (kind === 'texture') this.#endTexture(this.tables.texture.remove(object));
    else if (kind === 'querySet') this.#endQuerySet(this.tables.querySet.remove(object));
    else if (kind === 'renderBundle') this.#endBundle(this.tables.renderBundle.remove(object));
    else this.tables[kind].remove(object);
    // What is kept names its parts by their ids, and an id may come again.
    this.#options.ended();
    if (kind !== 'bindGroup') this.#groups.clear();
    if (kind === 'texture') this.#views.clear();
  }

  /** Ends every object. */
  clear(): void {
    this.compiler.close();
    this.tables.buffer.clear(this.#endBuffer);
    this.tables.texture.clear(this.#endTexture);
    this.tables.querySet.clear(this.#endQuerySet);
    this.tables.renderBundle.clear(this.#endBundle);
    for (const table of Object.values(this.tables)) table.clear(() => {});
  }

  readonly #endBuffer = ({ gpu, size }: Handles['buffer']): void => {
    gpu.destroy();
    this.budget.give(size);
  };

  /** What was made before of the words of the current command. */
  #cached<T>(cache: WordCache<T>): T | undefined {
    const { reader } = this.#options;
    return cache.find(reader.words, reader.at + ID_WORDS, reader.end);
  }

  /** What an error scope is to catch must fail each time. */
  #cache<T>(cache: WordCache<T>, made: T): void {
    const { reader } = this.#options;
    if (!this.scopes.open) cache.add(reader.words, reader.at + ID_WORDS, reader.end, made);
  }

  #whenCompiled<T>(
    kind: 'renderPipeline' | 'computePipeline',
    { id, label }: { id: number; label: string },
    compilation: Promise<T>,
    take: (gpu: T) => void,
  ): void {
    const { log, reply } = this.#options;
    const number = names.ObjectKind.indexOf(kind) + 1;
    compilation.then(
      (gpu) => {
        take(gpu);
        reply(REPLY_PIPELINE, number, id, 1);
      },
      (error: unknown) => {
        log('warn', `${kind} ${JSON.stringify(label)} was refused: ${String(error)}`);
        reply(REPLY_PIPELINE, number, id, 0);
      },
    );
  }

  readonly #endQuerySet = ({ gpu, count }: Handles['querySet']): void => {
    gpu.destroy();
    this.budget.give(count * QUERY_BYTES);
  };

  readonly #endBundle = ({ bytes }: Handles['renderBundle']): void => {
    this.budget.give(bytes);
    this.#bindGroups.dropped(bytes);
  };

  readonly #endTexture = ({ gpu, bytes }: Handles['texture']): void => {
    gpu.destroy();
    this.budget.give(bytes);
  };
}
