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
  /** A BufferBindingType: how shaders use the buffer. */
  type: u32 = BufferBindingType.uniform;
  /** Whether `setBindGroupAt` or `setBindGroupOffsets` gives the buffer's offset each time the group is set. */
  hasDynamicOffset: bool = false;
  /** Least size of the bound part of a buffer in bytes; 0 has each draw check the size instead. */
  minBindingSize: u32 = 0;
}

/** How a shader uses a sampler that is bound (GPUSamplerBindingLayout). */
export class SamplerBindingLayout {
  /** A SamplerBindingType: the kind of sampler that may be bound. */
  type: u32 = SamplerBindingType.filtering;
}

/** How a shader uses a texture that is bound for sampling (GPUTextureBindingLayout). */
export class TextureBindingLayout {
  /** A TextureSampleType: the type of the values that shaders read. */
  sampleType: u32 = TextureSampleType.float;
  /** A TextureViewDimension: the dimension of the view that may be bound. */
  viewDimension: u32 = TextureViewDimension._2d;
  /** Whether the texture is multisampled. */
  multisampled: bool = false;
}

/** How a shader uses a texture that is bound as storage (GPUStorageTextureBindingLayout). */
export class StorageTextureBindingLayout {
  /** A StorageTextureAccess: whether shaders read or write the texture. */
  access: u32 = StorageTextureAccess.writeOnly;
  /** A TextureFormat: the format of the texture's texels. */
  format: u32 = 0;
  /** A TextureViewDimension: the dimension of the view that may be bound. */
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
  /** How shaders use the buffer of this binding; null if it binds no buffer. */
  buffer: BufferBindingLayout | null = null;
  /** How shaders use the sampler of this binding; null if it binds no sampler. */
  sampler: SamplerBindingLayout | null = null;
  /** How shaders use the sampled texture of this binding; null if it binds none. */
  texture: TextureBindingLayout | null = null;
  /** How shaders use the storage texture of this binding; null if it binds none. */
  storageTexture: StorageTextureBindingLayout | null = null;
}

/** Describes a bind group layout to make (GPUBindGroupLayoutDescriptor). */
export class BindGroupLayoutDescriptor {
  /** The object's name in error messages. */
  label: string = '';
  /** The bindings of the layout, in any order. */
  entries: BindGroupLayoutEntry[] = [];
}

/** Describes a pipeline layout to make (GPUPipelineLayoutDescriptor). */
export class PipelineLayoutDescriptor {
  /** The object's name in error messages. */
  label: string = '';
  /** The layout of each bind group, in the order of WGSL's @group. */
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
  /** Size of the bound part of the buffer in bytes; 0 for all from `offset` to the end. */
  size: u32 = 0;
  /** The sampler to bind, or null. */
  sampler: Sampler | null = null;
  /** The texture view to bind, or null. */
  view: TextureView | null = null;
}

/** Describes a bind group to make (GPUBindGroupDescriptor). */
export class BindGroupDescriptor {
  /** The object's name in error messages. */
  label: string = '';
  /** The bind group layout that the group fits. */
  layout!: BindGroupLayout;
  /** A resource for each binding of the layout, in any order. */
  entries: BindGroupEntry[] = [];
}

/** Says which bindings a bind group has and how shaders use them (GPUBindGroupLayout). */
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

/** Buffers, samplers and texture views that are bound together for shaders (GPUBindGroup). */
export class BindGroup extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.bindGroup, id);
  }
}
