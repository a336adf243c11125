const SHADER = `
  @vertex fn v() -> @builtin(position) vec4f { return vec4f(); }
  @compute @workgroup_size(1) fn c() {}`;

/**
 * Makes Dawn compile its internal pipelines now: those for timestamps, and those that check indirect draws and dispatches.
 * Otherwise Dawn compiles them when a game first needs them. A software adapter cannot compile while it executes work, so
 * another game's endless shader would then block this thread for good.
 */
export function warmUp(device: GPUDevice): void {
  const { INDIRECT, INDEX, QUERY_RESOLVE } = GPUBufferUsage;
  const buffer = device.createBuffer({ size: 256, usage: INDIRECT | INDEX });
  const module = device.createShaderModule({ code: SHADER });
  const depthStencil = { format: 'depth16unorm', depthWriteEnabled: false, depthCompare: 'always' } as const;
  const depth = device.createTexture({
    size: [1, 1],
    format: depthStencil.format,
    usage: GPUTextureUsage.RENDER_ATTACHMENT,
  });
  const commandEncoder = device.createCommandEncoder();
  const compute = commandEncoder.beginComputePass();
  compute.setPipeline(device.createComputePipeline({ layout: 'auto', compute: { module } }));
  compute.dispatchWorkgroupsIndirect(buffer, 0);
  compute.end();
  const render = commandEncoder.beginRenderPass({
    colorAttachments: [],
    depthStencilAttachment: { view: depth.createView(), depthReadOnly: true },
  });
  render.setPipeline(device.createRenderPipeline({ layout: 'auto', vertex: { module }, depthStencil }));
  render.setIndexBuffer(buffer, 'uint16');
  render.drawIndirect(buffer, 0);
  render.drawIndexedIndirect(buffer, 0);
  render.end();
  const queries = device.features.has('timestamp-query')
    ? device.createQuerySet({ type: 'timestamp', count: 1 })
    : undefined;
  const times = device.createBuffer({ size: 256, usage: QUERY_RESOLVE });
  if (queries) commandEncoder.resolveQuerySet(queries, 0, 1, times, 0);
  device.queue.submit([commandEncoder.finish()]);
  for (const used of [buffer, depth, times, queries]) used?.destroy();
}
