import {
  BufferBindingType,
  ObjectKind,
  SamplerBindingType,
  StorageTextureAccess,
  TextureSampleType,
  TextureViewDimension,
} from '../enums';
import { Buffer } from './buffer';
import { GpuObject } from './object';
import { Sampler, TextureView } from './texture';

/** How a shader uses a buffer that is bound (GPUBufferBindingLayout). */
export class BufferBindingLayout {
  /** A BufferBindingType. */
  type: u32 = BufferBindingType.uniform;
  /** Whether `setBindGroupAt` or `setBindGroupOffsets` gives the offset at each use. */
  hasDynamicOffset: bool = false;
  /** Least size of the bound part in bytes; 0 lets each draw check it. */
  minBindingSize: u32 = 0;
}

/** How a shader uses a sampler that is bound (GPUSamplerBindingLayout). */
export class SamplerBindingLayout {
  /** A SamplerBindingType. */
  type: u32 = SamplerBindingType.filtering;
}

/** How a shader uses a texture that is bound for sampling (GPUTextureBindingLayout). */
export class TextureBindingLayout {
  /** A TextureSampleType. */
  sampleType: u32 = TextureSampleType.float;
  /** A TextureViewDimension. */
  viewDimension: u32 = TextureViewDimension._2d;
  /** Whether the texture is multisampled. */
  multisampled: bool = false;
}

/** How a shader uses a texture that is bound as storage (GPUStorageTextureBindingLayout). */
export class StorageTextureBindingLayout {
  /** A StorageTextureAccess. */
  access: u32 = StorageTextureAccess.writeOnly;
  /** A TextureFormat. */
  format: u32 = 0;
  /** A TextureViewDimension. */
  viewDimension: u32 = TextureViewDimension._2d;
}

/**
 * One binding of a bind group layout (GPUBindGroupLayoutEntry). Set exactly one of `buffer`, `sampler`, `texture` and
 * `storageTexture`.
 */
export class BindGroupLayoutEntry {
  /** The binding's number, as in WGSL's @binding. */
  binding: u32 = 0;
  /** ShaderStage bits: the stages that may use the binding. */
  visibility: u32 = 0;
  /** The layout of a buffer, or null. */
  buffer: BufferBindingLayout | null = null;
  /** The layout of a sampler, or null. */
  sampler: SamplerBindingLayout | null = null;
  /** The layout of a sampled texture, or null. */
  texture: TextureBindingLayout | null = null;
  /** The layout of a storage texture, or null. */
  storageTexture: StorageTextureBindingLayout | null = null;
}

/** Describes a bind group layout to make (GPUBindGroupLayoutDescriptor). */
export class BindGroupLayoutDescriptor {
  /** Names the object in messages. */
  label: string = '';
  /** The bindings, in any order. */
  entries: BindGroupLayoutEntry[] = [];
}

/** Describes a pipeline layout to make (GPUPipelineLayoutDescriptor). */
export class PipelineLayoutDescriptor {
  /** Names the object in messages. */
  label: string = '';
  /** The layout of each group, in the order of WGSL's @group. */
  bindGroupLayouts: BindGroupLayout[] = [];
}

/**
 * A resource for one binding of a bind group (GPUBindGroupEntry). Set exactly one of `buffer`, `sampler` and `view`.
 */
export class BindGroupEntry {
  /** The binding's number, as in WGSL's @binding. */
  binding: u32 = 0;
  /** The buffer to bind, or null. */
  buffer: Buffer | null = null;
  /** Where the bound part of the buffer begins, in bytes. */
  offset: u32 = 0;
  /** Bytes of the bound part; 0 for all from `offset` to the end. */
  size: u32 = 0;
  /** The sampler to bind, or null. */
  sampler: Sampler | null = null;
  /** The texture view to bind, or null. */
  view: TextureView | null = null;
}

/** Describes a bind group to make (GPUBindGroupDescriptor). */
export class BindGroupDescriptor {
  /** Names the object in messages. */
  label: string = '';
  /** The layout that the group fits. */
  layout!: BindGroupLayout;
  /** A resource for each binding, in any order. */
  entries: BindGroupEntry[] = [];
}

/** Which bindings a group has and how shaders use them (GPUBindGroupLayout). */
export class BindGroupLayout extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.bindGroupLayout, id);
  }
}

/** The bind group layouts of a pipeline (GPUPipelineLayout). */
export class PipelineLayout extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.pipelineLayout, id);
  }
}

/** Resources that are bound together (GPUBindGroup). */
export class BindGroup extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.bindGroup, id);
  }
}
