import { SURFACE } from '../../renderer/contract/abi.ts';
import { anisotropyLimit } from './anisotropy.ts';
import type { Budget } from './budget.ts';
import { WordCache } from './cache.ts';
import { GROUP_ENTRY_BYTES, LAYOUT_ENTRY_BYTES } from './cost.ts';
import type {
  CreateBindGroup,
  CreateBindGroupLayout,
  CreateBuffer,
  CreatePipelineLayout,
  CreateQuerySet,
  CreateRenderBundleEncoder,
  CreateSampler,
  CreateTexture,
  CreateTextureView,
  ObjectsCommands,
} from './decode.ts';
import { bindGroupEntry, bindGroupLayoutEntry } from './descriptor.ts';
import type { CommandEncoder } from './encoder.ts';
import { DeviceGroups } from './groups.ts';
import { Fault, type Reader } from './reader.ts';
import type { RenderPass } from './render.ts';
import type { ErrorScopes } from './scope.ts';
import { textureBytes } from './size.ts';
import type { StaticPasses } from './static.ts';
import type { Handles, Tables } from './table.ts';
import type { PipelineEntries } from './vetting.ts';

/** The most queries that a query set may have (WebGPU, "createQuerySet"). */
const QUERIES_MAX = 4096;
const QUERY_BYTES = 8;
/** The first words of a command that creates an object: its head and the new id. The words after them describe the object. */
const ID_WORDS = 2;

export interface ObjectsOptions {
  device: GPUDevice;
  reader: Reader;
  tables: Tables;
  /** Budgets of the GPU's memory, and of the host's that objects take in addition to their contents. */
  budget: Budget;
  memory: Budget;
  scopes: ErrorScopes;
  staticPasses: StaticPasses;
  encoder: CommandEncoder;
  renderPass: RenderPass;
  /** The most bytes of one buffer. */
  gpuBufferBytesMax: number;
  /** Whether the module may create timestamp queries. */
  timestamps: boolean;
  /** Throws Waiting if a texture view or a sampler cannot be created before the GPU is idle, or Lost if the GPU is lost. */
  untilIdle(): void;
}

/** Creates and destroys a room's GPU objects, except shader modules and pipelines, which are compiled. */
export class Objects implements ObjectsCommands {
  readonly #options: ObjectsOptions;
  readonly #device: GPUDevice;
  readonly #tables: Tables;
  readonly #budget: Budget;
  readonly #deviceGroups: DeviceGroups;
  /** Stands for this room in DeviceGroups. It must not refer to the room, because bind groups can outlive their room. */
  readonly #holder = {};
  /** Bind groups by the words that describe them. Games create equal ones again and again; the GPU gets one. */
  readonly #groups = new WordCache<Handles['bindGroup']>();
  readonly #textureViews = new WordCache<Handles['textureView']>();

  constructor(options: ObjectsOptions) {
    this.#options = options;
    this.#device = options.device;
    this.#tables = options.tables;
    this.#budget = options.budget;
    this.#deviceGroups = DeviceGroups.of(options.device);
  }

  createBuffer({ id, size, usage, label }: CreateBuffer): void {
    const { gpuBufferBytesMax } = this.#options;
    this.#tables.buffer.claim(id);
    if (size > gpuBufferBytesMax)
      throw new Fault(`its ${size} bytes exceed ${gpuBufferBytesMax} (GPU_BUFFER_BYTES_MAX)`);
    const gpu = this.#budget.spend(size, () => this.#device.createBuffer({ size, usage, label }));
    this.#tables.buffer.add(id, { gpu, size, usage, mapping: false });
  }

  createTexture(record: CreateTexture): void {
    this.#tables.texture.claim(record.id);
    const bytes = textureBytes(record);
    const viewFormats = record.viewFormats.map(({ format }) => format);
    const descriptor = { ...record, size: record, viewFormats };
    const gpu = this.#budget.spend(bytes, () => this.#device.createTexture(descriptor));
    this.#tables.texture.add(record.id, { gpu, bytes, format: record.format, sampleCount: record.sampleCount });
  }

  createTextureView(record: CreateTextureView): void {
    this.#tables.textureView.claim(record.id);
    if (record.texture === this.#tables.texture.find(SURFACE)) throw new Fault("the player's picture has its own view");
    let textureView = this.#cached(this.#textureViews);
    if (!textureView) {
      this.#options.untilIdle();
      const descriptor = {
        ...record,
        mipLevelCount: record.mipLevelCount || undefined,
        arrayLayerCount: record.arrayLayerCount || undefined,
      } as GPUTextureViewDescriptor;
      const { gpu, format, sampleCount } = record.texture;
      textureView = { gpu: gpu.createView(descriptor), format: record.format ?? format, sampleCount };
      this.#cache(this.#textureViews, textureView);
    }
    this.#tables.textureView.add(record.id, textureView);
  }

  createSampler(record: CreateSampler): void {
    this.#tables.sampler.claim(record.id);
    this.#options.untilIdle();
    const maxAnisotropy = Math.min(record.maxAnisotropy, anisotropyLimit(this.#device).max);
    const gpu = this.#device.createSampler({ ...record, maxAnisotropy } as GPUSamplerDescriptor);
    this.#tables.sampler.add(record.id, { gpu });
  }

  createBindGroupLayout({ id, label, entries: records }: CreateBindGroupLayout): void {
    this.#tables.bindGroupLayout.claim(id, records.length * LAYOUT_ENTRY_BYTES);
    const entries = records.map(bindGroupLayoutEntry);
    const gpu = this.#device.createBindGroupLayout({ label, entries });
    this.#tables.bindGroupLayout.add(id, { gpu, entries });
  }

  createPipelineLayout({ id, label, layouts }: CreatePipelineLayout): void {
    this.#tables.pipelineLayout.claim(id);
    const bindGroupLayouts = layouts.map(({ layout }) => layout?.gpu ?? null);
    const gpu = this.#device.createPipelineLayout({ label, bindGroupLayouts });
    this.#tables.pipelineLayout.add(id, { gpu, entries: entriesOf(layouts) });
  }

  createBindGroup(record: CreateBindGroup): void {
    this.#tables.bindGroup.claim(record.id, record.entries.length * GROUP_ENTRY_BYTES);
    let group = this.#cached(this.#groups);
    if (!group) {
      group = this.#newBindGroup(record);
      this.#cache(this.#groups, group);
    }
    this.#tables.bindGroup.add(record.id, group);
  }

  createQuerySet({ id, type, count, label }: CreateQuerySet): void {
    this.#tables.querySet.claim(id);
    if (type === 'timestamp' && !this.#options.timestamps)
      throw new Fault(
        'timestamps are withheld, because they are a clock; GPU_TIMESTAMPS=true allows them in development',
      );
    if (count > QUERIES_MAX) throw new Fault(`count: ${count} is more than ${QUERIES_MAX}`);
    const gpu = this.#budget.spend(count * QUERY_BYTES, () => this.#device.createQuerySet({ type, count, label }));
    this.#tables.querySet.add(id, { gpu, count });
  }

  createRenderBundleEncoder(record: CreateRenderBundleEncoder): void {
    const { encoder, renderPass } = this.#options;
    encoder.checkClosed();
    const { depthStencilFormat, ...rest } = record;
    const colorFormats = record.colorFormats.map(({ format }) => format ?? null);
    const descriptor = { ...rest, colorFormats, ...(depthStencilFormat && { depthStencilFormat }) };
    renderPass.beginRenderBundle(this.#device.createRenderBundleEncoder(descriptor));
  }

  finishRenderBundle(id: number): void {
    this.#tables.renderBundle.claim(id);
    const renderBundle = this.#options.renderPass.finishRenderBundle();
    this.#budget.take(renderBundle.bytes);
    this.#tables.renderBundle.add(id, renderBundle);
  }

  destroy(kind: keyof Tables, object: number): void {
    if (object === SURFACE) throw new Fault("the player's picture belongs to the host");
    const { memory } = this.#options;
    const before = memory.used;
    if (kind === 'buffer') this.#endBuffer(this.#tables.buffer.remove(object));
    else if (kind === 'texture') this.#endTexture(this.#tables.texture.remove(object));
    else if (kind === 'querySet') this.#endQuerySet(this.#tables.querySet.remove(object));
    else if (kind === 'renderBundle') this.#endRenderBundle(this.#tables.renderBundle.remove(object));
    else this.#tables[kind].remove(object);
    this.#deviceGroups.drop(before - memory.used);
    // The caches know objects by their ids, and a later object may get the id of the destroyed one.
    this.#options.staticPasses.clear();
    if (kind !== 'bindGroup') this.#groups.clear();
    if (kind === 'texture') this.#textureViews.clear();
  }

  /** Destroys the GPU objects (buffers, textures, ...) that the room's module has created. */
  clear(): void {
    this.#deviceGroups.drop(this.#options.memory.used);
    this.#tables.buffer.clear(this.#endBuffer);
    this.#tables.texture.clear(this.#endTexture);
    this.#tables.querySet.clear(this.#endQuerySet);
    this.#tables.renderBundle.clear(this.#endRenderBundle);
    for (const table of Object.values(this.#tables)) table.clear(() => {});
  }

  #newBindGroup({ layout, label, entries }: CreateBindGroup): Handles['bindGroup'] {
    const surface = this.#tables.textureView.find(SURFACE);
    for (const { view } of entries)
      if (view !== undefined && view === surface)
        throw new Fault("the player's picture cannot be bound: it is valid only during the call");
    const descriptor = { layout: layout.gpu, label, entries: entries.map(bindGroupEntry) };
    return { gpu: this.#deviceGroups.create(this.#holder, () => this.#device.createBindGroup(descriptor)) };
  }

  /** The object that an earlier command created from the same words as the current one. */
  #cached<T>(cache: WordCache<T>): T | undefined {
    const { reader } = this.#options;
    return cache.find(reader.words, reader.at + ID_WORDS, reader.end);
  }

  /** Keeps an object for later commands with the same words. Not within an error scope: the object may be invalid there. */
  #cache<T>(cache: WordCache<T>, object: T): void {
    const { reader, scopes } = this.#options;
    if (!scopes.open) cache.add(reader.words, reader.at + ID_WORDS, reader.end, object);
  }

  readonly #endBuffer = ({ gpu, size }: Handles['buffer']): void => {
    gpu.destroy();
    this.#budget.give(size);
  };

  readonly #endTexture = ({ gpu, bytes }: Handles['texture']): void => {
    gpu.destroy();
    this.#budget.give(bytes);
  };

  readonly #endQuerySet = ({ gpu, count }: Handles['querySet']): void => {
    gpu.destroy();
    this.#budget.give(count * QUERY_BYTES);
  };

  readonly #endRenderBundle = ({ bytes }: Handles['renderBundle']): void => {
    this.#budget.give(bytes);
    this.#deviceGroups.drop(bytes);
  };
}

/** The entries of bind group layouts; undefined if one of them is a pipeline's own. */
function entriesOf(layouts: CreatePipelineLayout['layouts']): PipelineEntries | undefined {
  const entries: (readonly GPUBindGroupLayoutEntry[] | null)[] = [];
  for (const { layout } of layouts) {
    if (layout && !layout.entries) return undefined;
    entries.push(layout?.entries ?? null);
  }
  return entries;
}
