/**
 * Returns a GPUDevice that does nothing, so that the time measured when commands are replayed on it is that of the replay
 * itself.
 */
export function idleDevice(): GPUDevice {
  const nothing = () => {};
  const object = () => ({ destroy: nothing, createView: object, getBindGroupLayout: object });
  const pass = () => ({
    setPipeline: nothing,
    setBindGroup: nothing,
    setVertexBuffer: nothing,
    setIndexBuffer: nothing,
    draw: nothing,
    drawIndexed: nothing,
    executeBundles: nothing,
    end: nothing,
    finish: object,
  });
  const encoder = () => ({ beginRenderPass: pass, beginComputePass: pass, finish: object });
  const device = {
    features: new Set(),
    lost: new Promise(() => {}),
    limits: {
      maxBindGroups: 4,
      maxVertexBuffers: 8,
      maxColorAttachments: 8,
      maxDynamicUniformBuffersPerPipelineLayout: 8,
      maxDynamicStorageBuffersPerPipelineLayout: 4,
    },
    queue: { writeBuffer: nothing, writeTexture: nothing, submit: nothing, onSubmittedWorkDone: async () => {} },
    addEventListener: nothing,
    createBuffer: object,
    createTexture: object,
    createShaderModule: object,
    createBindGroupLayout: object,
    createPipelineLayout: object,
    createBindGroup: object,
    createRenderPipeline: object,
    createRenderBundleEncoder: pass,
    createCommandEncoder: encoder,
  };
  return device as unknown as GPUDevice;
}
