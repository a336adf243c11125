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

/** GPUBufferBindingLayout. */
export class BufferBindingLayout {
  type: u32 = BufferBindingType.uniform;
  hasDynamicOffset: bool = false;
  minBindingSize: u32 = 0;
}

/** GPUSamplerBindingLayout. */
export class SamplerBindingLayout {
  type: u32 = SamplerBindingType.filtering;
}

/** GPUTextureBindingLayout. */
export class TextureBindingLayout {
  sampleType: u32 = TextureSampleType.float;
  viewDimension: u32 = TextureViewDimension._2d;
  multisampled: bool = false;
}

/** GPUStorageTextureBindingLayout. */
export class StorageTextureBindingLayout {
  access: u32 = StorageTextureAccess.writeOnly;
  /** A TextureFormat. */
  format: u32 = 0;
  viewDimension: u32 = TextureViewDimension._2d;
}

/** GPUBindGroupLayoutEntry: give one of the four kinds. */
export class BindGroupLayoutEntry {
  binding: u32 = 0;
  /** ShaderStage bits. */
  visibility: u32 = 0;
  buffer: BufferBindingLayout | null = null;
  sampler: SamplerBindingLayout | null = null;
  texture: TextureBindingLayout | null = null;
  storageTexture: StorageTextureBindingLayout | null = null;
}

/** GPUBindGroupLayoutDescriptor. */
export class BindGroupLayoutDescriptor {
  label: string = '';
  entries: BindGroupLayoutEntry[] = [];
}

/** GPUPipelineLayoutDescriptor. */
export class PipelineLayoutDescriptor {
  label: string = '';
  bindGroupLayouts: BindGroupLayout[] = [];
}

/** GPUBindGroupEntry: give a buffer, a sampler or a view; a size of 0 means "the rest". */
export class BindGroupEntry {
  binding: u32 = 0;
  buffer: Buffer | null = null;
  offset: u32 = 0;
  size: u32 = 0;
  sampler: Sampler | null = null;
  view: TextureView | null = null;
}

/** GPUBindGroupDescriptor. */
export class BindGroupDescriptor {
  label: string = '';
  layout!: BindGroupLayout;
  entries: BindGroupEntry[] = [];
}

/** GPUBindGroupLayout. */
export class BindGroupLayout extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.bindGroupLayout, id);
  }
}

/** GPUPipelineLayout. */
export class PipelineLayout extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.pipelineLayout, id);
  }
}

/** GPUBindGroup. */
export class BindGroup extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.bindGroup, id);
  }
}
