// Generated from renderer/contract/contract.ts by renderer/contract/generate.ts; do not edit.
import { badLength, bits, bool, Fault, finite, oneOf, oneOfOrNone, optional, type Reader } from './reader.ts';
import type { Handles, Tables } from './table.ts';

/** The strings of each WebGPU enum; a command stream gives the one at index n as n + 1. */
export const ENUMS = {
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
    'querySet',
    'renderBundle',
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
    'r16unorm',
    'r16snorm',
    'rg16unorm',
    'rg16snorm',
    'rgba16unorm',
    'rgba16snorm',
    'etc2-rgb8unorm',
    'etc2-rgb8unorm-srgb',
    'etc2-rgb8a1unorm',
    'etc2-rgb8a1unorm-srgb',
    'etc2-rgba8unorm',
    'etc2-rgba8unorm-srgb',
    'eac-r11unorm',
    'eac-r11snorm',
    'eac-rg11unorm',
    'eac-rg11snorm',
    'astc-4x4-unorm',
    'astc-4x4-unorm-srgb',
    'astc-5x4-unorm',
    'astc-5x4-unorm-srgb',
    'astc-5x5-unorm',
    'astc-5x5-unorm-srgb',
    'astc-6x5-unorm',
    'astc-6x5-unorm-srgb',
    'astc-6x6-unorm',
    'astc-6x6-unorm-srgb',
    'astc-8x5-unorm',
    'astc-8x5-unorm-srgb',
    'astc-8x6-unorm',
    'astc-8x6-unorm-srgb',
    'astc-8x8-unorm',
    'astc-8x8-unorm-srgb',
    'astc-10x5-unorm',
    'astc-10x5-unorm-srgb',
    'astc-10x6-unorm',
    'astc-10x6-unorm-srgb',
    'astc-10x8-unorm',
    'astc-10x8-unorm-srgb',
    'astc-10x10-unorm',
    'astc-10x10-unorm-srgb',
    'astc-12x10-unorm',
    'astc-12x10-unorm-srgb',
    'astc-12x12-unorm',
    'astc-12x12-unorm-srgb',
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
    'src1',
    'one-minus-src1',
    'src1-alpha',
    'one-minus-src1-alpha',
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
  QueryType: ['occlusion', 'timestamp'] as const,
  ErrorFilter: ['validation', 'out-of-memory', 'internal'] as const,
  Phase: ['waiting', 'active', 'ended'] as const,
  FeatureName: [
    'depth-clip-control',
    'depth32float-stencil8',
    'texture-compression-bc',
    'texture-compression-bc-sliced-3d',
    'texture-compression-etc2',
    'texture-compression-astc',
    'texture-compression-astc-sliced-3d',
    'timestamp-query',
    'indirect-first-instance',
    'shader-f16',
    'rg11b10ufloat-renderable',
    'bgra8unorm-storage',
    'float32-filterable',
    'float32-blendable',
    'clip-distances',
    'dual-source-blending',
    'subgroups',
    'texture-formats-tier1',
    'texture-formats-tier2',
    'primitive-index',
  ] as const,
  LimitName: [
    'maxTextureDimension1D',
    'maxTextureDimension2D',
    'maxTextureDimension3D',
    'maxTextureArrayLayers',
    'maxBindGroups',
    'maxBindGroupsPlusVertexBuffers',
    'maxBindingsPerBindGroup',
    'maxDynamicUniformBuffersPerPipelineLayout',
    'maxDynamicStorageBuffersPerPipelineLayout',
    'maxSampledTexturesPerShaderStage',
    'maxSamplersPerShaderStage',
    'maxStorageBuffersPerShaderStage',
    'maxStorageTexturesPerShaderStage',
    'maxUniformBuffersPerShaderStage',
    'maxUniformBufferBindingSize',
    'maxStorageBufferBindingSize',
    'minUniformBufferOffsetAlignment',
    'minStorageBufferOffsetAlignment',
    'maxVertexBuffers',
    'maxBufferSize',
    'maxVertexAttributes',
    'maxVertexBufferArrayStride',
    'maxInterStageShaderVariables',
    'maxColorAttachments',
    'maxColorAttachmentBytesPerSample',
    'maxComputeWorkgroupStorageSize',
    'maxComputeInvocationsPerWorkgroup',
    'maxComputeWorkgroupSizeX',
    'maxComputeWorkgroupSizeY',
    'maxComputeWorkgroupSizeZ',
    'maxComputeWorkgroupsPerDimension',
  ] as const,
};

/** All valid bits of each kind of WebGPU flags, such as GPUBufferUsage. */
export const MASKS = { BufferUsage: 1023, TextureUsage: 31, ShaderStage: 7, ColorWrite: 15 };

type GPUObjectKindName = (typeof ENUMS.ObjectKind)[number];
type GPUTextureFormatName = (typeof ENUMS.TextureFormat)[number];
type GPUTextureDimensionName = (typeof ENUMS.TextureDimension)[number];
type GPUTextureViewDimensionName = (typeof ENUMS.TextureViewDimension)[number];
type GPUTextureAspectName = (typeof ENUMS.TextureAspect)[number];
type GPUAddressModeName = (typeof ENUMS.AddressMode)[number];
type GPUFilterModeName = (typeof ENUMS.FilterMode)[number];
type GPUCompareFunctionName = (typeof ENUMS.CompareFunction)[number];
type GPUBufferBindingTypeName = (typeof ENUMS.BufferBindingType)[number];
type GPUSamplerBindingTypeName = (typeof ENUMS.SamplerBindingType)[number];
type GPUTextureSampleTypeName = (typeof ENUMS.TextureSampleType)[number];
type GPUStorageTextureAccessName = (typeof ENUMS.StorageTextureAccess)[number];
type GPUPrimitiveTopologyName = (typeof ENUMS.PrimitiveTopology)[number];
type GPUFrontFaceName = (typeof ENUMS.FrontFace)[number];
type GPUCullModeName = (typeof ENUMS.CullMode)[number];
type GPUIndexFormatName = (typeof ENUMS.IndexFormat)[number];
type GPUVertexFormatName = (typeof ENUMS.VertexFormat)[number];
type GPUVertexStepModeName = (typeof ENUMS.VertexStepMode)[number];
type GPUBlendOperationName = (typeof ENUMS.BlendOperation)[number];
type GPUBlendFactorName = (typeof ENUMS.BlendFactor)[number];
type GPUStencilOperationName = (typeof ENUMS.StencilOperation)[number];
type GPULoadOpName = (typeof ENUMS.LoadOp)[number];
type GPUStoreOpName = (typeof ENUMS.StoreOp)[number];
type GPUQueryTypeName = (typeof ENUMS.QueryType)[number];
type GPUErrorFilterName = (typeof ENUMS.ErrorFilter)[number];
type GPUPhaseName = (typeof ENUMS.Phase)[number];

/** Names of all commands by opcode, for error messages. */
export const COMMAND_NAMES: ReadonlyMap<number, string> = new Map([
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
  [14, 'createQuerySet'],
  [15, 'createRenderBundleEncoder'],
  [16, 'finishRenderBundle'],
  [17, 'createRenderPipelineAsync'],
  [18, 'createComputePipelineAsync'],
  [19, 'getCompilationInfo'],
  [20, 'pushErrorScope'],
  [21, 'popErrorScope'],
  [32800, 'writeBuffer'],
  [32801, 'writeTexture'],
  [34, 'writeBufferFromAsset'],
  [35, 'writeTextureFromAsset'],
  [36, 'submit'],
  [37, 'onSubmittedWorkDone'],
  [38, 'mapAsync'],
  [48, 'copyBufferToBuffer'],
  [49, 'copyBufferToTexture'],
  [50, 'copyTextureToBuffer'],
  [51, 'copyTextureToTexture'],
  [52, 'clearBuffer'],
  [53, 'beginRenderPass'],
  [54, 'endRenderPass'],
  [55, 'beginComputePass'],
  [56, 'endComputePass'],
  [57, 'resolveQuerySet'],
  [58, 'pushDebugGroup'],
  [59, 'popDebugGroup'],
  [60, 'insertDebugMarker'],
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
  [76, 'beginOcclusionQuery'],
  [77, 'endOcclusionQuery'],
  [78, 'executeBundles'],
  [80, 'setComputePipeline'],
  [81, 'dispatchWorkgroups'],
  [82, 'dispatchWorkgroupsIndirect'],
  [96, 'rumble'],
  [97, 'requestText'],
  [98, 'cancelText'],
  [112, 'emit'],
  [113, 'subscribe'],
  [114, 'unsubscribe'],
  [115, 'receive'],
  [116, 'setPhase'],
]);

/** Where a command holds its label and the ids of the objects that it uses, in words from its head, for error messages. */
export interface Mentions {
  /** Word of a command that holds the byte length of its label; 0 for none. */
  readonly label: number;
  /** Word of a command at which the text of its label begins; 0 for none. */
  readonly text: number;
  /** Words of a command that hold ids, each with the name of its field and the kind of the object. */
  readonly ids: readonly (readonly [word: number, name: string, kind: keyof Tables])[];
}

/** Where each command holds its label and the ids of the objects that it uses, by opcode. */
export const MENTIONS: ReadonlyMap<number, Mentions> = new Map([
  [1, { label: 5, text: 6, ids: [] }],
  [2, { label: 10, text: 12, ids: [] }],
  [3, { label: 11, text: 12, ids: [[2, 'texture', 'texture']] }],
  [4, { label: 12, text: 13, ids: [] }],
  [5, { label: 2, text: 4, ids: [] }],
  [6, { label: 2, text: 4, ids: [] }],
  [7, { label: 3, text: 5, ids: [[2, 'layout', 'bindGroupLayout']] }],
  [8, { label: 2, text: 4, ids: [] }],
  [
    9,
    {
      label: 29,
      text: 39,
      ids: [
        [2, 'layout', 'pipelineLayout'],
        [3, 'vertexModule', 'shaderModule'],
        [4, 'fragmentModule', 'shaderModule'],
      ],
    },
  ],
  [
    10,
    {
      label: 4,
      text: 8,
      ids: [
        [2, 'layout', 'pipelineLayout'],
        [3, 'module', 'shaderModule'],
      ],
    },
  ],
  [11, { label: 0, text: 0, ids: [[2, 'pipeline', 'renderPipeline']] }],
  [12, { label: 0, text: 0, ids: [[2, 'pipeline', 'computePipeline']] }],
  [13, { label: 0, text: 0, ids: [] }],
  [14, { label: 4, text: 5, ids: [] }],
  [15, { label: 5, text: 7, ids: [] }],
  [16, { label: 0, text: 0, ids: [] }],
  [
    17,
    {
      label: 29,
      text: 39,
      ids: [
        [2, 'layout', 'pipelineLayout'],
        [3, 'vertexModule', 'shaderModule'],
        [4, 'fragmentModule', 'shaderModule'],
      ],
    },
  ],
  [
    18,
    {
      label: 4,
      text: 8,
      ids: [
        [2, 'layout', 'pipelineLayout'],
        [3, 'module', 'shaderModule'],
      ],
    },
  ],
  [19, { label: 0, text: 0, ids: [[1, 'module', 'shaderModule']] }],
  [20, { label: 0, text: 0, ids: [] }],
  [21, { label: 0, text: 0, ids: [] }],
  [32800, { label: 0, text: 0, ids: [[1, 'buffer', 'buffer']] }],
  [32801, { label: 0, text: 0, ids: [[1, 'texture', 'texture']] }],
  [34, { label: 0, text: 0, ids: [[1, 'buffer', 'buffer']] }],
  [35, { label: 0, text: 0, ids: [[1, 'texture', 'texture']] }],
  [36, { label: 0, text: 0, ids: [] }],
  [37, { label: 0, text: 0, ids: [] }],
  [38, { label: 0, text: 0, ids: [[1, 'buffer', 'buffer']] }],
  [
    48,
    {
      label: 0,
      text: 0,
      ids: [
        [1, 'source', 'buffer'],
        [3, 'destination', 'buffer'],
      ],
    },
  ],
  [
    49,
    {
      label: 0,
      text: 0,
      ids: [
        [1, 'buffer', 'buffer'],
        [5, 'texture', 'texture'],
      ],
    },
  ],
  [
    50,
    {
      label: 0,
      text: 0,
      ids: [
        [1, 'texture', 'texture'],
        [7, 'buffer', 'buffer'],
      ],
    },
  ],
  [
    51,
    {
      label: 0,
      text: 0,
      ids: [
        [1, 'source', 'texture'],
        [7, 'texture', 'texture'],
      ],
    },
  ],
  [52, { label: 0, text: 0, ids: [[1, 'buffer', 'buffer']] }],
  [
    53,
    {
      label: 14,
      text: 16,
      ids: [
        [1, 'depthView', 'textureView'],
        [10, 'occlusionQuerySet', 'querySet'],
        [11, 'timestampQuerySet', 'querySet'],
      ],
    },
  ],
  [54, { label: 0, text: 0, ids: [] }],
  [55, { label: 4, text: 5, ids: [[1, 'timestampQuerySet', 'querySet']] }],
  [56, { label: 0, text: 0, ids: [] }],
  [
    57,
    {
      label: 0,
      text: 0,
      ids: [
        [1, 'querySet', 'querySet'],
        [4, 'destination', 'buffer'],
      ],
    },
  ],
  [58, { label: 1, text: 2, ids: [] }],
  [59, { label: 0, text: 0, ids: [] }],
  [60, { label: 1, text: 2, ids: [] }],
  [64, { label: 0, text: 0, ids: [[1, 'pipeline', 'renderPipeline']] }],
  [65, { label: 0, text: 0, ids: [[2, 'bindGroup', 'bindGroup']] }],
  [66, { label: 0, text: 0, ids: [[2, 'buffer', 'buffer']] }],
  [67, { label: 0, text: 0, ids: [[1, 'buffer', 'buffer']] }],
  [68, { label: 0, text: 0, ids: [] }],
  [69, { label: 0, text: 0, ids: [] }],
  [70, { label: 0, text: 0, ids: [[1, 'buffer', 'buffer']] }],
  [71, { label: 0, text: 0, ids: [[1, 'buffer', 'buffer']] }],
  [72, { label: 0, text: 0, ids: [] }],
  [73, { label: 0, text: 0, ids: [] }],
  [74, { label: 0, text: 0, ids: [] }],
  [75, { label: 0, text: 0, ids: [] }],
  [76, { label: 0, text: 0, ids: [] }],
  [77, { label: 0, text: 0, ids: [] }],
  [78, { label: 0, text: 0, ids: [] }],
  [80, { label: 0, text: 0, ids: [[1, 'pipeline', 'computePipeline']] }],
  [81, { label: 0, text: 0, ids: [] }],
  [82, { label: 0, text: 0, ids: [[1, 'buffer', 'buffer']] }],
  [96, { label: 0, text: 0, ids: [] }],
  [97, { label: 5, text: 7, ids: [] }],
  [98, { label: 0, text: 0, ids: [] }],
  [112, { label: 1, text: 4, ids: [] }],
  [113, { label: 2, text: 3, ids: [] }],
  [114, { label: 0, text: 0, ids: [] }],
  [115, { label: 0, text: 0, ids: [] }],
  [116, { label: 0, text: 0, ids: [] }],
]);

/** How to read an element of a command's list: its size in words, and the function that reads it. */
export interface ListRecord<T> {
  readonly words: number;
  /** Reads and checks the element at word `at` of the stream. @throws Fault */
  read(r: Reader, t: Tables, at: number): T;
}

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

function readBindGroupLayoutEntry(r: Reader, _t: Tables, at: number): BindGroupLayoutEntry {
  const { words: w } = r;
  return {
    binding: w[at + 0] ?? 0,
    visibility: bits(MASKS.ShaderStage, 'visibility', w[at + 1] ?? 0),
    bufferType: oneOfOrNone(ENUMS.BufferBindingType, 'bufferType', w[at + 2] ?? 0),
    hasDynamicOffset: bool('hasDynamicOffset', w[at + 3] ?? 0),
    minBindingSize: w[at + 4] ?? 0,
    samplerType: oneOfOrNone(ENUMS.SamplerBindingType, 'samplerType', w[at + 5] ?? 0),
    sampleType: oneOfOrNone(ENUMS.TextureSampleType, 'sampleType', w[at + 6] ?? 0),
    multisampled: bool('multisampled', w[at + 7] ?? 0),
    storageAccess: oneOfOrNone(ENUMS.StorageTextureAccess, 'storageAccess', w[at + 8] ?? 0),
    storageFormat: oneOfOrNone(ENUMS.TextureFormat, 'storageFormat', w[at + 9] ?? 0),
    viewDimension: oneOfOrNone(ENUMS.TextureViewDimension, 'viewDimension', w[at + 10] ?? 0),
  };
}

export const BIND_GROUP_LAYOUT_ENTRY: ListRecord<BindGroupLayoutEntry> = { words: 11, read: readBindGroupLayoutEntry };

export interface TextureViewFormat {
  format: GPUTextureFormatName;
}

function readTextureViewFormat(r: Reader, _t: Tables, at: number): TextureViewFormat {
  const { words: w } = r;
  return { format: oneOf(ENUMS.TextureFormat, 'format', w[at + 0] ?? 0) };
}

export const TEXTURE_VIEW_FORMAT: ListRecord<TextureViewFormat> = { words: 1, read: readTextureViewFormat };

export interface PipelineLayoutEntry {
  layout: Handles['bindGroupLayout'] | undefined;
}

function readPipelineLayoutEntry(r: Reader, t: Tables, at: number): PipelineLayoutEntry {
  const { words: w } = r;
  return { layout: t.bindGroupLayout.getOrNone(w[at + 0] ?? 0) };
}

export const PIPELINE_LAYOUT_ENTRY: ListRecord<PipelineLayoutEntry> = { words: 1, read: readPipelineLayoutEntry };

export interface BindGroupEntry {
  binding: number;
  buffer: Handles['buffer'] | undefined;
  offset: number;
  size: number;
  sampler: Handles['sampler'] | undefined;
  view: Handles['textureView'] | undefined;
}

function readBindGroupEntry(r: Reader, t: Tables, at: number): BindGroupEntry {
  const { words: w } = r;
  return {
    binding: w[at + 0] ?? 0,
    buffer: t.buffer.getOrNone(w[at + 1] ?? 0),
    offset: w[at + 2] ?? 0,
    size: w[at + 3] ?? 0,
    sampler: t.sampler.getOrNone(w[at + 4] ?? 0),
    view: t.textureView.getOrNone(w[at + 5] ?? 0),
  };
}

export const BIND_GROUP_ENTRY: ListRecord<BindGroupEntry> = { words: 6, read: readBindGroupEntry };

export interface VertexBufferLayout {
  arrayStride: number;
  stepMode: GPUVertexStepModeName | undefined;
  attributeCount: number;
}

function readVertexBufferLayout(r: Reader, _t: Tables, at: number): VertexBufferLayout {
  const { words: w } = r;
  return {
    arrayStride: w[at + 0] ?? 0,
    stepMode: oneOfOrNone(ENUMS.VertexStepMode, 'stepMode', w[at + 1] ?? 0),
    attributeCount: w[at + 2] ?? 0,
  };
}

export const VERTEX_BUFFER_LAYOUT: ListRecord<VertexBufferLayout> = { words: 3, read: readVertexBufferLayout };

export interface ConstantValue {
  value: number;
}

function readConstantValue(r: Reader, _t: Tables, at: number): ConstantValue {
  return { value: r.double('value', at + 0) };
}

export const CONSTANT_VALUE: ListRecord<ConstantValue> = { words: 2, read: readConstantValue };

export interface VertexAttribute {
  format: GPUVertexFormatName;
  offset: number;
  shaderLocation: number;
}

function readVertexAttribute(r: Reader, _t: Tables, at: number): VertexAttribute {
  const { words: w } = r;
  return {
    format: oneOf(ENUMS.VertexFormat, 'format', w[at + 0] ?? 0),
    offset: w[at + 1] ?? 0,
    shaderLocation: w[at + 2] ?? 0,
  };
}

export const VERTEX_ATTRIBUTE: ListRecord<VertexAttribute> = { words: 3, read: readVertexAttribute };

export interface ColorTarget {
  format: GPUTextureFormatName | undefined;
  blend: boolean;
  colorOperation: GPUBlendOperationName | undefined;
  colorSrcFactor: GPUBlendFactorName | undefined;
  colorDstFactor: GPUBlendFactorName | undefined;
  alphaOperation: GPUBlendOperationName | undefined;
  alphaSrcFactor: GPUBlendFactorName | undefined;
  alphaDstFactor: GPUBlendFactorName | undefined;
  writeMask: number;
}

function readColorTarget(r: Reader, _t: Tables, at: number): ColorTarget {
  const { words: w } = r;
  return {
    format: oneOfOrNone(ENUMS.TextureFormat, 'format', w[at + 0] ?? 0),
    blend: bool('blend', w[at + 1] ?? 0),
    colorOperation: oneOfOrNone(ENUMS.BlendOperation, 'colorOperation', w[at + 2] ?? 0),
    colorSrcFactor: oneOfOrNone(ENUMS.BlendFactor, 'colorSrcFactor', w[at + 3] ?? 0),
    colorDstFactor: oneOfOrNone(ENUMS.BlendFactor, 'colorDstFactor', w[at + 4] ?? 0),
    alphaOperation: oneOfOrNone(ENUMS.BlendOperation, 'alphaOperation', w[at + 5] ?? 0),
    alphaSrcFactor: oneOfOrNone(ENUMS.BlendFactor, 'alphaSrcFactor', w[at + 6] ?? 0),
    alphaDstFactor: oneOfOrNone(ENUMS.BlendFactor, 'alphaDstFactor', w[at + 7] ?? 0),
    writeMask: bits(MASKS.ColorWrite, 'writeMask', w[at + 8] ?? 0),
  };
}

export const COLOR_TARGET: ListRecord<ColorTarget> = { words: 9, read: readColorTarget };

export interface ColorAttachment {
  view: Handles['textureView'] | undefined;
  depthSlice: number | undefined;
  resolveTarget: Handles['textureView'] | undefined;
  loadOp: GPULoadOpName;
  storeOp: GPUStoreOpName;
  clearR: number;
  clearG: number;
  clearB: number;
  clearA: number;
}

function readColorAttachment(r: Reader, t: Tables, at: number): ColorAttachment {
  const { words: w, floats: f } = r;
  return {
    view: t.textureView.getOrNone(w[at + 0] ?? 0),
    depthSlice: optional(w[at + 1] ?? 0),
    resolveTarget: t.textureView.getOrNone(w[at + 2] ?? 0),
    loadOp: oneOf(ENUMS.LoadOp, 'loadOp', w[at + 3] ?? 0),
    storeOp: oneOf(ENUMS.StoreOp, 'storeOp', w[at + 4] ?? 0),
    clearR: finite('clearR', f[at + 5] ?? 0),
    clearG: finite('clearG', f[at + 6] ?? 0),
    clearB: finite('clearB', f[at + 7] ?? 0),
    clearA: finite('clearA', f[at + 8] ?? 0),
  };
}

export const COLOR_ATTACHMENT: ListRecord<ColorAttachment> = { words: 9, read: readColorAttachment };

export interface ColorFormat {
  format: GPUTextureFormatName | undefined;
}

function readColorFormat(r: Reader, _t: Tables, at: number): ColorFormat {
  const { words: w } = r;
  return { format: oneOfOrNone(ENUMS.TextureFormat, 'format', w[at + 0] ?? 0) };
}

export const COLOR_FORMAT: ListRecord<ColorFormat> = { words: 1, read: readColorFormat };

export interface RenderBundleEntry {
  bundle: Handles['renderBundle'];
}

function readRenderBundleEntry(r: Reader, t: Tables, at: number): RenderBundleEntry {
  const { words: w } = r;
  return { bundle: t.renderBundle.get(w[at + 0] ?? 0) };
}

export const RENDER_BUNDLE_ENTRY: ListRecord<RenderBundleEntry> = { words: 1, read: readRenderBundleEntry };

/** Fields of the command `createBuffer`. */
export interface CreateBuffer {
  id: number;
  size: number;
  usage: number;
  label: string;
}

/** Fields of the command `createTexture`. */
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
  viewFormats: TextureViewFormat[];
}

/** Fields of the command `createTextureView`. */
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
  usage: number;
  label: string;
}

/** Fields of the command `createSampler`. */
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

/** Fields of the command `createBindGroupLayout`. */
export interface CreateBindGroupLayout {
  id: number;
  label: string;
  entries: BindGroupLayoutEntry[];
}

/** Fields of the command `createPipelineLayout`. */
export interface CreatePipelineLayout {
  id: number;
  label: string;
  layouts: PipelineLayoutEntry[];
}

/** Fields of the command `createBindGroup`. */
export interface CreateBindGroup {
  id: number;
  layout: Handles['bindGroupLayout'];
  label: string;
  entries: BindGroupEntry[];
}

/** Fields of the command `createShaderModule`. */
export interface CreateShaderModule {
  id: number;
  label: string;
  code: string;
}

/** Fields of the command `createRenderPipeline`. */
export interface CreateRenderPipeline {
  id: number;
  layout: Handles['pipelineLayout'] | undefined;
  vertexModule: Handles['shaderModule'];
  fragmentModule: Handles['shaderModule'] | undefined;
  topology: GPUPrimitiveTopologyName;
  stripIndexFormat: GPUIndexFormatName | undefined;
  frontFace: GPUFrontFaceName;
  cullMode: GPUCullModeName;
  unclippedDepth: boolean;
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
  vertexConstants: string;
  fragmentEntryPoint: string;
  fragmentConstants: string;
  vertexValues: ConstantValue[];
  fragmentValues: ConstantValue[];
  buffers: VertexBufferLayout[];
  attributes: VertexAttribute[];
  targets: ColorTarget[];
}

/** Fields of the command `createComputePipeline`. */
export interface CreateComputePipeline {
  id: number;
  layout: Handles['pipelineLayout'] | undefined;
  module: Handles['shaderModule'];
  label: string;
  entryPoint: string;
  constants: string;
  values: ConstantValue[];
}

/** Fields of the command `createQuerySet`. */
export interface CreateQuerySet {
  id: number;
  type: GPUQueryTypeName;
  count: number;
  label: string;
}

/** Fields of the command `createRenderBundleEncoder`. */
export interface CreateRenderBundleEncoder {
  depthStencilFormat: GPUTextureFormatName | undefined;
  depthReadOnly: boolean;
  stencilReadOnly: boolean;
  sampleCount: number;
  label: string;
  colorFormats: ColorFormat[];
}

/** Fields of the command `createRenderPipelineAsync`. */
export interface CreateRenderPipelineAsync {
  id: number;
  layout: Handles['pipelineLayout'] | undefined;
  vertexModule: Handles['shaderModule'];
  fragmentModule: Handles['shaderModule'] | undefined;
  topology: GPUPrimitiveTopologyName;
  stripIndexFormat: GPUIndexFormatName | undefined;
  frontFace: GPUFrontFaceName;
  cullMode: GPUCullModeName;
  unclippedDepth: boolean;
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
  vertexConstants: string;
  fragmentEntryPoint: string;
  fragmentConstants: string;
  vertexValues: ConstantValue[];
  fragmentValues: ConstantValue[];
  buffers: VertexBufferLayout[];
  attributes: VertexAttribute[];
  targets: ColorTarget[];
}

/** Fields of the command `createComputePipelineAsync`. */
export interface CreateComputePipelineAsync {
  id: number;
  layout: Handles['pipelineLayout'] | undefined;
  module: Handles['shaderModule'];
  label: string;
  entryPoint: string;
  constants: string;
  values: ConstantValue[];
}

/** Fields of the command `writeTexture`. */
export interface WriteTexture {
  texture: Handles['texture'];
  mipLevel: number;
  originX: number;
  originY: number;
  originZ: number;
  aspect: GPUTextureAspectName;
  width: number;
  height: number;
  depthOrArrayLayers: number;
  bytesPerRow: number;
  rowsPerImage: number;
  dataOffset: number;
  dataLength: number;
}

/** Fields of the command `writeTextureFromAsset`. */
export interface WriteTextureFromAsset {
  texture: Handles['texture'];
  mipLevel: number;
  originX: number;
  originY: number;
  originZ: number;
  aspect: GPUTextureAspectName;
  width: number;
  height: number;
  depthOrArrayLayers: number;
  bytesPerRow: number;
  rowsPerImage: number;
  asset: number;
  assetOffset: number;
  size: number;
}

/** Fields of the command `copyBufferToTexture`. */
export interface CopyBufferToTexture {
  buffer: Handles['buffer'];
  offset: number;
  bytesPerRow: number;
  rowsPerImage: number;
  texture: Handles['texture'];
  mipLevel: number;
  originX: number;
  originY: number;
  originZ: number;
  aspect: GPUTextureAspectName;
  width: number;
  height: number;
  depthOrArrayLayers: number;
}

/** Fields of the command `copyTextureToBuffer`. */
export interface CopyTextureToBuffer {
  texture: Handles['texture'];
  mipLevel: number;
  originX: number;
  originY: number;
  originZ: number;
  aspect: GPUTextureAspectName;
  buffer: Handles['buffer'];
  offset: number;
  bytesPerRow: number;
  rowsPerImage: number;
  width: number;
  height: number;
  depthOrArrayLayers: number;
}

/** Fields of the command `copyTextureToTexture`. */
export interface CopyTextureToTexture {
  source: Handles['texture'];
  sourceMipLevel: number;
  sourceX: number;
  sourceY: number;
  sourceZ: number;
  sourceAspect: GPUTextureAspectName;
  texture: Handles['texture'];
  mipLevel: number;
  originX: number;
  originY: number;
  originZ: number;
  aspect: GPUTextureAspectName;
  width: number;
  height: number;
  depthOrArrayLayers: number;
}

/** Fields of the command `beginRenderPass`. */
export interface BeginRenderPass {
  depthView: Handles['textureView'] | undefined;
  depthLoadOp: GPULoadOpName | undefined;
  depthStoreOp: GPUStoreOpName | undefined;
  depthClearValue: number;
  depthReadOnly: boolean;
  stencilLoadOp: GPULoadOpName | undefined;
  stencilStoreOp: GPUStoreOpName | undefined;
  stencilClearValue: number;
  stencilReadOnly: boolean;
  occlusionQuerySet: Handles['querySet'] | undefined;
  timestampQuerySet: Handles['querySet'] | undefined;
  beginningOfPassWriteIndex: number | undefined;
  endOfPassWriteIndex: number | undefined;
  label: string;
  colorAttachments: number;
  colorAttachmentsCount: number;
}

export interface ObjectsCommands {
  /** Makes a buffer of `size` bytes, filled with zeros. */
  createBuffer(record: CreateBuffer): void;
  /** Makes a texture, filled with zeros. */
  createTexture(record: CreateTexture): void;
  /** Makes a view of a texture; a count of 0 means all mip levels or layers that remain. */
  createTextureView(record: CreateTextureView): void;
  /** Makes a sampler. */
  createSampler(record: CreateSampler): void;
  /** Makes a bind group layout; each entry is for a buffer, sampler, texture or storage texture. */
  createBindGroupLayout(record: CreateBindGroupLayout): void;
  /** Makes a pipeline layout. */
  createPipelineLayout(record: CreatePipelineLayout): void;
  /** Makes a bind group; each entry sets a buffer, sampler or view; a size of 0 means to the end. */
  createBindGroup(record: CreateBindGroup): void;
  /** Destroys a GPU object; a new one may take its index, with the next generation. */
  destroy(kind: GPUObjectKindName, object: number): void;
  /** Makes a query set, for occlusion queries or timestamps. */
  createQuerySet(record: CreateQuerySet): void;
  /** Begins a render bundle, which takes the commands of a render pass until it is finished. */
  createRenderBundleEncoder(record: CreateRenderBundleEncoder): void;
  /** Ends the open render bundle and gives it its id. */
  finishRenderBundle(id: number): void;
}

export interface PipelinesCommands {
  /** Compiles WGSL into a shader module. */
  createShaderModule(record: CreateShaderModule): void;
  /** Makes a render pipeline; no layout means "auto"; no depth format, no depth and stencil state. */
  createRenderPipeline(record: CreateRenderPipeline): void;
  /** Makes a compute pipeline; no layout means "auto". */
  createComputePipeline(record: CreateComputePipeline): void;
  /** Gives an id to the bind group layout at `index` of a render pipeline. */
  getRenderBindGroupLayout(id: number, pipeline: Handles['renderPipeline'], index: number): void;
  /** Gives an id to the bind group layout at `index` of a compute pipeline. */
  getComputeBindGroupLayout(id: number, pipeline: Handles['computePipeline'], index: number): void;
  /** Makes a render pipeline while the game goes on; it is usable after a REPLY_PIPELINE. */
  createRenderPipelineAsync(record: CreateRenderPipelineAsync): void;
  /** Makes a compute pipeline while the game goes on; it is usable after a REPLY_PIPELINE. */
  createComputePipelineAsync(record: CreateComputePipelineAsync): void;
  /** Requests the errors of a shader module, as a REPLY_COMPILATION with this token. */
  getCompilationInfo(module: Handles['shaderModule'], token: number): void;
}

export interface ScopesCommands {
  /** Begins an error scope of this filter. */
  pushErrorScope(filter: GPUErrorFilterName): void;
  /** Ends the innermost error scope; a REPLY_ERROR_SCOPE with this token says what it caught. */
  popErrorScope(token: number): void;
}

export interface QueueCommands {
  /** Writes bytes from linear memory into a buffer, before what is submitted later. */
  writeBuffer(buffer: Handles['buffer'], offset: number, dataOffset: number, dataLength: number): void;
  /** Writes texels from linear memory into a texture, before what is submitted later. */
  writeTexture(record: WriteTexture): void;
  /** Writes part of an asset into a buffer; the bytes do not pass through linear memory. */
  writeBufferFromAsset(
    buffer: Handles['buffer'],
    offset: number,
    asset: number,
    assetOffset: number,
    size: number,
  ): void;
  /** Writes part of an asset into a texture; the bytes do not pass through linear memory. */
  writeTextureFromAsset(record: WriteTextureFromAsset): void;
  /** Finishes the command encoder and queues what was recorded since the last submit. */
  submit(): void;
  /** Requests a REPLY_WORK_DONE with this token once all that was submitted before is done. */
  onSubmittedWorkDone(token: number): void;
  /** Copies part of a buffer to `address` in linear memory; a REPLY_MAPPED with this token follows it. */
  mapAsync(buffer: Handles['buffer'], offset: number, size: number, address: number, token: number): void;
}

export interface CopiesCommands {
  /** Copies bytes from one buffer to another. */
  copyBufferToBuffer(
    source: Handles['buffer'],
    sourceOffset: number,
    destination: Handles['buffer'],
    destinationOffset: number,
    size: number,
  ): void;
  /** Copies texels from a buffer to a texture. */
  copyBufferToTexture(record: CopyBufferToTexture): void;
  /** Copies texels from a texture to a buffer. */
  copyTextureToBuffer(record: CopyTextureToBuffer): void;
  /** Copies texels from one texture to another. */
  copyTextureToTexture(record: CopyTextureToTexture): void;
  /** Fills part of a buffer with zeros; a size of 0 means to its end. */
  clearBuffer(buffer: Handles['buffer'], offset: number, size: number): void;
  /** Writes the results of queries into a buffer, 8 bytes each. */
  resolveQuerySet(
    querySet: Handles['querySet'],
    firstQuery: number,
    queryCount: number,
    destination: Handles['buffer'],
    destinationOffset: number,
  ): void;
}

export interface EncoderCommands {
  /** Begins a render pass. */
  beginRenderPass(record: BeginRenderPass): void;
  /** Ends the render pass. */
  endRenderPass(): void;
  /** Begins a compute pass. */
  beginComputePass(
    timestampQuerySet: Handles['querySet'] | undefined,
    beginningOfPassWriteIndex: number | undefined,
    endOfPassWriteIndex: number | undefined,
    label: string,
  ): void;
  /** Ends the compute pass. */
  endComputePass(): void;
  /** Begins a debug group: commands that debugging tools show together under a label. */
  pushDebugGroup(groupLabel: string): void;
  /** Ends the innermost debug group. */
  popDebugGroup(): void;
  /** Marks a place among the commands for debugging tools. */
  insertDebugMarker(markerLabel: string): void;
}

export interface RenderPassCommands {
  /** Sets the render pipeline for the draws that follow. */
  setPipeline(pipeline: Handles['renderPipeline']): void;
  /** Sets a vertex buffer; a size of 0 means to its end. */
  setVertexBuffer(slot: number, buffer: Handles['buffer'] | undefined, offset: number, size: number): void;
  /** Sets the index buffer; a size of 0 means to its end. */
  setIndexBuffer(buffer: Handles['buffer'], format: GPUIndexFormatName, offset: number, size: number): void;
  /** Draws vertices. */
  draw(vertexCount: number, instanceCount: number, firstVertex: number, firstInstance: number): void;
  /** Draws vertices by their indices. */
  drawIndexed(
    indexCount: number,
    instanceCount: number,
    firstIndex: number,
    baseVertex: number,
    firstInstance: number,
  ): void;
  /** Draws vertices with arguments from a buffer. */
  drawIndirect(buffer: Handles['buffer'], offset: number): void;
  /** Draws vertices by their indices; a buffer holds the arguments of the draw. */
  drawIndexedIndirect(buffer: Handles['buffer'], offset: number): void;
  /** Sets the part of the attachments that is drawn to, and its range of depth. */
  setViewport(x: number, y: number, width: number, height: number, minDepth: number, maxDepth: number): void;
  /** Sets the scissor rectangle. */
  setScissorRect(x: number, y: number, width: number, height: number): void;
  /** Sets the blend constant. */
  setBlendConstant(r: number, g: number, b: number, a: number): void;
  /** Sets the reference value of the stencil test. */
  setStencilReference(reference: number): void;
  /** Begins an occlusion query, which counts the samples that pass the depth and stencil tests. */
  beginOcclusionQuery(queryIndex: number): void;
  /** Ends the occlusion query. */
  endOcclusionQuery(): void;
  /** Executes render bundles; afterwards the pass has no pipeline, bind groups or buffers set. */
  executeBundles(bundles: number, bundlesCount: number): void;
}

export interface BindingsCommands {
  /** Sets a bind group of the open render pass, compute pass or render bundle. */
  setBindGroup(
    index: number,
    bindGroup: Handles['bindGroup'] | undefined,
    dynamicOffsets: number,
    dynamicOffsetsCount: number,
  ): void;
}

export interface ComputePassCommands {
  /** Sets the compute pipeline. */
  setComputePipeline(pipeline: Handles['computePipeline']): void;
  /** Dispatches `x` * `y` * `z` workgroups. */
  dispatchWorkgroups(x: number, y: number, z: number): void;
  /** Runs the compute pipeline; a buffer holds the three numbers of workgroups. */
  dispatchWorkgroupsIndirect(buffer: Handles['buffer'], offset: number): void;
}

export interface PlayerCommands {
  /** Shakes a gamepad of a player; a newer effect on the same gamepad replaces it. */
  rumble(seat: number, pad: number, strong: number, weak: number, milliseconds: number): void;
  /** Asks a player to enter a text, in place of an earlier one; REPLY_TEXT says when it is at `address`. */
  requestText(seat: number, token: number, address: number, lengthMax: number, prompt: string, initial: string): void;
  /** Ends the entry of a text that `requestText` began. */
  cancelText(seat: number): void;
}

export interface BusCommands {
  /** Sends a message of `byteLength` bytes to the rooms of this game that subscribe to a topic. */
  emit(topic: string, byteLength: number, data: number, dataCount: number): void;
  /** Requests the messages that other rooms send to a topic; `subscription` is a number that the module chooses. */
  subscribe(subscription: number, topic: string): void;
  /** Ends a subscription. */
  unsubscribe(subscription: number): void;
  /** Gives the host MESSAGE_BYTES_MAX bytes at `address` for one message; REPLY_MESSAGE says when it is there. */
  receive(token: number, address: number): void;
  /** Says in which phase the match is. */
  setPhase(phase: GPUPhaseName): void;
}

/** The methods that execute commands, of all parts of the host's command handler. */
export type Commands = ObjectsCommands &
  PipelinesCommands &
  ScopesCommands &
  QueueCommands &
  CopiesCommands &
  EncoderCommands &
  RenderPassCommands &
  BindingsCommands &
  ComputePassCommands &
  PlayerCommands &
  BusCommands;

/** One object for each command with many fields. The decoder fills it again for every such command, to make no garbage. */
export class CommandRecords {
  readonly writeTexture = {} as WriteTexture;
  readonly writeTextureFromAsset = {} as WriteTextureFromAsset;
  readonly copyBufferToTexture = {} as CopyBufferToTexture;
  readonly copyTextureToBuffer = {} as CopyTextureToBuffer;
  readonly copyTextureToTexture = {} as CopyTextureToTexture;
  readonly beginRenderPass = {} as BeginRenderPass;
}

/**
 * Executes the commands that the decoder reads. A command that creates a GPU object comes as a new record, any other with many
 * fields as a record that is valid until the method returns, and one with few fields as arguments. As arguments, a list is
 * the word at which it begins and its count, and bytes are a checked offset in the submission's data and a length.
 * A method throws Fault for a command that it refuses.
 */
export interface Handler {
  readonly tables: Tables;
  readonly records: CommandRecords;
  readonly objects: ObjectsCommands;
  readonly pipelines: PipelinesCommands;
  readonly scopes: ScopesCommands;
  readonly queue: QueueCommands;
  readonly copies: CopiesCommands;
  readonly encoder: EncoderCommands;
  readonly renderPass: RenderPassCommands;
  readonly bindings: BindingsCommands;
  readonly computePass: ComputePassCommands;
  readonly player: PlayerCommands;
  readonly bus: BusCommands;
}

/** Reads a command's list: `count` records that begin at word `at` of the stream. */
function list<T>({ words, read }: ListRecord<T>, r: Reader, t: Tables, at: number, count: number): T[] {
  return Array.from({ length: count }, (_, n) => read(r, t, at + n * words));
}

/** Called by the decoder between two commands now and then. If it returns a promise, the decoder stops there. */
export type Look = () => Promise<void> | undefined;

/**
 * Checks the commands from `r.at` on (opcode, length, enums, flags, ids) and has `h` execute each of them. Calls `look` before
 * every `lookEvery`-th command. If `look` returns a promise, stops and returns it; at the end, returns undefined.
 * @throws Fault at the first bad command, and whatever executing a command or `look` throws. `r` then stands at that command;
 * the commands before it have been executed
 */
export function decode(r: Reader, h: Handler, look: Look, lookEvery: number): Promise<void> | undefined {
  const { words: w, floats: f, length: end } = r;
  const t = h.tables;
  let at = r.at;
  for (let left = lookEvery - 1; at < end; r.index++) {
    if (left-- === 0) {
      r.at = at;
      const wait = look();
      if (wait) return wait;
      left = lookEvery - 1;
    }
    // The checks of commands' lengths keep every index into `w` within the stream, so the zeros after `??` are never used.
    const head = w[at] ?? 0;
    const length = head >>> 16;
    r.at = at;
    if (length === 0 || length > end - at)
      throw new Fault(`its length of ${length} words does not fit the ${end - at} that are left`);
    // An executor moves `r.end` on when it has executed the commands after this one, too.
    r.end = at + length;
    switch (head & 0xffff) {
      case 1: {
        if (length < 6) throw badLength(length, 6);
        let tail = at + 6;
        const label = r.string(tail, w[at + 5] ?? 0, at + length, 'label');
        tail += ((w[at + 5] ?? 0) + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createBuffer({
          id: w[at + 1] ?? 0,
          size: (w[at + 2] ?? 0) + (w[at + 2 + 1] ?? 0) * 4294967296,
          usage: bits(MASKS.BufferUsage, 'usage', w[at + 4] ?? 0),
          label,
        });
        break;
      }
      case 2: {
        if (length < 12) throw badLength(length, 12);
        let tail = at + 12;
        const label = r.string(tail, w[at + 10] ?? 0, at + length, 'label');
        tail += ((w[at + 10] ?? 0) + 3) >>> 2;
        const viewFormats = tail;
        tail += (w[at + 11] ?? 0) * 1;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createTexture({
          id: w[at + 1] ?? 0,
          width: w[at + 2] ?? 0,
          height: w[at + 3] ?? 0,
          depthOrArrayLayers: w[at + 4] ?? 0,
          mipLevelCount: w[at + 5] ?? 0,
          sampleCount: w[at + 6] ?? 0,
          dimension: oneOf(ENUMS.TextureDimension, 'dimension', w[at + 7] ?? 0),
          format: oneOf(ENUMS.TextureFormat, 'format', w[at + 8] ?? 0),
          usage: bits(MASKS.TextureUsage, 'usage', w[at + 9] ?? 0),
          label,
          viewFormats: list(TEXTURE_VIEW_FORMAT, r, t, viewFormats, w[at + 11] ?? 0),
        });
        break;
      }
      case 3: {
        if (length < 12) throw badLength(length, 12);
        let tail = at + 12;
        const label = r.string(tail, w[at + 11] ?? 0, at + length, 'label');
        tail += ((w[at + 11] ?? 0) + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createTextureView({
          id: w[at + 1] ?? 0,
          texture: t.texture.get(w[at + 2] ?? 0),
          format: oneOfOrNone(ENUMS.TextureFormat, 'format', w[at + 3] ?? 0),
          dimension: oneOfOrNone(ENUMS.TextureViewDimension, 'dimension', w[at + 4] ?? 0),
          aspect: oneOf(ENUMS.TextureAspect, 'aspect', w[at + 5] ?? 0),
          baseMipLevel: w[at + 6] ?? 0,
          mipLevelCount: w[at + 7] ?? 0,
          baseArrayLayer: w[at + 8] ?? 0,
          arrayLayerCount: w[at + 9] ?? 0,
          usage: bits(MASKS.TextureUsage, 'usage', w[at + 10] ?? 0),
          label,
        });
        break;
      }
      case 4: {
        if (length < 13) throw badLength(length, 13);
        let tail = at + 13;
        const label = r.string(tail, w[at + 12] ?? 0, at + length, 'label');
        tail += ((w[at + 12] ?? 0) + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createSampler({
          id: w[at + 1] ?? 0,
          addressModeU: oneOf(ENUMS.AddressMode, 'addressModeU', w[at + 2] ?? 0),
          addressModeV: oneOf(ENUMS.AddressMode, 'addressModeV', w[at + 3] ?? 0),
          addressModeW: oneOf(ENUMS.AddressMode, 'addressModeW', w[at + 4] ?? 0),
          magFilter: oneOf(ENUMS.FilterMode, 'magFilter', w[at + 5] ?? 0),
          minFilter: oneOf(ENUMS.FilterMode, 'minFilter', w[at + 6] ?? 0),
          mipmapFilter: oneOf(ENUMS.FilterMode, 'mipmapFilter', w[at + 7] ?? 0),
          lodMinClamp: finite('lodMinClamp', f[at + 8] ?? 0),
          lodMaxClamp: finite('lodMaxClamp', f[at + 9] ?? 0),
          compare: oneOfOrNone(ENUMS.CompareFunction, 'compare', w[at + 10] ?? 0),
          maxAnisotropy: w[at + 11] ?? 0,
          label,
        });
        break;
      }
      case 5: {
        if (length < 4) throw badLength(length, 4);
        let tail = at + 4;
        const label = r.string(tail, w[at + 2] ?? 0, at + length, 'label');
        tail += ((w[at + 2] ?? 0) + 3) >>> 2;
        const entries = tail;
        tail += (w[at + 3] ?? 0) * 11;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createBindGroupLayout({
          id: w[at + 1] ?? 0,
          label,
          entries: list(BIND_GROUP_LAYOUT_ENTRY, r, t, entries, w[at + 3] ?? 0),
        });
        break;
      }
      case 6: {
        if (length < 4) throw badLength(length, 4);
        let tail = at + 4;
        const label = r.string(tail, w[at + 2] ?? 0, at + length, 'label');
        tail += ((w[at + 2] ?? 0) + 3) >>> 2;
        const layouts = tail;
        tail += (w[at + 3] ?? 0) * 1;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createPipelineLayout({
          id: w[at + 1] ?? 0,
          label,
          layouts: list(PIPELINE_LAYOUT_ENTRY, r, t, layouts, w[at + 3] ?? 0),
        });
        break;
      }
      case 7: {
        if (length < 5) throw badLength(length, 5);
        let tail = at + 5;
        const label = r.string(tail, w[at + 3] ?? 0, at + length, 'label');
        tail += ((w[at + 3] ?? 0) + 3) >>> 2;
        const entries = tail;
        tail += (w[at + 4] ?? 0) * 6;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createBindGroup({
          id: w[at + 1] ?? 0,
          layout: t.bindGroupLayout.get(w[at + 2] ?? 0),
          label,
          entries: list(BIND_GROUP_ENTRY, r, t, entries, w[at + 4] ?? 0),
        });
        break;
      }
      case 8: {
        if (length < 4) throw badLength(length, 4);
        let tail = at + 4;
        const label = r.string(tail, w[at + 2] ?? 0, at + length, 'label');
        tail += ((w[at + 2] ?? 0) + 3) >>> 2;
        const code = r.string(tail, w[at + 3] ?? 0, at + length, 'code');
        tail += ((w[at + 3] ?? 0) + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.pipelines.createShaderModule({ id: w[at + 1] ?? 0, label, code });
        left = 0;
        break;
      }
      case 9: {
        if (length < 39) throw badLength(length, 39);
        let tail = at + 39;
        const label = r.string(tail, w[at + 29] ?? 0, at + length, 'label');
        tail += ((w[at + 29] ?? 0) + 3) >>> 2;
        const vertexEntryPoint = r.string(tail, w[at + 30] ?? 0, at + length, 'vertexEntryPoint');
        tail += ((w[at + 30] ?? 0) + 3) >>> 2;
        const vertexConstants = r.string(tail, w[at + 31] ?? 0, at + length, 'vertexConstants');
        tail += ((w[at + 31] ?? 0) + 3) >>> 2;
        const fragmentEntryPoint = r.string(tail, w[at + 32] ?? 0, at + length, 'fragmentEntryPoint');
        tail += ((w[at + 32] ?? 0) + 3) >>> 2;
        const fragmentConstants = r.string(tail, w[at + 33] ?? 0, at + length, 'fragmentConstants');
        tail += ((w[at + 33] ?? 0) + 3) >>> 2;
        const vertexValues = tail;
        tail += (w[at + 34] ?? 0) * 2;
        const fragmentValues = tail;
        tail += (w[at + 35] ?? 0) * 2;
        const buffers = tail;
        tail += (w[at + 36] ?? 0) * 3;
        const attributes = tail;
        tail += (w[at + 37] ?? 0) * 3;
        const targets = tail;
        tail += (w[at + 38] ?? 0) * 9;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.pipelines.createRenderPipeline({
          id: w[at + 1] ?? 0,
          layout: t.pipelineLayout.getOrNone(w[at + 2] ?? 0),
          vertexModule: t.shaderModule.get(w[at + 3] ?? 0),
          fragmentModule: t.shaderModule.getOrNone(w[at + 4] ?? 0),
          topology: oneOf(ENUMS.PrimitiveTopology, 'topology', w[at + 5] ?? 0),
          stripIndexFormat: oneOfOrNone(ENUMS.IndexFormat, 'stripIndexFormat', w[at + 6] ?? 0),
          frontFace: oneOf(ENUMS.FrontFace, 'frontFace', w[at + 7] ?? 0),
          cullMode: oneOf(ENUMS.CullMode, 'cullMode', w[at + 8] ?? 0),
          unclippedDepth: bool('unclippedDepth', w[at + 9] ?? 0),
          depthFormat: oneOfOrNone(ENUMS.TextureFormat, 'depthFormat', w[at + 10] ?? 0),
          depthWriteEnabled: bool('depthWriteEnabled', w[at + 11] ?? 0),
          depthCompare: oneOfOrNone(ENUMS.CompareFunction, 'depthCompare', w[at + 12] ?? 0),
          stencilFrontCompare: oneOf(ENUMS.CompareFunction, 'stencilFrontCompare', w[at + 13] ?? 0),
          stencilFrontFailOp: oneOf(ENUMS.StencilOperation, 'stencilFrontFailOp', w[at + 14] ?? 0),
          stencilFrontDepthFailOp: oneOf(ENUMS.StencilOperation, 'stencilFrontDepthFailOp', w[at + 15] ?? 0),
          stencilFrontPassOp: oneOf(ENUMS.StencilOperation, 'stencilFrontPassOp', w[at + 16] ?? 0),
          stencilBackCompare: oneOf(ENUMS.CompareFunction, 'stencilBackCompare', w[at + 17] ?? 0),
          stencilBackFailOp: oneOf(ENUMS.StencilOperation, 'stencilBackFailOp', w[at + 18] ?? 0),
          stencilBackDepthFailOp: oneOf(ENUMS.StencilOperation, 'stencilBackDepthFailOp', w[at + 19] ?? 0),
          stencilBackPassOp: oneOf(ENUMS.StencilOperation, 'stencilBackPassOp', w[at + 20] ?? 0),
          stencilReadMask: w[at + 21] ?? 0,
          stencilWriteMask: w[at + 22] ?? 0,
          depthBias: (w[at + 23] ?? 0) | 0,
          depthBiasSlopeScale: finite('depthBiasSlopeScale', f[at + 24] ?? 0),
          depthBiasClamp: finite('depthBiasClamp', f[at + 25] ?? 0),
          sampleCount: w[at + 26] ?? 0,
          sampleMask: w[at + 27] ?? 0,
          alphaToCoverageEnabled: bool('alphaToCoverageEnabled', w[at + 28] ?? 0),
          label,
          vertexEntryPoint,
          vertexConstants,
          fragmentEntryPoint,
          fragmentConstants,
          vertexValues: list(CONSTANT_VALUE, r, t, vertexValues, w[at + 34] ?? 0),
          fragmentValues: list(CONSTANT_VALUE, r, t, fragmentValues, w[at + 35] ?? 0),
          buffers: list(VERTEX_BUFFER_LAYOUT, r, t, buffers, w[at + 36] ?? 0),
          attributes: list(VERTEX_ATTRIBUTE, r, t, attributes, w[at + 37] ?? 0),
          targets: list(COLOR_TARGET, r, t, targets, w[at + 38] ?? 0),
        });
        break;
      }
      case 10: {
        if (length < 8) throw badLength(length, 8);
        let tail = at + 8;
        const label = r.string(tail, w[at + 4] ?? 0, at + length, 'label');
        tail += ((w[at + 4] ?? 0) + 3) >>> 2;
        const entryPoint = r.string(tail, w[at + 5] ?? 0, at + length, 'entryPoint');
        tail += ((w[at + 5] ?? 0) + 3) >>> 2;
        const constants = r.string(tail, w[at + 6] ?? 0, at + length, 'constants');
        tail += ((w[at + 6] ?? 0) + 3) >>> 2;
        const values = tail;
        tail += (w[at + 7] ?? 0) * 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.pipelines.createComputePipeline({
          id: w[at + 1] ?? 0,
          layout: t.pipelineLayout.getOrNone(w[at + 2] ?? 0),
          module: t.shaderModule.get(w[at + 3] ?? 0),
          label,
          entryPoint,
          constants,
          values: list(CONSTANT_VALUE, r, t, values, w[at + 7] ?? 0),
        });
        break;
      }
      case 11: {
        if (length !== 4) throw badLength(length, 4);
        h.pipelines.getRenderBindGroupLayout(w[at + 1] ?? 0, t.renderPipeline.get(w[at + 2] ?? 0), w[at + 3] ?? 0);
        break;
      }
      case 12: {
        if (length !== 4) throw badLength(length, 4);
        h.pipelines.getComputeBindGroupLayout(w[at + 1] ?? 0, t.computePipeline.get(w[at + 2] ?? 0), w[at + 3] ?? 0);
        break;
      }
      case 13: {
        if (length !== 3) throw badLength(length, 3);
        h.objects.destroy(oneOf(ENUMS.ObjectKind, 'kind', w[at + 1] ?? 0), w[at + 2] ?? 0);
        break;
      }
      case 14: {
        if (length < 5) throw badLength(length, 5);
        let tail = at + 5;
        const label = r.string(tail, w[at + 4] ?? 0, at + length, 'label');
        tail += ((w[at + 4] ?? 0) + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createQuerySet({
          id: w[at + 1] ?? 0,
          type: oneOf(ENUMS.QueryType, 'type', w[at + 2] ?? 0),
          count: w[at + 3] ?? 0,
          label,
        });
        break;
      }
      case 15: {
        if (length < 7) throw badLength(length, 7);
        let tail = at + 7;
        const label = r.string(tail, w[at + 5] ?? 0, at + length, 'label');
        tail += ((w[at + 5] ?? 0) + 3) >>> 2;
        const colorFormats = tail;
        tail += (w[at + 6] ?? 0) * 1;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.objects.createRenderBundleEncoder({
          depthStencilFormat: oneOfOrNone(ENUMS.TextureFormat, 'depthStencilFormat', w[at + 1] ?? 0),
          depthReadOnly: bool('depthReadOnly', w[at + 2] ?? 0),
          stencilReadOnly: bool('stencilReadOnly', w[at + 3] ?? 0),
          sampleCount: w[at + 4] ?? 0,
          label,
          colorFormats: list(COLOR_FORMAT, r, t, colorFormats, w[at + 6] ?? 0),
        });
        break;
      }
      case 16: {
        if (length !== 2) throw badLength(length, 2);
        h.objects.finishRenderBundle(w[at + 1] ?? 0);
        break;
      }
      case 17: {
        if (length < 39) throw badLength(length, 39);
        let tail = at + 39;
        const label = r.string(tail, w[at + 29] ?? 0, at + length, 'label');
        tail += ((w[at + 29] ?? 0) + 3) >>> 2;
        const vertexEntryPoint = r.string(tail, w[at + 30] ?? 0, at + length, 'vertexEntryPoint');
        tail += ((w[at + 30] ?? 0) + 3) >>> 2;
        const vertexConstants = r.string(tail, w[at + 31] ?? 0, at + length, 'vertexConstants');
        tail += ((w[at + 31] ?? 0) + 3) >>> 2;
        const fragmentEntryPoint = r.string(tail, w[at + 32] ?? 0, at + length, 'fragmentEntryPoint');
        tail += ((w[at + 32] ?? 0) + 3) >>> 2;
        const fragmentConstants = r.string(tail, w[at + 33] ?? 0, at + length, 'fragmentConstants');
        tail += ((w[at + 33] ?? 0) + 3) >>> 2;
        const vertexValues = tail;
        tail += (w[at + 34] ?? 0) * 2;
        const fragmentValues = tail;
        tail += (w[at + 35] ?? 0) * 2;
        const buffers = tail;
        tail += (w[at + 36] ?? 0) * 3;
        const attributes = tail;
        tail += (w[at + 37] ?? 0) * 3;
        const targets = tail;
        tail += (w[at + 38] ?? 0) * 9;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.pipelines.createRenderPipelineAsync({
          id: w[at + 1] ?? 0,
          layout: t.pipelineLayout.getOrNone(w[at + 2] ?? 0),
          vertexModule: t.shaderModule.get(w[at + 3] ?? 0),
          fragmentModule: t.shaderModule.getOrNone(w[at + 4] ?? 0),
          topology: oneOf(ENUMS.PrimitiveTopology, 'topology', w[at + 5] ?? 0),
          stripIndexFormat: oneOfOrNone(ENUMS.IndexFormat, 'stripIndexFormat', w[at + 6] ?? 0),
          frontFace: oneOf(ENUMS.FrontFace, 'frontFace', w[at + 7] ?? 0),
          cullMode: oneOf(ENUMS.CullMode, 'cullMode', w[at + 8] ?? 0),
          unclippedDepth: bool('unclippedDepth', w[at + 9] ?? 0),
          depthFormat: oneOfOrNone(ENUMS.TextureFormat, 'depthFormat', w[at + 10] ?? 0),
          depthWriteEnabled: bool('depthWriteEnabled', w[at + 11] ?? 0),
          depthCompare: oneOfOrNone(ENUMS.CompareFunction, 'depthCompare', w[at + 12] ?? 0),
          stencilFrontCompare: oneOf(ENUMS.CompareFunction, 'stencilFrontCompare', w[at + 13] ?? 0),
          stencilFrontFailOp: oneOf(ENUMS.StencilOperation, 'stencilFrontFailOp', w[at + 14] ?? 0),
          stencilFrontDepthFailOp: oneOf(ENUMS.StencilOperation, 'stencilFrontDepthFailOp', w[at + 15] ?? 0),
          stencilFrontPassOp: oneOf(ENUMS.StencilOperation, 'stencilFrontPassOp', w[at + 16] ?? 0),
          stencilBackCompare: oneOf(ENUMS.CompareFunction, 'stencilBackCompare', w[at + 17] ?? 0),
          stencilBackFailOp: oneOf(ENUMS.StencilOperation, 'stencilBackFailOp', w[at + 18] ?? 0),
          stencilBackDepthFailOp: oneOf(ENUMS.StencilOperation, 'stencilBackDepthFailOp', w[at + 19] ?? 0),
          stencilBackPassOp: oneOf(ENUMS.StencilOperation, 'stencilBackPassOp', w[at + 20] ?? 0),
          stencilReadMask: w[at + 21] ?? 0,
          stencilWriteMask: w[at + 22] ?? 0,
          depthBias: (w[at + 23] ?? 0) | 0,
          depthBiasSlopeScale: finite('depthBiasSlopeScale', f[at + 24] ?? 0),
          depthBiasClamp: finite('depthBiasClamp', f[at + 25] ?? 0),
          sampleCount: w[at + 26] ?? 0,
          sampleMask: w[at + 27] ?? 0,
          alphaToCoverageEnabled: bool('alphaToCoverageEnabled', w[at + 28] ?? 0),
          label,
          vertexEntryPoint,
          vertexConstants,
          fragmentEntryPoint,
          fragmentConstants,
          vertexValues: list(CONSTANT_VALUE, r, t, vertexValues, w[at + 34] ?? 0),
          fragmentValues: list(CONSTANT_VALUE, r, t, fragmentValues, w[at + 35] ?? 0),
          buffers: list(VERTEX_BUFFER_LAYOUT, r, t, buffers, w[at + 36] ?? 0),
          attributes: list(VERTEX_ATTRIBUTE, r, t, attributes, w[at + 37] ?? 0),
          targets: list(COLOR_TARGET, r, t, targets, w[at + 38] ?? 0),
        });
        break;
      }
      case 18: {
        if (length < 8) throw badLength(length, 8);
        let tail = at + 8;
        const label = r.string(tail, w[at + 4] ?? 0, at + length, 'label');
        tail += ((w[at + 4] ?? 0) + 3) >>> 2;
        const entryPoint = r.string(tail, w[at + 5] ?? 0, at + length, 'entryPoint');
        tail += ((w[at + 5] ?? 0) + 3) >>> 2;
        const constants = r.string(tail, w[at + 6] ?? 0, at + length, 'constants');
        tail += ((w[at + 6] ?? 0) + 3) >>> 2;
        const values = tail;
        tail += (w[at + 7] ?? 0) * 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.pipelines.createComputePipelineAsync({
          id: w[at + 1] ?? 0,
          layout: t.pipelineLayout.getOrNone(w[at + 2] ?? 0),
          module: t.shaderModule.get(w[at + 3] ?? 0),
          label,
          entryPoint,
          constants,
          values: list(CONSTANT_VALUE, r, t, values, w[at + 7] ?? 0),
        });
        break;
      }
      case 19: {
        if (length !== 3) throw badLength(length, 3);
        h.pipelines.getCompilationInfo(t.shaderModule.get(w[at + 1] ?? 0), w[at + 2] ?? 0);
        break;
      }
      case 20: {
        if (length !== 2) throw badLength(length, 2);
        h.scopes.pushErrorScope(oneOf(ENUMS.ErrorFilter, 'filter', w[at + 1] ?? 0));
        break;
      }
      case 21: {
        if (length !== 2) throw badLength(length, 2);
        h.scopes.popErrorScope(w[at + 1] ?? 0);
        break;
      }
      case 32800: {
        if (length !== 5) throw badLength(length, 5);
        h.queue.writeBuffer(
          t.buffer.get(w[at + 1] ?? 0),
          w[at + 2] ?? 0,
          r.reference(w[at + 3] ?? 0, w[at + 3 + 1] ?? 0),
          w[at + 3 + 1] ?? 0,
        );
        break;
      }
      case 32801: {
        if (length !== 14) throw badLength(length, 14);
        const record = h.records.writeTexture;
        record.texture = t.texture.get(w[at + 1] ?? 0);
        record.mipLevel = w[at + 2] ?? 0;
        record.originX = w[at + 3] ?? 0;
        record.originY = w[at + 4] ?? 0;
        record.originZ = w[at + 5] ?? 0;
        record.aspect = oneOf(ENUMS.TextureAspect, 'aspect', w[at + 6] ?? 0);
        record.width = w[at + 7] ?? 0;
        record.height = w[at + 8] ?? 0;
        record.depthOrArrayLayers = w[at + 9] ?? 0;
        record.bytesPerRow = w[at + 10] ?? 0;
        record.rowsPerImage = w[at + 11] ?? 0;
        record.dataOffset = r.reference(w[at + 12] ?? 0, w[at + 12 + 1] ?? 0);
        record.dataLength = w[at + 12 + 1] ?? 0;
        h.queue.writeTexture(record);
        break;
      }
      case 34: {
        if (length !== 6) throw badLength(length, 6);
        h.queue.writeBufferFromAsset(
          t.buffer.get(w[at + 1] ?? 0),
          w[at + 2] ?? 0,
          w[at + 3] ?? 0,
          w[at + 4] ?? 0,
          w[at + 5] ?? 0,
        );
        break;
      }
      case 35: {
        if (length !== 15) throw badLength(length, 15);
        const record = h.records.writeTextureFromAsset;
        record.texture = t.texture.get(w[at + 1] ?? 0);
        record.mipLevel = w[at + 2] ?? 0;
        record.originX = w[at + 3] ?? 0;
        record.originY = w[at + 4] ?? 0;
        record.originZ = w[at + 5] ?? 0;
        record.aspect = oneOf(ENUMS.TextureAspect, 'aspect', w[at + 6] ?? 0);
        record.width = w[at + 7] ?? 0;
        record.height = w[at + 8] ?? 0;
        record.depthOrArrayLayers = w[at + 9] ?? 0;
        record.bytesPerRow = w[at + 10] ?? 0;
        record.rowsPerImage = w[at + 11] ?? 0;
        record.asset = w[at + 12] ?? 0;
        record.assetOffset = w[at + 13] ?? 0;
        record.size = w[at + 14] ?? 0;
        h.queue.writeTextureFromAsset(record);
        break;
      }
      case 36: {
        if (length !== 1) throw badLength(length, 1);
        h.queue.submit();
        break;
      }
      case 37: {
        if (length !== 2) throw badLength(length, 2);
        h.queue.onSubmittedWorkDone(w[at + 1] ?? 0);
        break;
      }
      case 38: {
        if (length !== 6) throw badLength(length, 6);
        h.queue.mapAsync(t.buffer.get(w[at + 1] ?? 0), w[at + 2] ?? 0, w[at + 3] ?? 0, w[at + 4] ?? 0, w[at + 5] ?? 0);
        break;
      }
      case 48: {
        if (length !== 6) throw badLength(length, 6);
        h.copies.copyBufferToBuffer(
          t.buffer.get(w[at + 1] ?? 0),
          w[at + 2] ?? 0,
          t.buffer.get(w[at + 3] ?? 0),
          w[at + 4] ?? 0,
          w[at + 5] ?? 0,
        );
        break;
      }
      case 49: {
        if (length !== 14) throw badLength(length, 14);
        const record = h.records.copyBufferToTexture;
        record.buffer = t.buffer.get(w[at + 1] ?? 0);
        record.offset = w[at + 2] ?? 0;
        record.bytesPerRow = w[at + 3] ?? 0;
        record.rowsPerImage = w[at + 4] ?? 0;
        record.texture = t.texture.get(w[at + 5] ?? 0);
        record.mipLevel = w[at + 6] ?? 0;
        record.originX = w[at + 7] ?? 0;
        record.originY = w[at + 8] ?? 0;
        record.originZ = w[at + 9] ?? 0;
        record.aspect = oneOf(ENUMS.TextureAspect, 'aspect', w[at + 10] ?? 0);
        record.width = w[at + 11] ?? 0;
        record.height = w[at + 12] ?? 0;
        record.depthOrArrayLayers = w[at + 13] ?? 0;
        h.copies.copyBufferToTexture(record);
        break;
      }
      case 50: {
        if (length !== 14) throw badLength(length, 14);
        const record = h.records.copyTextureToBuffer;
        record.texture = t.texture.get(w[at + 1] ?? 0);
        record.mipLevel = w[at + 2] ?? 0;
        record.originX = w[at + 3] ?? 0;
        record.originY = w[at + 4] ?? 0;
        record.originZ = w[at + 5] ?? 0;
        record.aspect = oneOf(ENUMS.TextureAspect, 'aspect', w[at + 6] ?? 0);
        record.buffer = t.buffer.get(w[at + 7] ?? 0);
        record.offset = w[at + 8] ?? 0;
        record.bytesPerRow = w[at + 9] ?? 0;
        record.rowsPerImage = w[at + 10] ?? 0;
        record.width = w[at + 11] ?? 0;
        record.height = w[at + 12] ?? 0;
        record.depthOrArrayLayers = w[at + 13] ?? 0;
        h.copies.copyTextureToBuffer(record);
        break;
      }
      case 51: {
        if (length !== 16) throw badLength(length, 16);
        const record = h.records.copyTextureToTexture;
        record.source = t.texture.get(w[at + 1] ?? 0);
        record.sourceMipLevel = w[at + 2] ?? 0;
        record.sourceX = w[at + 3] ?? 0;
        record.sourceY = w[at + 4] ?? 0;
        record.sourceZ = w[at + 5] ?? 0;
        record.sourceAspect = oneOf(ENUMS.TextureAspect, 'sourceAspect', w[at + 6] ?? 0);
        record.texture = t.texture.get(w[at + 7] ?? 0);
        record.mipLevel = w[at + 8] ?? 0;
        record.originX = w[at + 9] ?? 0;
        record.originY = w[at + 10] ?? 0;
        record.originZ = w[at + 11] ?? 0;
        record.aspect = oneOf(ENUMS.TextureAspect, 'aspect', w[at + 12] ?? 0);
        record.width = w[at + 13] ?? 0;
        record.height = w[at + 14] ?? 0;
        record.depthOrArrayLayers = w[at + 15] ?? 0;
        h.copies.copyTextureToTexture(record);
        break;
      }
      case 52: {
        if (length !== 4) throw badLength(length, 4);
        h.copies.clearBuffer(t.buffer.get(w[at + 1] ?? 0), w[at + 2] ?? 0, w[at + 3] ?? 0);
        break;
      }
      case 53: {
        if (length < 16) throw badLength(length, 16);
        let tail = at + 16;
        const label = r.string(tail, w[at + 14] ?? 0, at + length, 'label');
        tail += ((w[at + 14] ?? 0) + 3) >>> 2;
        const colorAttachments = tail;
        tail += (w[at + 15] ?? 0) * 9;
        if (tail !== at + length) throw badLength(length, tail - at);
        const record = h.records.beginRenderPass;
        record.depthView = t.textureView.getOrNone(w[at + 1] ?? 0);
        record.depthLoadOp = oneOfOrNone(ENUMS.LoadOp, 'depthLoadOp', w[at + 2] ?? 0);
        record.depthStoreOp = oneOfOrNone(ENUMS.StoreOp, 'depthStoreOp', w[at + 3] ?? 0);
        record.depthClearValue = finite('depthClearValue', f[at + 4] ?? 0);
        record.depthReadOnly = bool('depthReadOnly', w[at + 5] ?? 0);
        record.stencilLoadOp = oneOfOrNone(ENUMS.LoadOp, 'stencilLoadOp', w[at + 6] ?? 0);
        record.stencilStoreOp = oneOfOrNone(ENUMS.StoreOp, 'stencilStoreOp', w[at + 7] ?? 0);
        record.stencilClearValue = w[at + 8] ?? 0;
        record.stencilReadOnly = bool('stencilReadOnly', w[at + 9] ?? 0);
        record.occlusionQuerySet = t.querySet.getOrNone(w[at + 10] ?? 0);
        record.timestampQuerySet = t.querySet.getOrNone(w[at + 11] ?? 0);
        record.beginningOfPassWriteIndex = optional(w[at + 12] ?? 0);
        record.endOfPassWriteIndex = optional(w[at + 13] ?? 0);
        record.label = label;
        record.colorAttachments = colorAttachments;
        record.colorAttachmentsCount = w[at + 15] ?? 0;
        h.encoder.beginRenderPass(record);
        break;
      }
      case 54: {
        if (length !== 1) throw badLength(length, 1);
        h.encoder.endRenderPass();
        break;
      }
      case 55: {
        if (length < 5) throw badLength(length, 5);
        let tail = at + 5;
        const label = r.string(tail, w[at + 4] ?? 0, at + length, 'label');
        tail += ((w[at + 4] ?? 0) + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.encoder.beginComputePass(
          t.querySet.getOrNone(w[at + 1] ?? 0),
          optional(w[at + 2] ?? 0),
          optional(w[at + 3] ?? 0),
          label,
        );
        break;
      }
      case 56: {
        if (length !== 1) throw badLength(length, 1);
        h.encoder.endComputePass();
        break;
      }
      case 57: {
        if (length !== 6) throw badLength(length, 6);
        h.copies.resolveQuerySet(
          t.querySet.get(w[at + 1] ?? 0),
          w[at + 2] ?? 0,
          w[at + 3] ?? 0,
          t.buffer.get(w[at + 4] ?? 0),
          w[at + 5] ?? 0,
        );
        break;
      }
      case 58: {
        if (length < 2) throw badLength(length, 2);
        let tail = at + 2;
        const groupLabel = r.string(tail, w[at + 1] ?? 0, at + length, 'groupLabel');
        tail += ((w[at + 1] ?? 0) + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.encoder.pushDebugGroup(groupLabel);
        break;
      }
      case 59: {
        if (length !== 1) throw badLength(length, 1);
        h.encoder.popDebugGroup();
        break;
      }
      case 60: {
        if (length < 2) throw badLength(length, 2);
        let tail = at + 2;
        const markerLabel = r.string(tail, w[at + 1] ?? 0, at + length, 'markerLabel');
        tail += ((w[at + 1] ?? 0) + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.encoder.insertDebugMarker(markerLabel);
        break;
      }
      case 64: {
        if (length !== 2) throw badLength(length, 2);
        h.renderPass.setPipeline(t.renderPipeline.get(w[at + 1] ?? 0));
        break;
      }
      case 65: {
        if (length < 4) throw badLength(length, 4);
        let tail = at + 4;
        const dynamicOffsets = tail;
        tail += (w[at + 3] ?? 0) * 1;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.bindings.setBindGroup(w[at + 1] ?? 0, t.bindGroup.getOrNone(w[at + 2] ?? 0), dynamicOffsets, w[at + 3] ?? 0);
        break;
      }
      case 66: {
        if (length !== 5) throw badLength(length, 5);
        h.renderPass.setVertexBuffer(
          w[at + 1] ?? 0,
          t.buffer.getOrNone(w[at + 2] ?? 0),
          w[at + 3] ?? 0,
          w[at + 4] ?? 0,
        );
        break;
      }
      case 67: {
        if (length !== 5) throw badLength(length, 5);
        h.renderPass.setIndexBuffer(
          t.buffer.get(w[at + 1] ?? 0),
          oneOf(ENUMS.IndexFormat, 'format', w[at + 2] ?? 0),
          w[at + 3] ?? 0,
          w[at + 4] ?? 0,
        );
        break;
      }
      case 68: {
        if (length !== 5) throw badLength(length, 5);
        h.renderPass.draw(w[at + 1] ?? 0, w[at + 2] ?? 0, w[at + 3] ?? 0, w[at + 4] ?? 0);
        break;
      }
      case 69: {
        if (length !== 6) throw badLength(length, 6);
        h.renderPass.drawIndexed(w[at + 1] ?? 0, w[at + 2] ?? 0, w[at + 3] ?? 0, (w[at + 4] ?? 0) | 0, w[at + 5] ?? 0);
        break;
      }
      case 70: {
        if (length !== 3) throw badLength(length, 3);
        h.renderPass.drawIndirect(t.buffer.get(w[at + 1] ?? 0), w[at + 2] ?? 0);
        break;
      }
      case 71: {
        if (length !== 3) throw badLength(length, 3);
        h.renderPass.drawIndexedIndirect(t.buffer.get(w[at + 1] ?? 0), w[at + 2] ?? 0);
        break;
      }
      case 72: {
        if (length !== 7) throw badLength(length, 7);
        h.renderPass.setViewport(
          finite('x', f[at + 1] ?? 0),
          finite('y', f[at + 2] ?? 0),
          finite('width', f[at + 3] ?? 0),
          finite('height', f[at + 4] ?? 0),
          finite('minDepth', f[at + 5] ?? 0),
          finite('maxDepth', f[at + 6] ?? 0),
        );
        break;
      }
      case 73: {
        if (length !== 5) throw badLength(length, 5);
        h.renderPass.setScissorRect(w[at + 1] ?? 0, w[at + 2] ?? 0, w[at + 3] ?? 0, w[at + 4] ?? 0);
        break;
      }
      case 74: {
        if (length !== 5) throw badLength(length, 5);
        h.renderPass.setBlendConstant(
          finite('r', f[at + 1] ?? 0),
          finite('g', f[at + 2] ?? 0),
          finite('b', f[at + 3] ?? 0),
          finite('a', f[at + 4] ?? 0),
        );
        break;
      }
      case 75: {
        if (length !== 2) throw badLength(length, 2);
        h.renderPass.setStencilReference(w[at + 1] ?? 0);
        break;
      }
      case 76: {
        if (length !== 2) throw badLength(length, 2);
        h.renderPass.beginOcclusionQuery(w[at + 1] ?? 0);
        break;
      }
      case 77: {
        if (length !== 1) throw badLength(length, 1);
        h.renderPass.endOcclusionQuery();
        break;
      }
      case 78: {
        if (length < 2) throw badLength(length, 2);
        let tail = at + 2;
        const bundles = tail;
        tail += (w[at + 1] ?? 0) * 1;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.renderPass.executeBundles(bundles, w[at + 1] ?? 0);
        break;
      }
      case 80: {
        if (length !== 2) throw badLength(length, 2);
        h.computePass.setComputePipeline(t.computePipeline.get(w[at + 1] ?? 0));
        break;
      }
      case 81: {
        if (length !== 4) throw badLength(length, 4);
        h.computePass.dispatchWorkgroups(w[at + 1] ?? 0, w[at + 2] ?? 0, w[at + 3] ?? 0);
        break;
      }
      case 82: {
        if (length !== 3) throw badLength(length, 3);
        h.computePass.dispatchWorkgroupsIndirect(t.buffer.get(w[at + 1] ?? 0), w[at + 2] ?? 0);
        break;
      }
      case 96: {
        if (length !== 6) throw badLength(length, 6);
        h.player.rumble(
          w[at + 1] ?? 0,
          w[at + 2] ?? 0,
          finite('strong', f[at + 3] ?? 0),
          finite('weak', f[at + 4] ?? 0),
          w[at + 5] ?? 0,
        );
        break;
      }
      case 97: {
        if (length < 7) throw badLength(length, 7);
        let tail = at + 7;
        const prompt = r.string(tail, w[at + 5] ?? 0, at + length, 'prompt');
        tail += ((w[at + 5] ?? 0) + 3) >>> 2;
        const initial = r.string(tail, w[at + 6] ?? 0, at + length, 'initial');
        tail += ((w[at + 6] ?? 0) + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.player.requestText(w[at + 1] ?? 0, w[at + 2] ?? 0, w[at + 3] ?? 0, w[at + 4] ?? 0, prompt, initial);
        break;
      }
      case 98: {
        if (length !== 2) throw badLength(length, 2);
        h.player.cancelText(w[at + 1] ?? 0);
        break;
      }
      case 112: {
        if (length < 4) throw badLength(length, 4);
        let tail = at + 4;
        const topic = r.string(tail, w[at + 1] ?? 0, at + length, 'topic');
        tail += ((w[at + 1] ?? 0) + 3) >>> 2;
        const data = tail;
        tail += (w[at + 3] ?? 0) * 1;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.bus.emit(topic, w[at + 2] ?? 0, data, w[at + 3] ?? 0);
        break;
      }
      case 113: {
        if (length < 3) throw badLength(length, 3);
        let tail = at + 3;
        const topic = r.string(tail, w[at + 2] ?? 0, at + length, 'topic');
        tail += ((w[at + 2] ?? 0) + 3) >>> 2;
        if (tail !== at + length) throw badLength(length, tail - at);
        h.bus.subscribe(w[at + 1] ?? 0, topic);
        break;
      }
      case 114: {
        if (length !== 2) throw badLength(length, 2);
        h.bus.unsubscribe(w[at + 1] ?? 0);
        break;
      }
      case 115: {
        if (length !== 3) throw badLength(length, 3);
        h.bus.receive(w[at + 1] ?? 0, w[at + 2] ?? 0);
        break;
      }
      case 116: {
        if (length !== 2) throw badLength(length, 2);
        h.bus.setPhase(oneOf(ENUMS.Phase, 'phase', w[at + 1] ?? 0));
        break;
      }
      default:
        throw new Fault(`there is no command with opcode ${head & 0xffff}`);
    }
    at = r.end;
  }
  r.at = at;
  return undefined;
}
