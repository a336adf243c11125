import { f } from './maths.ts';
import { type Frame, filled, wgsl } from './port.ts';

/** Draws the picture of renderer/examples/triangle.ts. */
export function render(device: GPUDevice, texture: GPUTexture, view: Frame): void {
  const module = device.createShaderModule({ code: wgsl('triangle') });
  const pipeline = device.createRenderPipeline({
    layout: 'auto',
    vertex: { module },
    fragment: { module, targets: [{ format: 'rgba8unorm' }] },
  });
  const turns = f(view.tick * f(f(0.15) / view.tickRate));
  const uniforms = new Float32Array([f(6.2831853) * (turns % 1), view.width / view.height]);
  const buffer = filled(device, uniforms, GPUBufferUsage.UNIFORM);
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer } }],
  });
  const encoder = device.createCommandEncoder();
  const clearValue = [0.04, 0.05, 0.09, 1];
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: texture.createView(), loadOp: 'clear', storeOp: 'store', clearValue }],
  });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.draw(3);
  pass.end();
  device.queue.submit([encoder.finish()]);
}
