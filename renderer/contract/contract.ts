/**
 * The contract between a game module and its host, as data: the only source of renderer/contract/abi.ts, renderer/sdk/encode.ts,
 * renderer/sdk/enums.ts, host/gpu/decode.ts and the tables of renderer/contract/ABI.md (`node renderer/contract/generate.ts`).
 *
 * A field is "name: type". Types, each one 32-bit word unless said otherwise:
 *   u32 i32 f32 bool      a number; bool is 0 or 1
 *   u64 f64               two words, low first
 *   u32?                  0 for "not given", else one more than the number
 *   enum E, enum? E       a value of `enums`, counted from 1; with ? also 0, "not given"
 *   flags F               bits of `flags`
 *   id K, id? K           an object; with ? also 0, "none"
 *   new K                 the id that the guest gives to a new object
 *   object                an id whose kind an earlier field of the command names
 *   asset                 a handle from asset_find
 *   string                its byte length; the UTF-8 bytes follow the fixed words, padded to a word
 *   list S                its count; the records of struct S follow the strings, in order of the fields
 *   words                 a count; that many u32 follow like a list
 *   bytes                 two words, address and length in linear memory; always last, marks the opcode with REFERENCE_BIT
 * Names, meanings and defaults are WebGPU's (https://www.w3.org/TR/webgpu/).
 */

export const version = 2;
export const referenceBit = 0x8000;

/** An id is generation << ID_INDEX_BITS | index; index 0 is no object, index 1 the player's picture. */
export const idIndexBits = 20;

const kinds = [
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
] as const;

export type Kind = (typeof kinds)[number];

const textureFormats = [
  'r8unorm r8snorm r8uint r8sint r16uint r16sint r16float rg8unorm rg8snorm rg8uint rg8sint',
  'r32uint r32sint r32float rg16uint rg16sint rg16float rgba8unorm rgba8unorm-srgb rgba8snorm rgba8uint rgba8sint',
  'bgra8unorm bgra8unorm-srgb rgb9e5ufloat rgb10a2uint rgb10a2unorm rg11b10ufloat rg32uint rg32sint rg32float',
  'rgba16uint rgba16sint rgba16float rgba32uint rgba32sint rgba32float',
  'stencil8 depth16unorm depth24plus depth24plus-stencil8 depth32float depth32float-stencil8',
  'bc1-rgba-unorm bc1-rgba-unorm-srgb bc2-rgba-unorm bc2-rgba-unorm-srgb bc3-rgba-unorm bc3-rgba-unorm-srgb',
  'bc4-r-unorm bc4-r-snorm bc5-rg-unorm bc5-rg-snorm bc6h-rgb-ufloat bc6h-rgb-float bc7-rgba-unorm bc7-rgba-unorm-srgb',
  'r16unorm r16snorm rg16unorm rg16snorm rgba16unorm rgba16snorm',
  'etc2-rgb8unorm etc2-rgb8unorm-srgb etc2-rgb8a1unorm etc2-rgb8a1unorm-srgb etc2-rgba8unorm etc2-rgba8unorm-srgb',
  'eac-r11unorm eac-r11snorm eac-rg11unorm eac-rg11snorm',
  ...['4x4', '5x4', '5x5', '6x5', '6x6', '8x5', '8x6', '8x8', '10x5', '10x6', '10x8', '10x10', '12x10', '12x12'].map(
    (block) => `astc-${block}-unorm astc-${block}-unorm-srgb`,
  ),
];

const featureNames = [
  'depth-clip-control depth32float-stencil8 texture-compression-bc texture-compression-bc-sliced-3d',
  'texture-compression-etc2 texture-compression-astc texture-compression-astc-sliced-3d timestamp-query',
  'indirect-first-instance shader-f16 rg11b10ufloat-renderable bgra8unorm-storage float32-filterable float32-blendable',
  'clip-distances dual-source-blending subgroups texture-formats-tier1 texture-formats-tier2 primitive-index',
];

const limitNames = [
  'maxTextureDimension1D maxTextureDimension2D maxTextureDimension3D maxTextureArrayLayers maxBindGroups',
  'maxBindGroupsPlusVertexBuffers maxBindingsPerBindGroup maxDynamicUniformBuffersPerPipelineLayout',
  'maxDynamicStorageBuffersPerPipelineLayout maxSampledTexturesPerShaderStage maxSamplersPerShaderStage',
  'maxStorageBuffersPerShaderStage maxStorageTexturesPerShaderStage maxUniformBuffersPerShaderStage',
  'maxUniformBufferBindingSize maxStorageBufferBindingSize minUniformBufferOffsetAlignment',
  'minStorageBufferOffsetAlignment maxVertexBuffers maxBufferSize maxVertexAttributes maxVertexBufferArrayStride',
  'maxInterStageShaderVariables maxColorAttachments maxColorAttachmentBytesPerSample maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup maxComputeWorkgroupSizeX maxComputeWorkgroupSizeY maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
];

const vertexFormats = [
  'uint8 uint8x2 uint8x4 sint8 sint8x2 sint8x4 unorm8 unorm8x2 unorm8x4 snorm8 snorm8x2 snorm8x4',
  'uint16 uint16x2 uint16x4 sint16 sint16x2 sint16x4 unorm16 unorm16x2 unorm16x4 snorm16 snorm16x2 snorm16x4',
  'float16 float16x2 float16x4 float32 float32x2 float32x3 float32x4 uint32 uint32x2 uint32x3 uint32x4',
  'sint32 sint32x2 sint32x3 sint32x4 unorm10-10-10-2 unorm8x4-bgra',
];

const words = (lines: string[]): string[] => lines.join(' ').split(' ');

/** Value n of an enum is its n-th name, counted from 1. */
export const enums = {
  ObjectKind: [...kinds],
  TextureFormat: words(textureFormats),
  TextureDimension: ['1d', '2d', '3d'],
  TextureViewDimension: ['1d', '2d', '2d-array', 'cube', 'cube-array', '3d'],
  TextureAspect: ['all', 'stencil-only', 'depth-only'],
  AddressMode: ['clamp-to-edge', 'repeat', 'mirror-repeat'],
  FilterMode: ['nearest', 'linear'],
  CompareFunction: ['never', 'less', 'equal', 'less-equal', 'greater', 'not-equal', 'greater-equal', 'always'],
  BufferBindingType: ['uniform', 'storage', 'read-only-storage'],
  SamplerBindingType: ['filtering', 'non-filtering', 'comparison'],
  TextureSampleType: ['float', 'unfilterable-float', 'depth', 'sint', 'uint'],
  StorageTextureAccess: ['write-only', 'read-only', 'read-write'],
  PrimitiveTopology: ['point-list', 'line-list', 'line-strip', 'triangle-list', 'triangle-strip'],
  FrontFace: ['ccw', 'cw'],
  CullMode: ['none', 'front', 'back'],
  IndexFormat: ['uint16', 'uint32'],
  VertexFormat: words(vertexFormats),
  VertexStepMode: ['vertex', 'instance'],
  BlendOperation: ['add', 'subtract', 'reverse-subtract', 'min', 'max'],
  BlendFactor: words([
    'zero one src one-minus-src src-alpha one-minus-src-alpha dst one-minus-dst dst-alpha one-minus-dst-alpha',
    'src-alpha-saturated constant one-minus-constant src1 one-minus-src1 src1-alpha one-minus-src1-alpha',
  ]),
  StencilOperation: words(['keep zero replace invert increment-clamp decrement-clamp increment-wrap decrement-wrap']),
  LoadOp: ['load', 'clear'],
  StoreOp: ['store', 'discard'],
  QueryType: ['occlusion', 'timestamp'],
  ErrorFilter: ['validation', 'out-of-memory', 'internal'],
  FeatureName: words(featureNames),
  LimitName: words(limitNames),
} as const satisfies Record<string, readonly string[]>;

/** Bits as WebGPU numbers them. */
export const flags = {
  BufferUsage: {
    MAP_READ: 1,
    MAP_WRITE: 2,
    COPY_SRC: 4,
    COPY_DST: 8,
    INDEX: 16,
    VERTEX: 32,
    UNIFORM: 64,
    STORAGE: 128,
    INDIRECT: 256,
    QUERY_RESOLVE: 512,
  },
  TextureUsage: { COPY_SRC: 1, COPY_DST: 2, TEXTURE_BINDING: 4, STORAGE_BINDING: 8, RENDER_ATTACHMENT: 16 },
  ShaderStage: { VERTEX: 1, FRAGMENT: 2, COMPUTE: 4 },
  ColorWrite: { RED: 1, GREEN: 2, BLUE: 4, ALPHA: 8, ALL: 15 },
} as const satisfies Record<string, Record<string, number>>;

const stencilFace = (face: string): string[] => [
  `${face}Compare: enum CompareFunction`,
  `${face}FailOp: enum StencilOperation`,
  `${face}DepthFailOp: enum StencilOperation`,
  `${face}PassOp: enum StencilOperation`,
];

/** Records of fixed size inside a command. */
export const structs: Record<string, readonly string[]> = {
  BindGroupLayoutEntry: [
    'binding: u32',
    'visibility: flags ShaderStage',
    'bufferType: enum? BufferBindingType',
    'hasDynamicOffset: bool',
    'minBindingSize: u32',
    'samplerType: enum? SamplerBindingType',
    'sampleType: enum? TextureSampleType',
    'multisampled: bool',
    'storageAccess: enum? StorageTextureAccess',
    'storageFormat: enum? TextureFormat',
    'viewDimension: enum? TextureViewDimension',
  ],
  TextureViewFormat: ['format: enum TextureFormat'],
  PipelineLayoutEntry: ['layout: id? bindGroupLayout'],
  BindGroupEntry: [
    'binding: u32',
    'buffer: id? buffer',
    'offset: u32',
    'size: u32',
    'sampler: id? sampler',
    'view: id? textureView',
  ],
  VertexBufferLayout: ['arrayStride: u32', 'stepMode: enum? VertexStepMode', 'attributeCount: u32'],
  ConstantValue: ['value: f64'],
  VertexAttribute: ['format: enum VertexFormat', 'offset: u32', 'shaderLocation: u32'],
  ColorTarget: [
    'format: enum? TextureFormat',
    'blend: bool',
    'colorOperation: enum? BlendOperation',
    'colorSrcFactor: enum? BlendFactor',
    'colorDstFactor: enum? BlendFactor',
    'alphaOperation: enum? BlendOperation',
    'alphaSrcFactor: enum? BlendFactor',
    'alphaDstFactor: enum? BlendFactor',
    'writeMask: flags ColorWrite',
  ],
  ColorAttachment: [
    'view: id? textureView',
    'depthSlice: u32?',
    'resolveTarget: id? textureView',
    'loadOp: enum LoadOp',
    'storeOp: enum StoreOp',
    'clearR: f32',
    'clearG: f32',
    'clearB: f32',
    'clearA: f32',
  ],
  ColorFormat: ['format: enum? TextureFormat'],
  RenderBundleEntry: ['bundle: id renderBundle'],
};

export interface Command {
  readonly name: string;
  readonly opcode: number;
  readonly fields: readonly string[];
  /** One sentence for the document and the encoder's docstring. */
  readonly about: string;
}

const origin = (prefix: string): string[] => [`${prefix}X: u32`, `${prefix}Y: u32`, `${prefix}Z: u32`];
const extent = ['width: u32', 'height: u32', 'depthOrArrayLayers: u32'];
const bufferLayout = ['buffer: id buffer', 'offset: u32', 'bytesPerRow: u32', 'rowsPerImage: u32'];
const textureSite = ['texture: id texture', 'mipLevel: u32', ...origin('origin'), 'aspect: enum TextureAspect'];
const sourceSite = [
  'source: id texture',
  'sourceMipLevel: u32',
  ...origin('source'),
  'sourceAspect: enum TextureAspect',
];

const timestampWrites = [
  'timestampQuerySet: id? querySet',
  'beginningOfPassWriteIndex: u32?',
  'endOfPassWriteIndex: u32?',
];

/** Of pipeline-overridable constants: the keys, joined by commas (WGSL's identifiers and ids hold none), then the values. */
const renderPipeline = [
  'id: new renderPipeline',
  'layout: id? pipelineLayout',
  'vertexModule: id shaderModule',
  'fragmentModule: id? shaderModule',
  'topology: enum PrimitiveTopology',
  'stripIndexFormat: enum? IndexFormat',
  'frontFace: enum FrontFace',
  'cullMode: enum CullMode',
  'unclippedDepth: bool',
  'depthFormat: enum? TextureFormat',
  'depthWriteEnabled: bool',
  'depthCompare: enum? CompareFunction',
  ...stencilFace('stencilFront'),
  ...stencilFace('stencilBack'),
  'stencilReadMask: u32',
  'stencilWriteMask: u32',
  'depthBias: i32',
  'depthBiasSlopeScale: f32',
  'depthBiasClamp: f32',
  'sampleCount: u32',
  'sampleMask: u32',
  'alphaToCoverageEnabled: bool',
  'label: string',
  'vertexEntryPoint: string',
  'vertexConstants: string',
  'fragmentEntryPoint: string',
  'fragmentConstants: string',
  'vertexValues: list ConstantValue',
  'fragmentValues: list ConstantValue',
  'buffers: list VertexBufferLayout',
  'attributes: list VertexAttribute',
  'targets: list ColorTarget',
];

const computePipeline = [
  'id: new computePipeline',
  'layout: id? pipelineLayout',
  'module: id shaderModule',
  'label: string',
  'entryPoint: string',
  'constants: string',
  'values: list ConstantValue',
];

const command = (opcode: number, name: string, about: string, fields: readonly string[] = []): Command => ({
  name,
  opcode,
  fields,
  about,
});

export const commands: readonly Command[] = [
  command(1, 'createBuffer', 'Makes a buffer of `size` bytes, filled with zeros.', [
    'id: new buffer',
    'size: u64',
    'usage: flags BufferUsage',
    'label: string',
  ]),
  command(2, 'createTexture', 'Makes a texture.', [
    'id: new texture',
    ...extent,
    'mipLevelCount: u32',
    'sampleCount: u32',
    'dimension: enum TextureDimension',
    'format: enum TextureFormat',
    'usage: flags TextureUsage',
    'label: string',
    'viewFormats: list TextureViewFormat',
  ]),
  command(3, 'createTextureView', 'Makes a view; a count of 0 means "all that remain".', [
    'id: new textureView',
    'texture: id texture',
    'format: enum? TextureFormat',
    'dimension: enum? TextureViewDimension',
    'aspect: enum TextureAspect',
    'baseMipLevel: u32',
    'mipLevelCount: u32',
    'baseArrayLayer: u32',
    'arrayLayerCount: u32',
    'usage: flags TextureUsage',
    'label: string',
  ]),
  command(4, 'createSampler', 'Makes a sampler.', [
    'id: new sampler',
    'addressModeU: enum AddressMode',
    'addressModeV: enum AddressMode',
    'addressModeW: enum AddressMode',
    'magFilter: enum FilterMode',
    'minFilter: enum FilterMode',
    'mipmapFilter: enum FilterMode',
    'lodMinClamp: f32',
    'lodMaxClamp: f32',
    'compare: enum? CompareFunction',
    'maxAnisotropy: u32',
    'label: string',
  ]),
  command(5, 'createBindGroupLayout', 'Makes a bind group layout; each entry gives one of its four kinds.', [
    'id: new bindGroupLayout',
    'label: string',
    'entries: list BindGroupLayoutEntry',
  ]),
  command(6, 'createPipelineLayout', 'Makes a pipeline layout.', [
    'id: new pipelineLayout',
    'label: string',
    'layouts: list PipelineLayoutEntry',
  ]),
  command(
    7,
    'createBindGroup',
    'Makes a bind group; each entry gives one of its three; a size of 0 means "the rest".',
    ['id: new bindGroup', 'layout: id bindGroupLayout', 'label: string', 'entries: list BindGroupEntry'],
  ),
  command(8, 'createShaderModule', 'Compiles WGSL.', ['id: new shaderModule', 'label: string', 'code: string']),
  command(
    9,
    'createRenderPipeline',
    'Makes a render pipeline; no layout means "auto", no depth format no depth state.',
    renderPipeline,
  ),
  command(10, 'createComputePipeline', 'Makes a compute pipeline; no layout means "auto".', computePipeline),
  command(11, 'getRenderBindGroupLayout', 'Names a layout of a render pipeline.', [
    'id: new bindGroupLayout',
    'pipeline: id renderPipeline',
    'index: u32',
  ]),
  command(12, 'getComputeBindGroupLayout', 'Names a layout of a compute pipeline.', [
    'id: new bindGroupLayout',
    'pipeline: id computePipeline',
    'index: u32',
  ]),
  command(13, 'destroy', 'Ends an object; its index may be used again with the next generation.', [
    'kind: enum ObjectKind',
    'object: object',
  ]),
  command(14, 'createQuerySet', 'Makes a set of queries.', [
    'id: new querySet',
    'type: enum QueryType',
    'count: u32',
    'label: string',
  ]),
  command(
    15,
    'createRenderBundleEncoder',
    'Begins a render bundle; the commands of a pass go into it until it is finished.',
    [
      'depthStencilFormat: enum? TextureFormat',
      'depthReadOnly: bool',
      'stencilReadOnly: bool',
      'sampleCount: u32',
      'label: string',
      'colorFormats: list ColorFormat',
    ],
  ),
  command(16, 'finishRenderBundle', 'Ends the render bundle that was begun, and names it.', ['id: new renderBundle']),
  command(
    17,
    'createRenderPipelineAsync',
    'Makes a render pipeline beside the frames; it can be used once a REPLY_PIPELINE says so.',
    renderPipeline,
  ),
  command(
    18,
    'createComputePipelineAsync',
    'Makes a compute pipeline beside the frames; it can be used once a REPLY_PIPELINE says so.',
    computePipeline,
  ),
  command(19, 'getCompilationInfo', 'Asks for a REPLY_COMPILATION with this token.', [
    'module: id shaderModule',
    'token: u32',
  ]),
  command(20, 'pushErrorScope', 'Begins a scope that catches errors of this filter.', ['filter: enum ErrorFilter']),
  command(21, 'popErrorScope', 'Ends the innermost scope; a REPLY_ERROR_SCOPE with this token says what it caught.', [
    'token: u32',
  ]),

  command(32, 'writeBuffer', 'Writes bytes into a buffer, before what is submitted later.', [
    'buffer: id buffer',
    'offset: u32',
    'data: bytes',
  ]),
  command(33, 'writeTexture', 'Writes texels into a texture, before what is submitted later.', [
    ...textureSite,
    ...extent,
    'bytesPerRow: u32',
    'rowsPerImage: u32',
    'data: bytes',
  ]),
  command(34, 'writeBufferFromAsset', 'Writes part of an asset into a buffer, past linear memory.', [
    'buffer: id buffer',
    'offset: u32',
    'asset: asset',
    'assetOffset: u32',
    'size: u32',
  ]),
  command(35, 'writeTextureFromAsset', 'Writes part of an asset into a texture, past linear memory.', [
    ...textureSite,
    ...extent,
    'bytesPerRow: u32',
    'rowsPerImage: u32',
    'asset: asset',
    'assetOffset: u32',
    'size: u32',
  ]),
  command(36, 'submit', 'Finishes the commands since the last submit and queues them.'),
  command(
    37,
    'onSubmittedWorkDone',
    'Asks for a REPLY_WORK_DONE with this token once all that was submitted is done.',
    ['token: u32'],
  ),
  command(
    38,
    'mapAsync',
    'Asks for a part of a buffer: it lies at `address` in linear memory once a REPLY_MAPPED with this token comes.',
    ['buffer: id buffer', 'offset: u32', 'size: u32', 'address: u32', 'token: u32'],
  ),

  command(48, 'copyBufferToBuffer', 'Copies bytes between buffers.', [
    'source: id buffer',
    'sourceOffset: u32',
    'destination: id buffer',
    'destinationOffset: u32',
    'size: u32',
  ]),
  command(49, 'copyBufferToTexture', 'Copies texels from a buffer.', [...bufferLayout, ...textureSite, ...extent]),
  command(50, 'copyTextureToBuffer', 'Copies texels into a buffer.', [...textureSite, ...bufferLayout, ...extent]),
  command(51, 'copyTextureToTexture', 'Copies texels between textures.', [...sourceSite, ...textureSite, ...extent]),
  command(52, 'clearBuffer', 'Fills part of a buffer with zeros; a size of 0 means "the rest".', [
    'buffer: id buffer',
    'offset: u32',
    'size: u32',
  ]),
  command(53, 'beginRenderPass', 'Begins a render pass.', [
    'depthView: id? textureView',
    'depthLoadOp: enum? LoadOp',
    'depthStoreOp: enum? StoreOp',
    'depthClearValue: f32',
    'depthReadOnly: bool',
    'stencilLoadOp: enum? LoadOp',
    'stencilStoreOp: enum? StoreOp',
    'stencilClearValue: u32',
    'stencilReadOnly: bool',
    'occlusionQuerySet: id? querySet',
    ...timestampWrites,
    'label: string',
    'colorAttachments: list ColorAttachment',
  ]),
  command(54, 'endRenderPass', 'Ends the render pass.'),
  command(55, 'beginComputePass', 'Begins a compute pass.', [...timestampWrites, 'label: string']),
  command(56, 'endComputePass', 'Ends the compute pass.'),
  command(57, 'resolveQuerySet', 'Writes the results of queries into a buffer, 8 bytes each.', [
    'querySet: id querySet',
    'firstQuery: u32',
    'queryCount: u32',
    'destination: id buffer',
    'destinationOffset: u32',
  ]),
  command(58, 'pushDebugGroup', 'Begins a group of commands, in the encoder, the pass or the bundle.', [
    'groupLabel: string',
  ]),
  command(59, 'popDebugGroup', 'Ends the innermost group.'),
  command(60, 'insertDebugMarker', 'Marks a place among the commands.', ['markerLabel: string']),

  command(64, 'setPipeline', 'Sets the render pipeline.', ['pipeline: id renderPipeline']),
  command(65, 'setBindGroup', 'Sets a bind group in either pass.', [
    'index: u32',
    'bindGroup: id? bindGroup',
    'dynamicOffsets: words',
  ]),
  command(66, 'setVertexBuffer', 'Sets a vertex buffer; a size of 0 means "the rest".', [
    'slot: u32',
    'buffer: id? buffer',
    'offset: u32',
    'size: u32',
  ]),
  command(67, 'setIndexBuffer', 'Sets the index buffer; a size of 0 means "the rest".', [
    'buffer: id buffer',
    'format: enum IndexFormat',
    'offset: u32',
    'size: u32',
  ]),
  command(68, 'draw', 'Draws vertices.', [
    'vertexCount: u32',
    'instanceCount: u32',
    'firstVertex: u32',
    'firstInstance: u32',
  ]),
  command(69, 'drawIndexed', 'Draws indexed vertices.', [
    'indexCount: u32',
    'instanceCount: u32',
    'firstIndex: u32',
    'baseVertex: i32',
    'firstInstance: u32',
  ]),
  command(70, 'drawIndirect', 'Draws with arguments from a buffer.', ['buffer: id buffer', 'offset: u32']),
  command(71, 'drawIndexedIndirect', 'Draws indexed with arguments from a buffer.', [
    'buffer: id buffer',
    'offset: u32',
  ]),
  command(72, 'setViewport', 'Sets the viewport.', [
    'x: f32',
    'y: f32',
    'width: f32',
    'height: f32',
    'minDepth: f32',
    'maxDepth: f32',
  ]),
  command(73, 'setScissorRect', 'Sets the scissor rectangle.', ['x: u32', 'y: u32', 'width: u32', 'height: u32']),
  command(74, 'setBlendConstant', 'Sets the blend constant.', ['r: f32', 'g: f32', 'b: f32', 'a: f32']),
  command(75, 'setStencilReference', 'Sets the stencil reference.', ['reference: u32']),

  command(76, 'beginOcclusionQuery', 'Begins counting samples that pass.', ['queryIndex: u32']),
  command(77, 'endOcclusionQuery', 'Ends the occlusion query.'),
  command(78, 'executeBundles', 'Draws what render bundles hold; the pass has no state after it.', [
    'bundles: list RenderBundleEntry',
  ]),

  command(80, 'setComputePipeline', 'Sets the compute pipeline.', ['pipeline: id computePipeline']),
  command(81, 'dispatchWorkgroups', 'Dispatches workgroups.', ['x: u32', 'y: u32', 'z: u32']),
  command(82, 'dispatchWorkgroupsIndirect', 'Dispatches with arguments from a buffer.', [
    'buffer: id buffer',
    'offset: u32',
  ]),
];

/** Byte offsets and sizes of the IO block, and other integers of the contract; see ABI.md. */
export const constants: Record<string, readonly [value: number, about: string]> = {
  ABI_VERSION: [version, 'what version() returns'],
  REFERENCE_BIT: [referenceBit, 'opcode bit: the last two words are an address and a byte length in linear memory'],
  ID_INDEX_BITS: [idIndexBits, 'low bits of an id: the index; the generation is above'],
  SURFACE: [1, "id of the player's picture, as a texture and as its view; valid during render only"],
  ID_INDEX_MIN: [2, 'lowest index of an object that the guest makes'],
  SURFACE_FORMAT: [textureFormat('rgba8unorm'), 'its TextureFormat'],
  SEATS_MAX: [64, 'seats of a room at most'],

  EXIT_STATUS_MAX: [255, 'highest status that exit() takes'],

  LOG_ERROR: [0, 'level of log()'],
  LOG_WARN: [1, 'level of log()'],
  LOG_INFO: [2, 'level of log()'],
  LOG_DEBUG: [3, 'level of log()'],

  IO_MAGIC: [0x4f494c4e, '"NLIO" in the first word of the IO block'],
  IO_SIZE: [4, 'u32: bytes of the whole block'],
  IO_SEATS: [8, 'u32: input records that follow'],
  IO_REPLY_HEAD: [16, 'u32: replies written so far, wrapping'],
  IO_REPLIES: [64, 'the reply ring'],
  REPLY_COUNT: [64, 'records of the ring; record n lies at n % REPLY_COUNT'],
  REPLY_WORDS: [8, 'words of a record: type, then its values'],
  IO_INPUTS: [64 + 64 * 32, 'the input records, one a seat'],
  REPLY_WORK_DONE: [1, 'reply: word 1 is the token'],
  REPLY_PIPELINE: [
    2,
    'reply: word 1 is the kind (ObjectKind), word 2 the id, word 3 is 1 where it can be used, else 0',
  ],
  REPLY_COMPILATION: [3, 'reply: the token; errors; warnings; line and column of the first message, from 1, or 0'],
  REPLY_ERROR_SCOPE: [4, 'reply: the token; 0 or the ErrorFilter of what was caught'],
  REPLY_MAPPED: [5, 'reply: the token; 1 where the bytes are there, 0 where the GPU refused'],
  REPLY_DEVICE_LOST: [6, 'reply: the GPU was lost before this module was loaded; the only one of its kind'],

  INPUT_STRIDE: [128, 'bytes of an input record'],
  INPUT_VERSION: [0, 'u32: 1'],
  INPUT_FLAGS: [4, 'u32: INPUT_CONNECTED, INPUT_LOCKED'],
  INPUT_SEQUENCE: [8, 'u32: sequence of the newest input in this record'],
  INPUT_BUTTONS: [12, 'u32: buttons that are down; bit 0 left, 1 middle, 2 right, 16 and up a gamepad'],
  INPUT_BUTTONS_PRESSED: [16, 'u32: buttons that went down since the last tick, even if up again'],
  INPUT_KEYS: [20, '8 u32: keys that are down, one bit a USB HID usage of page 7'],
  INPUT_KEYS_PRESSED: [52, '8 u32: keys that went down since the last tick, even if up again'],
  INPUT_POINTER: [84, '2 f32: pointer in the picture, 0 to 1 from the top left'],
  INPUT_MOVEMENT: [92, '2 f32: pointer movement since the last tick, CSS pixels'],
  INPUT_WHEEL: [100, '2 f32: wheel movement since the last tick, CSS pixels'],
  INPUT_AXES: [108, '4 f32: sticks, -1 to 1; 0 and 1 the left one, right and down positive'],
  INPUT_CONNECTED: [1, 'flag: somebody sits here'],
  INPUT_LOCKED: [2, 'flag: the pointer is locked to the picture'],
};

function textureFormat(name: string): number {
  return words(textureFormats).indexOf(name) + 1;
}

/** Names for USB HID usages of page 7 (HID Usage Tables 1.5, section 10) that games ask for. */
export const keys: Record<string, number> = {
  ...Object.fromEntries([...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((letter, index) => [letter, 4 + index])),
  ...Object.fromEntries([...'1234567890'].map((digit, index) => [`Digit${digit}`, 30 + index])),
  Enter: 40,
  Escape: 41,
  Backspace: 42,
  Tab: 43,
  Space: 44,
  Right: 79,
  Left: 80,
  Down: 81,
  Up: 82,
  ControlLeft: 224,
  ShiftLeft: 225,
  AltLeft: 226,
  ControlRight: 228,
  ShiftRight: 229,
  AltRight: 230,
};
