/** A command of the stream that a module submits, with its fields as texts, such as "size: u64". */
export interface Command {
  readonly name: string;
  readonly opcode: number;
  readonly fields: readonly string[];
  /** One sentence that says what the command does, for ABI.md and for comments in generated code. */
  readonly about: string;
}

const stencilFace = (face: string): string[] => [
  `${face}Compare: enum CompareFunction`,
  `${face}FailOp: enum StencilOperation`,
  `${face}DepthFailOp: enum StencilOperation`,
  `${face}PassOp: enum StencilOperation`,
];

const origin = (prefix: string): string[] => [`${prefix}X: u32`, `${prefix}Y: u32`, `${prefix}Z: u32`];
const EXTENT = ['width: u32', 'height: u32', 'depthOrArrayLayers: u32'];
const BUFFER_LAYOUT = ['buffer: id buffer', 'offset: u32', 'bytesPerRow: u32', 'rowsPerImage: u32'];
const TEXTURE_SITE = ['texture: id texture', 'mipLevel: u32', ...origin('origin'), 'aspect: enum TextureAspect'];
const SOURCE_SITE = [
  'source: id texture',
  'sourceMipLevel: u32',
  ...origin('source'),
  'sourceAspect: enum TextureAspect',
];

const TIMESTAMP_WRITES = [
  'timestampQuerySet: id? querySet',
  'beginningOfPassWriteIndex: u32?',
  'endOfPassWriteIndex: u32?',
];

/** Fields of a render pipeline. The keys of a shader's `override` constants are one string, joined by commas, which no key has. */
const RENDER_PIPELINE = [
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

const COMPUTE_PIPELINE = [
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

export const COMMANDS: readonly Command[] = [
  command(1, 'createBuffer', 'Makes a buffer of `size` bytes, filled with zeros.', [
    'id: new buffer',
    'size: u64',
    'usage: flags BufferUsage',
    'label: string',
  ]),
  command(2, 'createTexture', 'Makes a texture, filled with zeros.', [
    'id: new texture',
    ...EXTENT,
    'mipLevelCount: u32',
    'sampleCount: u32',
    'dimension: enum TextureDimension',
    'format: enum TextureFormat',
    'usage: flags TextureUsage',
    'label: string',
    'viewFormats: list TextureViewFormat',
  ]),
  command(
    3,
    'createTextureView',
    'Makes a view of a texture; a count of 0 means all mip levels or layers that remain.',
    [
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
    ],
  ),
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
  command(
    5,
    'createBindGroupLayout',
    'Makes a bind group layout; each entry is for a buffer, sampler, texture or storage texture.',
    ['id: new bindGroupLayout', 'label: string', 'entries: list BindGroupLayoutEntry'],
  ),
  command(6, 'createPipelineLayout', 'Makes a pipeline layout.', [
    'id: new pipelineLayout',
    'label: string',
    'layouts: list PipelineLayoutEntry',
  ]),
  command(
    7,
    'createBindGroup',
    'Makes a bind group; each entry sets a buffer, sampler or view; a size of 0 means to the end.',
    ['id: new bindGroup', 'layout: id bindGroupLayout', 'label: string', 'entries: list BindGroupEntry'],
  ),
  command(8, 'createShaderModule', 'Compiles WGSL into a shader module.', [
    'id: new shaderModule',
    'label: string',
    'code: string',
  ]),
  command(
    9,
    'createRenderPipeline',
    'Makes a render pipeline; no layout means "auto"; no depth format, no depth and stencil state.',
    RENDER_PIPELINE,
  ),
  command(10, 'createComputePipeline', 'Makes a compute pipeline; no layout means "auto".', COMPUTE_PIPELINE),
  command(11, 'getRenderBindGroupLayout', 'Gives an id to the bind group layout at `index` of a render pipeline.', [
    'id: new bindGroupLayout',
    'pipeline: id renderPipeline',
    'index: u32',
  ]),
  command(12, 'getComputeBindGroupLayout', 'Gives an id to the bind group layout at `index` of a compute pipeline.', [
    'id: new bindGroupLayout',
    'pipeline: id computePipeline',
    'index: u32',
  ]),
  command(13, 'destroy', 'Destroys a GPU object; a new one may take its index, with the next generation.', [
    'kind: enum ObjectKind',
    'object: object',
  ]),
  command(14, 'createQuerySet', 'Makes a query set, for occlusion queries or timestamps.', [
    'id: new querySet',
    'type: enum QueryType',
    'count: u32',
    'label: string',
  ]),
  command(
    15,
    'createRenderBundleEncoder',
    'Begins a render bundle, which takes the commands of a render pass until it is finished.',
    [
      'depthStencilFormat: enum? TextureFormat',
      'depthReadOnly: bool',
      'stencilReadOnly: bool',
      'sampleCount: u32',
      'label: string',
      'colorFormats: list ColorFormat',
    ],
  ),
  command(16, 'finishRenderBundle', 'Ends the open render bundle and gives it its id.', ['id: new renderBundle']),
  command(
    17,
    'createRenderPipelineAsync',
    'Makes a render pipeline while the game goes on; it is usable after a REPLY_PIPELINE.',
    RENDER_PIPELINE,
  ),
  command(
    18,
    'createComputePipelineAsync',
    'Makes a compute pipeline while the game goes on; it is usable after a REPLY_PIPELINE.',
    COMPUTE_PIPELINE,
  ),
  command(19, 'getCompilationInfo', 'Requests the errors of a shader module, as a REPLY_COMPILATION with this token.', [
    'module: id shaderModule',
    'token: u32',
  ]),
  command(20, 'pushErrorScope', 'Begins an error scope of this filter.', ['filter: enum ErrorFilter']),
  command(
    21,
    'popErrorScope',
    'Ends the innermost error scope; a REPLY_ERROR_SCOPE with this token says what it caught.',
    ['token: u32'],
  ),

  command(32, 'writeBuffer', 'Writes bytes from linear memory into a buffer, before what is submitted later.', [
    'buffer: id buffer',
    'offset: u32',
    'data: bytes',
  ]),
  command(33, 'writeTexture', 'Writes texels from linear memory into a texture, before what is submitted later.', [
    ...TEXTURE_SITE,
    ...EXTENT,
    'bytesPerRow: u32',
    'rowsPerImage: u32',
    'data: bytes',
  ]),
  command(
    34,
    'writeBufferFromAsset',
    'Writes part of an asset into a buffer; the bytes do not pass through linear memory.',
    ['buffer: id buffer', 'offset: u32', 'asset: asset', 'assetOffset: u32', 'size: u32'],
  ),
  command(
    35,
    'writeTextureFromAsset',
    'Writes part of an asset into a texture; the bytes do not pass through linear memory.',
    [
      ...TEXTURE_SITE,
      ...EXTENT,
      'bytesPerRow: u32',
      'rowsPerImage: u32',
      'asset: asset',
      'assetOffset: u32',
      'size: u32',
    ],
  ),
  command(36, 'submit', 'Finishes the command encoder and queues what was recorded since the last submit.'),
  command(
    37,
    'onSubmittedWorkDone',
    'Requests a REPLY_WORK_DONE with this token once all that was submitted before is done.',
    ['token: u32'],
  ),
  command(
    38,
    'mapAsync',
    'Copies part of a buffer to `address` in linear memory; a REPLY_MAPPED with this token follows it.',
    ['buffer: id buffer', 'offset: u32', 'size: u32', 'address: u32', 'token: u32'],
  ),

  command(48, 'copyBufferToBuffer', 'Copies bytes from one buffer to another.', [
    'source: id buffer',
    'sourceOffset: u32',
    'destination: id buffer',
    'destinationOffset: u32',
    'size: u32',
  ]),
  command(49, 'copyBufferToTexture', 'Copies texels from a buffer to a texture.', [
    ...BUFFER_LAYOUT,
    ...TEXTURE_SITE,
    ...EXTENT,
  ]),
  command(50, 'copyTextureToBuffer', 'Copies texels from a texture to a buffer.', [
    ...TEXTURE_SITE,
    ...BUFFER_LAYOUT,
    ...EXTENT,
  ]),
  command(51, 'copyTextureToTexture', 'Copies texels from one texture to another.', [
    ...SOURCE_SITE,
    ...TEXTURE_SITE,
    ...EXTENT,
  ]),
  command(52, 'clearBuffer', 'Fills part of a buffer with zeros; a size of 0 means to its end.', [
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
    ...TIMESTAMP_WRITES,
    'label: string',
    'colorAttachments: list ColorAttachment',
  ]),
  command(54, 'endRenderPass', 'Ends the render pass.'),
  command(55, 'beginComputePass', 'Begins a compute pass.', [...TIMESTAMP_WRITES, 'label: string']),
  command(56, 'endComputePass', 'Ends the compute pass.'),
  command(57, 'resolveQuerySet', 'Writes the results of queries into a buffer, 8 bytes each.', [
    'querySet: id querySet',
    'firstQuery: u32',
    'queryCount: u32',
    'destination: id buffer',
    'destinationOffset: u32',
  ]),
  command(58, 'pushDebugGroup', 'Begins a debug group: commands that debugging tools show together under a label.', [
    'groupLabel: string',
  ]),
  command(59, 'popDebugGroup', 'Ends the innermost debug group.'),
  command(60, 'insertDebugMarker', 'Marks a place among the commands for debugging tools.', ['markerLabel: string']),

  command(64, 'setPipeline', 'Sets the render pipeline for the draws that follow.', ['pipeline: id renderPipeline']),
  command(65, 'setBindGroup', 'Sets a bind group of the open render pass, compute pass or render bundle.', [
    'index: u32',
    'bindGroup: id? bindGroup',
    'dynamicOffsets: words',
  ]),
  command(66, 'setVertexBuffer', 'Sets a vertex buffer; a size of 0 means to its end.', [
    'slot: u32',
    'buffer: id? buffer',
    'offset: u32',
    'size: u32',
  ]),
  command(67, 'setIndexBuffer', 'Sets the index buffer; a size of 0 means to its end.', [
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
  command(69, 'drawIndexed', 'Draws vertices by their indices.', [
    'indexCount: u32',
    'instanceCount: u32',
    'firstIndex: u32',
    'baseVertex: i32',
    'firstInstance: u32',
  ]),
  command(70, 'drawIndirect', 'Draws vertices with arguments from a buffer.', ['buffer: id buffer', 'offset: u32']),
  command(71, 'drawIndexedIndirect', 'Draws vertices by their indices; a buffer holds the arguments of the draw.', [
    'buffer: id buffer',
    'offset: u32',
  ]),
  command(72, 'setViewport', 'Sets the part of the attachments that is drawn to, and its range of depth.', [
    'x: f32',
    'y: f32',
    'width: f32',
    'height: f32',
    'minDepth: f32',
    'maxDepth: f32',
  ]),
  command(73, 'setScissorRect', 'Sets the scissor rectangle.', ['x: u32', 'y: u32', 'width: u32', 'height: u32']),
  command(74, 'setBlendConstant', 'Sets the blend constant.', ['r: f32', 'g: f32', 'b: f32', 'a: f32']),
  command(75, 'setStencilReference', 'Sets the reference value of the stencil test.', ['reference: u32']),

  command(
    76,
    'beginOcclusionQuery',
    'Begins an occlusion query, which counts the samples that pass the depth and stencil tests.',
    ['queryIndex: u32'],
  ),
  command(77, 'endOcclusionQuery', 'Ends the occlusion query.'),
  command(
    78,
    'executeBundles',
    'Executes render bundles; afterwards the pass has no pipeline, bind groups or buffers set.',
    ['bundles: list RenderBundleEntry'],
  ),

  command(80, 'setComputePipeline', 'Sets the compute pipeline.', ['pipeline: id computePipeline']),
  command(81, 'dispatchWorkgroups', 'Dispatches `x` * `y` * `z` workgroups.', ['x: u32', 'y: u32', 'z: u32']),
  command(
    82,
    'dispatchWorkgroupsIndirect',
    'Runs the compute pipeline; a buffer holds the three numbers of workgroups.',
    ['buffer: id buffer', 'offset: u32'],
  ),

  command(96, 'rumble', 'Shakes a gamepad of a player; a newer effect on the same gamepad replaces it.', [
    'seat: u32',
    'pad: u32',
    'strong: f32',
    'weak: f32',
    'milliseconds: u32',
  ]),
  command(
    97,
    'requestText',
    'Asks a player to enter a text, in place of an earlier one; REPLY_TEXT says when it is at `address`.',
    ['seat: u32', 'token: u32', 'address: u32', 'lengthMax: u32', 'prompt: string', 'initial: string'],
  ),
  command(98, 'cancelText', 'Ends the entry of a text that `requestText` began.', ['seat: u32']),
];
