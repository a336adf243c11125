/** The commands of the stream. */
export interface Command {
  readonly name: string;
  readonly opcode: number;
  readonly fields: readonly string[];
  /** One sentence for the document and the encoder's docstring. */
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

/** The constants of a pipeline are one string of keys, joined by commas (no identifier or id of WGSL has one), and their values. */
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
  command(2, 'createTexture', 'Makes a texture.', [
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
    RENDER_PIPELINE,
  ),
  command(10, 'createComputePipeline', 'Makes a compute pipeline; no layout means "auto".', COMPUTE_PIPELINE),
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
    RENDER_PIPELINE,
  ),
  command(
    18,
    'createComputePipelineAsync',
    'Makes a compute pipeline beside the frames; it can be used once a REPLY_PIPELINE says so.',
    COMPUTE_PIPELINE,
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
    ...TEXTURE_SITE,
    ...EXTENT,
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
    ...TEXTURE_SITE,
    ...EXTENT,
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
  command(49, 'copyBufferToTexture', 'Copies texels from a buffer.', [...BUFFER_LAYOUT, ...TEXTURE_SITE, ...EXTENT]),
  command(50, 'copyTextureToBuffer', 'Copies texels into a buffer.', [...TEXTURE_SITE, ...BUFFER_LAYOUT, ...EXTENT]),
  command(51, 'copyTextureToTexture', 'Copies texels between textures.', [...SOURCE_SITE, ...TEXTURE_SITE, ...EXTENT]),
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
