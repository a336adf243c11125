// Generated from renderer/contract.ts by renderer/generate.ts; do not edit.
import { badLength, bits, bool, Fault, finite, oneOf, oneOfOrNone, type Reader } from './reader.ts';
import type { Handles, Tables } from './table.ts';

/** Enum values in order (value n is entry n - 1) and masks of flags. */
export const names = {
  ObjectKind: [
    'buffer',
    'texture',
    'textureView',
    'sampler',
    'bindGroupLayout',
    'pipelineLayout',
    'bindGroup',
    'shaderModule',
    'renderPipeline',
    'computePipeline',
  ] as const,
  TextureFormat: [
    'r8unorm',
    'r8snorm',
    'r8uint',
    'r8sint',
    'r16uint',
    'r16sint',
    'r16float',
    'rg8unorm',
    'rg8snorm',
    'rg8uint',
    'rg8sint',
    'r32uint',
    'r32sint',
    'r32float',
    'rg16uint',
    'rg16sint',
    'rg16float',
    'rgba8unorm',
    'rgba8unorm-srgb',
    'rgba8snorm',
    'rgba8uint',
    'rgba8sint',
    'bgra8unorm',
    'bgra8unorm-srgb',
    'rgb9e5ufloat',
    'rgb10a2uint',
    'rgb10a2unorm',
    'rg11b10ufloat',
    'rg32uint',
    'rg32sint',
    'rg32float',
    'rgba16uint',
    'rgba16sint',
    'rgba16float',
    'rgba32uint',
    'rgba32sint',
    'rgba32float',
    'stencil8',
    'depth16unorm',
    'depth24plus',
    'depth24plus-stencil8',
    'depth32float',
    'depth32float-stencil8',
    'bc1-rgba-unorm',
    'bc1-rgba-unorm-srgb',
    'bc2-rgba-unorm',
    'bc2-rgba-unorm-srgb',
    'bc3-rgba-unorm',
    'bc3-rgba-unorm-srgb',
    'bc4-r-unorm',
    'bc4-r-snorm',
    'bc5-rg-unorm',
    'bc5-rg-snorm',
    'bc6h-rgb-ufloat',
    'bc6h-rgb-float',
    'bc7-rgba-unorm',
    'bc7-rgba-unorm-srgb',
  ] as const,
  TextureDimension: ['1d', '2d', '3d'] as const,
  TextureViewDimension: ['1d', '2d', '2d-array', 'cube', 'cube-array', '3d'] as const,
  TextureAspect: ['all', 'stencil-only', 'depth-only'] as const,
  AddressMode: ['clamp-to-edge', 'repeat', 'mirror-repeat'] as const,
  FilterMode: ['nearest', 'linear'] as const,
  CompareFunction: ['never', 'less', 'equal', 'less-equal', 'greater', 'not-equal', 'greater-equal', 'always'] as const,
  BufferBindingType: ['uniform', 'storage', 'read-only-storage'] as const,
  SamplerBindingType: ['filtering', 'non-filtering', 'comparison'] as const,
  TextureSampleType: ['float', 'unfilterable-float', 'depth', 'sint', 'uint'] as const,
  StorageTextureAccess: ['write-only', 'read-only', 'read-write'] as const,
  PrimitiveTopology: ['point-list', 'line-list', 'line-strip', 'triangle-list', 'triangle-strip'] as const,
  FrontFace: ['ccw', 'cw'] as const,
  CullMode: ['none', 'front', 'back'] as const,
  IndexFormat: ['uint16', 'uint32'] as const,
  VertexFormat: [
    'uint8',
    'uint8x2',
    'uint8x4',
    'sint8',
    'sint8x2',
    'sint8x4',
    'unorm8',
    'unorm8x2',
    'unorm8x4',
    'snorm8',
    'snorm8x2',
    'snorm8x4',
    'uint16',
    'uint16x2',
    'uint16x4',
    'sint16',
    'sint16x2',
    'sint16x4',
    'unorm16',
    'unorm16x2',
    'unorm16x4',
    'snorm16',
    'snorm16x2',
    'snorm16x4',
    'float16',
    'float16x2',
    'float16x4',
    'float32',
    'float32x2',
    'float32x3',
    'float32x4',
    'uint32',
    'uint32x2',
    'uint32x3',
    'uint32x4',
    'sint32',
    'sint32x2',
    'sint32x3',
    'sint32x4',
    'unorm10-10-10-2',
    'unorm8x4-bgra',
  ] as const,
  VertexStepMode: ['vertex', 'instance'] as const,
  BlendOperation: ['add', 'subtract', 'reverse-subtract', 'min', 'max'] as const,
  BlendFactor: [
    'zero',
    'one',
    'src',
    'one-minus-src',
    'src-alpha',
    'one-minus-src-alpha',
    'dst',
    'one-minus-dst',
    'dst-alpha',
    'one-minus-dst-alpha',
    'src-alpha-saturated',
    'constant',
    'one-minus-constant',
  ] as const,
  StencilOperation: [
    'keep',
    'zero',
    'replace',
    'invert',
    'increment-clamp',
    'decrement-clamp',
    'increment-wrap',
    'decrement-wrap',
  ] as const,
  LoadOp: ['load', 'clear'] as const,
  StoreOp: ['store', 'discard'] as const,
  BufferUsage: 1023,
  TextureUsage: 31,
  ShaderStage: 7,
  ColorWrite: 15,
};

type GPUObjectKindName = (typeof names.ObjectKind)[number];
type GPUTextureFormatName = (typeof names.TextureFormat)[number];
type GPUTextureDimensionName = (typeof names.TextureDimension)[number];
type GPUTextureViewDimensionName = (typeof names.TextureViewDimension)[number];
type GPUTextureAspectName = (typeof names.TextureAspect)[number];
type GPUAddressModeName = (typeof names.AddressMode)[number];
type GPUFilterModeName = (typeof names.FilterMode)[number];
type GPUCompareFunctionName = (typeof names.CompareFunction)[number];
type GPUBufferBindingTypeName = (typeof names.BufferBindingType)[number];
type GPUSamplerBindingTypeName = (typeof names.SamplerBindingType)[number];
type GPUTextureSampleTypeName = (typeof names.TextureSampleType)[number];
type GPUStorageTextureAccessName = (typeof names.StorageTextureAccess)[number];
type GPUPrimitiveTopologyName = (typeof names.PrimitiveTopology)[number];
type GPUFrontFaceName = (typeof names.FrontFace)[number];
type GPUCullModeName = (typeof names.CullMode)[number];
type GPUIndexFormatName = (typeof names.IndexFormat)[number];
type GPUVertexFormatName = (typeof names.VertexFormat)[number];
type GPUVertexStepModeName = (typeof names.VertexStepMode)[number];
type GPUBlendOperationName = (typeof names.BlendOperation)[number];
type GPUBlendFactorName = (typeof names.BlendFactor)[number];
type GPUStencilOperationName = (typeof names.StencilOperation)[number];
type GPULoadOpName = (typeof names.LoadOp)[number];
type GPUStoreOpName = (typeof names.StoreOp)[number];

/** Names of commands by opcode, for messages. */
export const commandNames: ReadonlyMap<number, string> = new Map([
  [1, 'createBuffer'],
  [2, 'createTexture'],
  [3, 'createTextureView'],
  [4, 'createSampler'],
  [5, 'createBindGroupLayout'],
  [6, 'createPipelineLayout'],
  [7, 'createBindGroup'],
  [8, 'createShaderModule'],
  [9, 'createRenderPipeline'],
  [10, 'createComputePipeline'],
  [11, 'getRenderBindGroupLayout'],
  [12, 'getComputeBindGroupLayout'],
  [13, 'destroy'],
  [32800, 'writeBuffer'],
  [32801, 'writeTexture'],
  [34, 'writeBufferFromAsset'],
  [35, 'writeTextureFromAsset'],
  [36, 'submit'],
  [37, 'onSubmittedWorkDone'],
  [48, 'copyBufferToBuffer'],
  [49, 'copyBufferToTexture'],
  [50, 'copyTextureToBuffer'],
  [51, 'copyTextureToTexture'],
  [52, 'clearBuffer'],
  [53, 'beginRenderPass'],
  [54, 'endRenderPass'],
  [55, 'beginComputePass'],
  [56, 'endComputePass'],
  [64, 'setPipeline'],
  [65, 'setBindGroup'],
  [66, 'setVertexBuffer'],
  [67, 'setIndexBuffer'],
  [68, 'draw'],
  [69, 'drawIndexed'],
  [70, 'drawIndirect'],
  [71, 'drawIndexedIndirect'],
  [72, 'setViewport'],
  [73, 'setScissorRect'],
  [74, 'setBlendConstant'],
  [75, 'setStencilReference'],
  [80, 'setComputePipeline'],
  [81, 'dispatchWorkgroups'],
  [82, 'dispatchWorkgroupsIndirect'],
]);

export interface BindGroupLayoutEntry {
  binding: number;
  visibility: number;
  bufferType: GPUBufferBindingTypeName | undefined;
  hasDynamicOffset: boolean;
  minBindingSize: number;
  samplerType: GPUSamplerBindingTypeName | undefined;
  sampleType: GPUTextureSampleTypeName | undefined;
  multisampled: boolean;
  storageAccess: GPUStorageTextureAccessName | undefined;
  storageFormat: GPUTextureFormatName | undefined;
  viewDimension: GPUTextureViewDimensionName | undefined;
}

export const BIND_GROUP_LAYOUT_ENTRY_WORDS = 11;

export function readBindGroupLayoutEntry({ words: w }: Reader, _t: Tables, at: number): BindGroupLayoutEntry {
  return {
    binding: w[at + 0],
    visibility: bits(names.ShaderStage, 'visibility', w[at + 1]),
    bufferType: oneOfOrNone(names.BufferBindingType, 'bufferType', w[at + 2]),
    hasDynamicOffset: bool('hasDynamicOffset', w[at + 3]),
    minBindingSize: w[at + 4],
    samplerType: oneOfOrNone(names.SamplerBindingType, 'samplerType', w[at + 5]),
    sampleType: oneOfOrNone(names.TextureSampleType, 'sampleType', w[at + 6]),
    multisampled: bool('multisampled', w[at + 7]),
    storageAccess: oneOfOrNone(names.StorageTextureAccess, 'storageAccess', w[at + 8]),
    storageFormat: oneOfOrNone(names.TextureFormat, 'storageFormat', w[at + 9]),
    viewDimension: oneOfOrNone(names.TextureViewDimension, 'viewDimension', w[at + 10]),
  };
}

export interface PipelineLayoutEntry {
  layout: Handles['bindGroupLayout'];
}

export const PIPELINE_LAYOUT_ENTRY_WORDS = 1;

export function readPipelineLayoutEntry({ words: w }: Reader, t: Tables, at: number): PipelineLayoutEntry {
  return { layout: t.bindGroupLayout.get(w[at + 0]) };
}

export interface BindGroupEntry {
  binding: number;
  buffer: Handles['buffer'] | undefined;
  offset: number;
  size: number;
  sampler: Handles['sampler'] | undefined;
  view: Handles['textureView'] | undefined;
}

export const BIND_GROUP_ENTRY_WORDS = 6;

export function readBindGroupEntry({ words: w }: Reader, t: Tables, at: number): BindGroupEntry {
  return {
    binding: w[at + 0],
    buffer: t.buffer.getOrNone(w[at + 1]),
    offset: w[at + 2],
    size: w[at + 3],
    sampler: t.sampler.getOrNone(w[at + 4]),
    view: t.textureView.getOrNone(w[at + 5]),
  };
}

export interface VertexBufferLayout {
  arrayStride: number;
  stepMode: GPUVertexStepModeName;
  attributeCount: number;
}

export const VERTEX_BUFFER_LAYOUT_WORDS = 3;

export function readVertexBufferLayout({ words: w }: Reader, _t: Tables, at: number): VertexBufferLayout {
  return {
    arrayStride: w[at + 0],
    stepMode: oneOf(names.VertexStepMode, 'stepMode', w[at + 1]),
    attributeCount: w[at + 2],
  };
}

export interface VertexAttribute {
  format: GPUVertexFormatName;
  offset: number;
  shaderLocation: number;
}

export const VERTEX_ATTRIBUTE_WORDS = 3;

export function readVertexAttribute({ words: w }: Reader, _t: Tables, at: number): VertexAttribute {
  return { format: oneOf(names.VertexFormat, 'format', w[at + 0]), offset: w[at + 1], shaderLocation: w[at + 2] };
}

export interface ColorTarget {
  format: GPUTextureFormatName;
  blend: boolean;
  colorOperation: GPUBlendOperationName | undefined;
  colorSrcFactor: GPUBlendFactorName | undefined;
  colorDstFactor: GPUBlendFactorName | undefined;
  alphaOperation: GPUBlendOperationName | undefined;
  alphaSrcFactor: GPUBlendFactorName | undefined;
  alphaDstFactor: GPUBlendFactorName | undefined;
  writeMask: number;
}

export const COLOR_TARGET_WORDS = 9;

export function readColorTarget({ words: w }: Reader, _t: Tables, at: number): ColorTarget {
  return {
    format: oneOf(names.TextureFormat, 'format', w[at + 0]),
    blend: bool('blend', w[at + 1]),
    colorOperation: oneOfOrNone(names.BlendOperation, 'colorOperation', w[at + 2]),
    colorSrcFactor: oneOfOrNone(names.BlendFactor, 'colorSrcFactor', w[at + 3]),
    colorDstFactor: oneOfOrNone(names.BlendFactor, 'colorDstFactor', w[at + 4]),
    alphaOperation: oneOfOrNone(names.BlendOperation, 'alphaOperation', w[at + 5]),
    alphaSrcFactor: oneOfOrNone(names.BlendFactor, 'alphaSrcFactor', w[at + 6]),
    alphaDstFactor: oneOfOrNone(names.BlendFactor, 'alphaDstFactor', w[at + 7]),
    writeMask: bits(names.ColorWrite, 'writeMask', w[at + 8]),
  };
}

export interface ColorAttachment {
  view: Handles['textureView'];
  resolveTarget: Handles['textureView'] | undefined;
  loadOp: GPULoadOpName;
  storeOp: GPUStoreOpName;
  clearR: number;
  clearG: number;
  clearB: number;
  clearA: number;
}

export const COLOR_ATTACHMENT_WORDS = 8;

export function readColorAttachment({ words: w, floats: f }: Reader, t: Tables, at: number): ColorAttachment {
  return {
    view: t.textureView.get(w[at + 0]),
    resolveTarget: t.textureView.getOrNone(w[at + 1]),
    loadOp: oneOf(names.LoadOp, 'loadOp', w[at + 2]),
    storeOp: oneOf(names.StoreOp, 'storeOp', w[at + 3]),
    clearR: finite('clearR', f[at + 4]),
    clearG: finite('clearG', f[at + 5]),
    clearB: finite('clearB', f[at + 6]),
    clearA: finite('clearA', f[at + 7]),
  };
}

/** Makes a buffer of `size` bytes, filled with zeros. */
export interface CreateBuffer {
  id: number;
  size: number;
  usage: number;
  label: string;
}

/** Makes a texture. */
export interface CreateTexture {
  id: number;
  width: number;
  height: number;
  depthOrArrayLayers: number;
  mipLevelCount: number;
  sampleCount: number;
  dimension: GPUTextureDimensionName;
  format: GPUTextureFormatName;
  usage: number;
  label: string;
}

/** Makes a view; a count of 0 means "all that remain". */
export interface CreateTextureView {
  id: number;
  texture: Handles['texture'];
  format: GPUTextureFormatName | undefined;
  dimension: GPUTextureViewDimensionName | undefined;
  aspect: GPUTextureAspectName;
  baseMipLevel: number;
  mipLevelCount: number;
  baseArrayLayer: number;
  arrayLayerCount: number;
  label: string;
}

/** Makes a sampler. */
export interface CreateSampler {
  id: number;
  addressModeU: GPUAddressModeName;
  addressModeV: GPUAddressModeName;
  addressModeW: GPUAddressModeName;
  magFilter: GPUFilterModeName;
  minFilter: GPUFilterModeName;
  mipmapFilter: GPUFilterModeName;
  lodMinClamp: number;
  lodMaxClamp: number;
  compare: GPUCompareFunctionName | undefined;
  maxAnisotropy: number;
  label: string;
}

/** Makes a bind group layout; each entry gives one of its four kinds. */
export interface CreateBindGroupLayout {
  id: number;
  label: string;
  entries: BindGroupLayoutEntry[];
}

/** Makes a pipeline layout. */
export interface CreatePipelineLayout {
  id: number;
  label: string;
  layouts: PipelineLayoutEntry[];
}

/** Makes a bind group; each entry gives one of its three; a size of 0 means "the rest". */
export interface CreateBindGroup {
  id: number;
  layout: Handles['bindGroupLayout'];
  label: string;
  entries: BindGroupEntry[];
}

/** Compiles WGSL. */
export interface CreateShaderModule {
  id: number;
  label: string;
  code: string;
}

/** Makes a render pipeline; no layout means "auto", no depth format no depth state. */
export interface CreateRenderPipeline {
  id: number;
  layout: Handles['pipelineLayout'] | undefined;
  vertexModule: Handles['shaderModule'];
  fragmentModule: Handles['shaderModule'] | undefined;
  topology: GPUPrimitiveTopologyName;
  stripIndexFormat: GPUIndexFormatName | undefined;
  frontFace: GPUFrontFaceName;
  cullMode: GPUCullModeName;
  depthFormat: GPUTextureFormatName | undefined;
  depthWriteEnabled: boolean;
  depthCompare: GPUCompareFunctionName | undefined;
  stencilFrontCompare: GPUCompareFunctionName;
  stencilFrontFailOp: GPUStencilOperationName;
  stencilFrontDepthFailOp: GPUStencilOperationName;
  stencilFrontPassOp: GPUStencilOperationName;
  stencilBackCompare: GPUCompareFunctionName;
  stencilBackFailOp: GPUStencilOperationName;
  stencilBackDepthFailOp: GPUStencilOperationName;
  stencilBackPassOp: GPUStencilOperationName;
  stencilReadMask: number;
  stencilWriteMask: number;
  depthBias: number;
  depthBiasSlopeScale: number;
  depthBiasClamp: number;
  sampleCount: number;
  sampleMask: number;
  alphaToCoverageEnabled: boolean;
  label: string;
  vertexEntryPoint: string;
  fragmentEntryPoint: string;
  buffers: VertexBufferLayout[];
  attributes: VertexAttribute[];
  targets: ColorTarget[];
}

/** Makes a compute pipeline; no layout means "auto". */
export interface CreateComputePipeline {
  id: number;
  layout: Handles['pipelineLayout'] | undefined;
  module: Handles['shaderModule'];
  label: string;
  entryPoint: string;
}

export interface ObjectsCommands {
  /** Makes a buffer of `size` bytes, filled with zeros. */
  createBuffer(record: CreateBuffer): void;
  /** Makes a texture. */
  createTexture(record: CreateTexture): void;
  /** Makes a view; a count of 0 means "all that remain". */
  createTextureView(record: CreateTextureView): void;
  /** Makes a sampler. */
  createSampler(record: CreateSampler): void;
  /** Makes a bind group layout; each entry gives one of its four kinds. */
  createBindGroupLayout(record: CreateBindGroupLayout): void;
  /** Makes a pipeline layout. */
  createPipelineLayout(record: CreatePipelineLayout): void;
  /** Makes a bind group; each entry gives one of its three; a size of 0 means "the rest". */
  createBindGroup(record: CreateBindGroup): void;
  /** Compiles WGSL. */
  createShaderModule(record: CreateShaderModule): void;
  /** Makes a render pipeline; no layout means "auto", no depth format no depth state. */
  createRenderPipeline(record: CreateRenderPipeline): void;
  /** Makes a compute pipeline; no layout means "auto". */
  createComputePipeline(record: CreateComputePipeline): void;
  /** Names a layout of a render pipeline. */
  getRenderBindGroupLayout(id: number, pipeline: Handles['renderPipeline'], index: number): void;
  /** Names a layout of a compute pipeline. */
  getComputeBindGroupLayout(id: number, pipeline: Handles['computePipeline'], index: number): void;
  /** Ends an object; its index may be used again with the next generation. */
  destroy(kind: GPUObjectKindName, object: number): void;
}

export interface QueueCommands {
  /** Writes bytes into a buffer, before what is submitted later. */
  writeBuffer(buffer: Handles['buffer'], offset: number, dataOffset: number, dataLength: number): void;
  /** Writes texels into a texture, before what is submitted later. */
  writeTexture(
    texture: Handles['texture'],
    mipLevel: number,
    originX: number,
    originY: number,
    originZ: number,
    aspect: GPUTextureAspectName,
    width: number,
    height: number,
    depthOrArrayLayers: number,
    bytesPerRow: number,
    rowsPerImage: number,
    dataOffset: number,
    dataLength: number,
  ): void;
  /** Writes part of an asset into a buffer, past linear memory. */
  writeBufferFromAsset(
    buffer: Handles['buffer'],
    offset: number,
    asset: number,
    assetOffset: number,
    size: number,
  ): void;
  /** Writes part of an asset into a texture, past linear memory. */
  writeTextureFromAsset(
    texture: Handles['texture'],
    mipLevel: number,
    originX: number,
    originY: number,
    originZ: number,
    aspect: GPUTextureAspectName,
    width: number,
    height: number,
    depthOrArrayLayers: number,
    bytesPerRow: number,
    rowsPerImage: number,
    asset: number,
    assetOffset: number,
    size: number,
  ): void;
  /** Finishes the commands since the last submit and queues them. */
  submit(): void;
  /** Asks for a REPLY_WORK_DONE with this token once all that was submitted is done. */
  onSubmittedWorkDone(token: number): void;
}

export interface EncoderCommands {
  /** Copies bytes between buffers. */
  copyBufferToBuffer(
    source: Handles['buffer'],
    sourceOffset: number,
    destination: Handles['buffer'],
    destinationOffset: number,
    size: number,
  ): void;
  /** Copies texels from a buffer. */
  copyBufferToTexture(
    buffer: Handles['buffer'],
    offset: number,
    bytesPerRow: number,
    rowsPerImage: number,
    texture: Handles['texture'],
    mipLevel: number,
    originX: number,
    originY: number,
    originZ: number,
    aspect: GPUTextureAspectName,
    width: number,
    height: number,
    depthOrArrayLayers: number,
  ): void;
  /** Copies texels into a buffer. */
  copyTextureToBuffer(
    texture: Handles['texture'],
    mipLevel: number,
    originX: number,
    originY: number,
    originZ: number,
    aspect: GPUTextureAspectName,
    buffer: Handles['buffer'],
    offset: number,
    bytesPerRow: number,
    rowsPerImage: number,
    width: number,
    height: number,
    depthOrArrayLayers: number,
  ): void;
  /** Copies texels between textures. */
  copyTextureToTexture(
    source: Handles['texture'],
    sourceMipLevel: number,
    sourceX: number,
    sourceY: number,
    sourceZ: number,
    sourceAspect: GPUTextureAspectName,
    texture: Handles['texture'],
    mipLevel: number,
    originX: number,
    originY: number,
    originZ: number,
    aspect: GPUTextureAspectName,
    width: number,
    height: number,
    depthOrArrayLayers: number,
  ): void;
  /** Fills part of a buffer with zeros; a size of 0 means "the rest". */
  clearBuffer(buffer: Handles['buffer'], offset: number, size: number): void;
  /** Begins a render pass. */
  beginRenderPass(
    depthView: Handles['textureView'] | undefined,
    depthLoadOp: GPULoadOpName | undefined,
    depthStoreOp: GPUStoreOpName | undefined,
    depthClearValue: number,
    depthReadOnly: boolean,
    stencilLoadOp: GPULoadOpName | undefined,
    stencilStoreOp: GPUStoreOpName | undefined,
    stencilClearValue: number,
    stencilReadOnly: boolean,
    label: string,
    colorAttachments: number,
    colorAttachmentsCount: number,
  ): void;
  /** Ends the render pass. */
  endRenderPass(): void;
  /** Begins a compute pass. */
  beginComputePass(label: string): void;
  /** Ends the compute pass. */
  endComputePass(): void;
}

export interface PassCommands {
  /** Sets the render pipeline. */
  setPipeline(pipeline: Handles['renderPipeline']): void;
  /** Sets a bind group in either pass. */
  setBindGroup(
    index: number,
    bindGroup: Handles['bindGroup'] | undefined,
    dynamicOffsets: number,
    dynamicOffsetsCount: number,
  ): void;
  /** Sets a vertex buffer; a size of 0 means "the rest". */
  setVertexBuffer(slot: number, buffer: Handles['buffer'] | undefined, offset: number, size: number): void;
  /** Sets the index buffer; a size of 0 means "the rest". */
  setIndexBuffer(buffer: Handles['buffer'], format: GPUIndexFormatName, offset: number, size: number): void;
  /** Draws vertices. */
  draw(vertexCount: number, instanceCount: number, firstVertex: number, firstInstance: number): void;
  /** Draws indexed vertices. */
  drawIndexed(
    indexCount: number,
    instanceCount: number,
    firstIndex: number,
    baseVertex: number,
    firstInstance: number,
  ): void;
  /** Draws with arguments from a buffer. */
  drawIndirect(buffer: Handles['buffer'], offset: number): void;
  /** Draws indexed with arguments from a buffer. */
  drawIndexedIndirect(buffer: Handles['buffer'], offset: number): void;
  /** Sets the viewport. */
  setViewport(x: number, y: number, width: number, height: number, minDepth: number, maxDepth: number): void;
  /** Sets the scissor rectangle. */
  setScissorRect(x: number, y: number, width: number, height: number): void;
  /** Sets the blend constant. */
  setBlendConstant(r: number, g: number, b: number, a: number): void;
  /** Sets the stencil reference. */
  setStencilReference(reference: number): void;
  /** Sets the compute pipeline. */
  setComputePipeline(pipeline: Handles['computePipeline']): void;
  /** Dispatches workgroups. */
  dispatchWorkgroups(x: number, y: number, z: number): void;
  /** Dispatches with arguments from a buffer. */
  dispatchWorkgroupsIndirect(buffer: Handles['buffer'], offset: number): void;
}

/**
 * What the commands do. Those that make an object get a record; for the others a list arrives as the word at which its
 * records begin and their count, bytes as an offset in the submission's data (checked to lie inside) and a length.
 * A method throws Fault for what it refuses.
 */
export interface Handler {
  readonly tables: Tables;
  readonly objects: ObjectsCommands;
  readonly queue: QueueCommands;
  readonly encoder: EncoderCommands;
  readonly pass: PassCommands;
}

type Read<T> = (r: Reader, t: Tables, at: number) => T;

function list<T>(r: Reader, t: Tables, at: number, count: number, stride: number, read: Read<T>): T[] {
  return Array.from({ length: count }, (_, n) => read(r, t, at + n * stride));
}

/**
 * Checks the commands of `r` one by one - opcode, length, enums, flags, ids - and hands each to `h`.
 * @throws Fault at the first bad command; `r.index` and `r.opcode` name it. The ones before it have been done.
 */
export function decode(r: Reader, h: Handler): void {
  const { words: w, floats: f, length: end } = r;
  const t = h.tables;
  let at = 0;
  for (r.index = 0; at < end; r.index++) {
    const head = w[at];
    const length = head >>> 16;
    r.opcode = head & 0xffff;
    if (length === 0 || length > end - at)
      throw new Fault(`its length of ${length} words does not fit the ${end - at} that are left`);
    switch (r.opcode) {
      case 1: {
        if (length < 6) throw badLength(length, 6);
        let tail = at + 6;
        const label = r.string(tail, w[at + 5], at + length, 'label');
        tail += (w[at + 5] + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createBuffer({
          id: w[at + 1],
          size: w[at + 2] + w[at + 2 + 1] * 4294967296,
          usage: bits(names.BufferUsage, 'usage', w[at + 4]),
          label,
        });
        break;
      }
      case 2: {
        if (length < 11) throw badLength(length, 11);
        let tail = at + 11;
        const label = r.string(tail, w[at + 10], at + length, 'label');
        tail += (w[at + 10] + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createTexture({
          id: w[at + 1],
          width: w[at + 2],
          height: w[at + 3],
          depthOrArrayLayers: w[at + 4],
          mipLevelCount: w[at + 5],
          sampleCount: w[at + 6],
          dimension: oneOf(names.TextureDimension, 'dimension', w[at + 7]),
          format: oneOf(names.TextureFormat, 'format', w[at + 8]),
          usage: bits(names.TextureUsage, 'usage', w[at + 9]),
          label,
        });
        break;
      }
      case 3: {
        if (length < 11) throw badLength(length, 11);
        let tail = at + 11;
        const label = r.string(tail, w[at + 10], at + length, 'label');
        tail += (w[at + 10] + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createTextureView({
          id: w[at + 1],
          texture: t.texture.get(w[at + 2]),
          format: oneOfOrNone(names.TextureFormat, 'format', w[at + 3]),
          dimension: oneOfOrNone(names.TextureViewDimension, 'dimension', w[at + 4]),
          aspect: oneOf(names.TextureAspect, 'aspect', w[at + 5]),
          baseMipLevel: w[at + 6],
          mipLevelCount: w[at + 7],
          baseArrayLayer: w[at + 8],
          arrayLayerCount: w[at + 9],
          label,
        });
        break;
      }
      case 4: {
        if (length < 13) throw badLength(length, 13);
        let tail = at + 13;
        const label = r.string(tail, w[at + 12], at + length, 'label');
        tail += (w[at + 12] + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createSampler({
          id: w[at + 1],
          addressModeU: oneOf(names.AddressMode, 'addressModeU', w[at + 2]),
          addressModeV: oneOf(names.AddressMode, 'addressModeV', w[at + 3]),
          addressModeW: oneOf(names.AddressMode, 'addressModeW', w[at + 4]),
          magFilter: oneOf(names.FilterMode, 'magFilter', w[at + 5]),
          minFilter: oneOf(names.FilterMode, 'minFilter', w[at + 6]),
          mipmapFilter: oneOf(names.FilterMode, 'mipmapFilter', w[at + 7]),
          lodMinClamp: finite('lodMinClamp', f[at + 8]),
          lodMaxClamp: finite('lodMaxClamp', f[at + 9]),
          compare: oneOfOrNone(names.CompareFunction, 'compare', w[at + 10]),
          maxAnisotropy: w[at + 11],
          label,
        });
        break;
      }
      case 5: {
        if (length < 4) throw badLength(length, 4);
        let tail = at + 4;
        const label = r.string(tail, w[at + 2], at + length, 'label');
        tail += (w[at + 2] + 3) >>> 2;
        const entries = tail;
        tail += w[at + 3] * 11;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createBindGroupLayout({
          id: w[at + 1],
          label,
          entries: list(r, t, entries, w[at + 3], BIND_GROUP_LAYOUT_ENTRY_WORDS, readBindGroupLayoutEntry),
        });
        break;
      }
      case 6: {
        if (length < 4) throw badLength(length, 4);
        let tail = at + 4;
        const label = r.string(tail, w[at + 2], at + length, 'label');
        tail += (w[at + 2] + 3) >>> 2;
        const layouts = tail;
        tail += w[at + 3] * 1;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createPipelineLayout({
          id: w[at + 1],
          label,
          layouts: list(r, t, layouts, w[at + 3], PIPELINE_LAYOUT_ENTRY_WORDS, readPipelineLayoutEntry),
        });
        break;
      }
      case 7: {
        if (length < 5) throw badLength(length, 5);
        let tail = at + 5;
        const label = r.string(tail, w[at + 3], at + length, 'label');
        tail += (w[at + 3] + 3) >>> 2;
        const entries = tail;
        tail += w[at + 4] * 6;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createBindGroup({
          id: w[at + 1],
          layout: t.bindGroupLayout.get(w[at + 2]),
          label,
          entries: list(r, t, entries, w[at + 4], BIND_GROUP_ENTRY_WORDS, readBindGroupEntry),
        });
        break;
      }
      case 8: {
        if (length < 4) throw badLength(length, 4);
        let tail = at + 4;
        const label = r.string(tail, w[at + 2], at + length, 'label');
        tail += (w[at + 2] + 3) >>> 2;
        const code = r.string(tail, w[at + 3], at + length, 'code');
        tail += (w[at + 3] + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createShaderModule({ id: w[at + 1], label, code });
        break;
      }
      case 9: {
        if (length < 34) throw badLength(length, 34);
        let tail = at + 34;
        const label = r.string(tail, w[at + 28], at + length, 'label');
        tail += (w[at + 28] + 3) >>> 2;
        const vertexEntryPoint = r.string(tail, w[at + 29], at + length, 'vertexEntryPoint');
        tail += (w[at + 29] + 3) >>> 2;
        const fragmentEntryPoint = r.string(tail, w[at + 30], at + length, 'fragmentEntryPoint');
        tail += (w[at + 30] + 3) >>> 2;
        const buffers = tail;
        tail += w[at + 31] * 3;
        const attributes = tail;
        tail += w[at + 32] * 3;
        const targets = tail;
        tail += w[at + 33] * 9;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createRenderPipeline({
          id: w[at + 1],
          layout: t.pipelineLayout.getOrNone(w[at + 2]),
          vertexModule: t.shaderModule.get(w[at + 3]),
          fragmentModule: t.shaderModule.getOrNone(w[at + 4]),
          topology: oneOf(names.PrimitiveTopology, 'topology', w[at + 5]),
          stripIndexFormat: oneOfOrNone(names.IndexFormat, 'stripIndexFormat', w[at + 6]),
          frontFace: oneOf(names.FrontFace, 'frontFace', w[at + 7]),
          cullMode: oneOf(names.CullMode, 'cullMode', w[at + 8]),
          depthFormat: oneOfOrNone(names.TextureFormat, 'depthFormat', w[at + 9]),
          depthWriteEnabled: bool('depthWriteEnabled', w[at + 10]),
          depthCompare: oneOfOrNone(names.CompareFunction, 'depthCompare', w[at + 11]),
          stencilFrontCompare: oneOf(names.CompareFunction, 'stencilFrontCompare', w[at + 12]),
          stencilFrontFailOp: oneOf(names.StencilOperation, 'stencilFrontFailOp', w[at + 13]),
          stencilFrontDepthFailOp: oneOf(names.StencilOperation, 'stencilFrontDepthFailOp', w[at + 14]),
          stencilFrontPassOp: oneOf(names.StencilOperation, 'stencilFrontPassOp', w[at + 15]),
          stencilBackCompare: oneOf(names.CompareFunction, 'stencilBackCompare', w[at + 16]),
          stencilBackFailOp: oneOf(names.StencilOperation, 'stencilBackFailOp', w[at + 17]),
          stencilBackDepthFailOp: oneOf(names.StencilOperation, 'stencilBackDepthFailOp', w[at + 18]),
          stencilBackPassOp: oneOf(names.StencilOperation, 'stencilBackPassOp', w[at + 19]),
          stencilReadMask: w[at + 20],
          stencilWriteMask: w[at + 21],
          depthBias: w[at + 22] | 0,
          depthBiasSlopeScale: finite('depthBiasSlopeScale', f[at + 23]),
          depthBiasClamp: finite('depthBiasClamp', f[at + 24]),
          sampleCount: w[at + 25],
          sampleMask: w[at + 26],
          alphaToCoverageEnabled: bool('alphaToCoverageEnabled', w[at + 27]),
          label,
          vertexEntryPoint,
          fragmentEntryPoint,
          buffers: list(r, t, buffers, w[at + 31], VERTEX_BUFFER_LAYOUT_WORDS, readVertexBufferLayout),
          attributes: list(r, t, attributes, w[at + 32], VERTEX_ATTRIBUTE_WORDS, readVertexAttribute),
          targets: list(r, t, targets, w[at + 33], COLOR_TARGET_WORDS, readColorTarget),
        });
        break;
      }
      case 10: {
        if (length < 6) throw badLength(length, 6);
        let tail = at + 6;
        const label = r.string(tail, w[at + 4], at + length, 'label');
        tail += (w[at + 4] + 3) >>> 2;
        const entryPoint = r.string(tail, w[at + 5], at + length, 'entryPoint');
        tail += (w[at + 5] + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createComputePipeline({
          id: w[at + 1],
          layout: t.pipelineLayout.getOrNone(w[at + 2]),
          module: t.shaderModule.get(w[at + 3]),
          label,
          entryPoint,
        });
        break;
      }
      case 11: {
        if (length !== 4) throw badLength(length, 4);
        h.objects.getRenderBindGroupLayout(w[at + 1], t.renderPipeline.get(w[at + 2]), w[at + 3]);
        break;
      }
      case 12: {
        if (length !== 4) throw badLength(length, 4);
        h.objects.getComputeBindGroupLayout(w[at + 1], t.computePipeline.get(w[at + 2]), w[at + 3]);
        break;
      }
      case 13: {
        if (length !== 3) throw badLength(length, 3);
        h.objects.destroy(oneOf(names.ObjectKind, 'kind', w[at + 1]), w[at + 2]);
        break;
      }
      case 32800: {
        if (length !== 5) throw badLength(length, 5);
        h.queue.writeBuffer(t.buffer.get(w[at + 1]), w[at + 2], r.reference(w[at + 3], w[at + 4]), w[at + 4]);
        break;
      }
      case 32801: {
        if (length !== 14) throw badLength(length, 14);
        h.queue.writeTexture(
          t.texture.get(w[at + 1]),
          w[at + 2],
          w[at + 3],
          w[at + 4],
          w[at + 5],
          oneOf(names.TextureAspect, 'aspect', w[at + 6]),
          w[at + 7],
          w[at + 8],
          w[at + 9],
          w[at + 10],
          w[at + 11],
          r.reference(w[at + 12], w[at + 13]),
          w[at + 13],
        );
        break;
      }
      case 34: {
        if (length !== 6) throw badLength(length, 6);
        h.queue.writeBufferFromAsset(t.buffer.get(w[at + 1]), w[at + 2], w[at + 3], w[at + 4], w[at + 5]);
        break;
      }
      case 35: {
        if (length !== 15) throw badLength(length, 15);
        h.queue.writeTextureFromAsset(
          t.texture.get(w[at + 1]),
          w[at + 2],
          w[at + 3],
          w[at + 4],
          w[at + 5],
          oneOf(names.TextureAspect, 'aspect', w[at + 6]),
          w[at + 7],
          w[at + 8],
          w[at + 9],
          w[at + 10],
          w[at + 11],
          w[at + 12],
          w[at + 13],
          w[at + 14],
        );
        break;
      }
      case 36: {
        if (length !== 1) throw badLength(length, 1);
        h.queue.submit();
        break;
      }
      case 37: {
        if (length !== 2) throw badLength(length, 2);
        h.queue.onSubmittedWorkDone(w[at + 1]);
        break;
      }
      case 48: {
        if (length !== 6) throw badLength(length, 6);
        h.encoder.copyBufferToBuffer(t.buffer.get(w[at + 1]), w[at + 2], t.buffer.get(w[at + 3]), w[at + 4], w[at + 5]);
        break;
      }
      case 49: {
        if (length !== 14) throw badLength(length, 14);
        h.encoder.copyBufferToTexture(
          t.buffer.get(w[at + 1]),
          w[at + 2],
          w[at + 3],
          w[at + 4],
          t.texture.get(w[at + 5]),
          w[at + 6],
          w[at + 7],
          w[at + 8],
          w[at + 9],
          oneOf(names.TextureAspect, 'aspect', w[at + 10]),
          w[at + 11],
          w[at + 12],
          w[at + 13],
        );
        break;
      }
      case 50: {
        if (length !== 14) throw badLength(length, 14);
        h.encoder.copyTextureToBuffer(
          t.texture.get(w[at + 1]),
          w[at + 2],
          w[at + 3],
          w[at + 4],
          w[at + 5],
          oneOf(names.TextureAspect, 'aspect', w[at + 6]),
          t.buffer.get(w[at + 7]),
          w[at + 8],
          w[at + 9],
          w[at + 10],
          w[at + 11],
          w[at + 12],
          w[at + 13],
        );
        break;
      }
      case 51: {
        if (length !== 16) throw badLength(length, 16);
        h.encoder.copyTextureToTexture(
          t.texture.get(w[at + 1]),
          w[at + 2],
          w[at + 3],
          w[at + 4],
          w[at + 5],
          oneOf(names.TextureAspect, 'sourceAspect', w[at + 6]),
          t.texture.get(w[at + 7]),
          w[at + 8],
          w[at + 9],
          w[at + 10],
          w[at + 11],
          oneOf(names.TextureAspect, 'aspect', w[at + 12]),
          w[at + 13],
          w[at + 14],
          w[at + 15],
        );
        break;
      }
      case 52: {
        if (length !== 4) throw badLength(length, 4);
        h.encoder.clearBuffer(t.buffer.get(w[at + 1]), w[at + 2], w[at + 3]);
        break;
      }
      case 53: {
        if (length < 12) throw badLength(length, 12);
        let tail = at + 12;
        const label = r.string(tail, w[at + 10], at + length, 'label');
        tail += (w[at + 10] + 3) >>> 2;
        const colorAttachments = tail;
        tail += w[at + 11] * 8;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.encoder.beginRenderPass(
          t.textureView.getOrNone(w[at + 1]),
          oneOfOrNone(names.LoadOp, 'depthLoadOp', w[at + 2]),
          oneOfOrNone(names.StoreOp, 'depthStoreOp', w[at + 3]),
          finite('depthClearValue', f[at + 4]),
          bool('depthReadOnly', w[at + 5]),
          oneOfOrNone(names.LoadOp, 'stencilLoadOp', w[at + 6]),
          oneOfOrNone(names.StoreOp, 'stencilStoreOp', w[at + 7]),
          w[at + 8],
          bool('stencilReadOnly', w[at + 9]),
          label,
          colorAttachments,
          w[at + 11],
        );
        break;
      }
      case 54: {
        if (length !== 1) throw badLength(length, 1);
        h.encoder.endRenderPass();
        break;
      }
      case 55: {
        if (length < 2) throw badLength(length, 2);
        let tail = at + 2;
        const label = r.string(tail, w[at + 1], at + length, 'label');
        tail += (w[at + 1] + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.encoder.beginComputePass(label);
        break;
      }
      case 56: {
        if (length !== 1) throw badLength(length, 1);
        h.encoder.endComputePass();
        break;
      }
      case 64: {
        if (length !== 2) throw badLength(length, 2);
        h.pass.setPipeline(t.renderPipeline.get(w[at + 1]));
        break;
      }
      case 65: {
        if (length < 4) throw badLength(length, 4);
        let tail = at + 4;
        const dynamicOffsets = tail;
        tail += w[at + 3] * 1;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.pass.setBindGroup(w[at + 1], t.bindGroup.getOrNone(w[at + 2]), dynamicOffsets, w[at + 3]);
        break;
      }
      case 66: {
        if (length !== 5) throw badLength(length, 5);
        h.pass.setVertexBuffer(w[at + 1], t.buffer.getOrNone(w[at + 2]), w[at + 3], w[at + 4]);
        break;
      }
      case 67: {
        if (length !== 5) throw badLength(length, 5);
        h.pass.setIndexBuffer(
          t.buffer.get(w[at + 1]),
          oneOf(names.IndexFormat, 'format', w[at + 2]),
          w[at + 3],
          w[at + 4],
        );
        break;
      }
      case 68: {
        if (length !== 5) throw badLength(length, 5);
        h.pass.draw(w[at + 1], w[at + 2], w[at + 3], w[at + 4]);
        break;
      }
      case 69: {
        if (length !== 6) throw badLength(length, 6);
        h.pass.drawIndexed(w[at + 1], w[at + 2], w[at + 3], w[at + 4] | 0, w[at + 5]);
        break;
      }
      case 70: {
        if (length !== 3) throw badLength(length, 3);
        h.pass.drawIndirect(t.buffer.get(w[at + 1]), w[at + 2]);
        break;
      }
      case 71: {
        if (length !== 3) throw badLength(length, 3);
        h.pass.drawIndexedIndirect(t.buffer.get(w[at + 1]), w[at + 2]);
        break;
      }
      case 72: {
        if (length !== 7) throw badLength(length, 7);
        h.pass.setViewport(
          finite('x', f[at + 1]),
          finite('y', f[at + 2]),
          finite('width', f[at + 3]),
          finite('height', f[at + 4]),
          finite('minDepth', f[at + 5]),
          finite('maxDepth', f[at + 6]),
        );
        break;
      }
      case 73: {
        if (length !== 5) throw badLength(length, 5);
        h.pass.setScissorRect(w[at + 1], w[at + 2], w[at + 3], w[at + 4]);
        break;
      }
      case 74: {
        if (length !== 5) throw badLength(length, 5);
        h.pass.setBlendConstant(
          finite('r', f[at + 1]),
          finite('g', f[at + 2]),
          finite('b', f[at + 3]),
          finite('a', f[at + 4]),
        );
        break;
      }
      case 75: {
        if (length !== 2) throw badLength(length, 2);
        h.pass.setStencilReference(w[at + 1]);
        break;
      }
      case 80: {
        if (length !== 2) throw badLength(length, 2);
        h.pass.setComputePipeline(t.computePipeline.get(w[at + 1]));
        break;
      }
      case 81: {
        if (length !== 4) throw badLength(length, 4);
        h.pass.dispatchWorkgroups(w[at + 1], w[at + 2], w[at + 3]);
        break;
      }
      case 82: {
        if (length !== 3) throw badLength(length, 3);
        h.pass.dispatchWorkgroupsIndirect(t.buffer.get(w[at + 1]), w[at + 2]);
        break;
      }
      default:
        throw new Fault(`there is no command with opcode ${r.opcode}`);
    }
    at += length;
  }
  r.ended = true;
}
