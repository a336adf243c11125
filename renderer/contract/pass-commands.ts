import { type Command, command } from './command.ts';

/** The commands that are recorded in a render pass, a compute pass or a render bundle. */
export const PASS_COMMANDS: readonly Command[] = [
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
];
