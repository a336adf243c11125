import { f, sin } from './maths.ts';
import { angleAt, type Frame, filled, target, wgsl } from './port.ts';

const TILE = 128;

/** Draws the picture of renderer/examples/blur.ts, while no mouse button is down. */
export function render(device: GPUDevice, texture: GPUTexture, view: Frame): void {
  const sceneModule = device.createShaderModule({ code: wgsl('blur', 'sceneShader') });
  const blurModule = device.createShaderModule({ code: wgsl('blur', 'blurShader') });
  const glassModule = device.createShaderModule({ code: wgsl('blur', 'glassShader') });
  const drawing = (module: GPUShaderModule) =>
    device.createRenderPipeline({
      layout: 'auto',
      vertex: { module },
      fragment: { module, targets: [{ format: 'rgba8unorm' }] },
    });
  const blurring = (entryPoint: string) =>
    device.createComputePipeline({ layout: 'auto', compute: { module: blurModule, entryPoint } });
  const [scene, glass] = [drawing(sceneModule), drawing(glassModule)];
  const [rows, columns] = [blurring('rows'), blurring('columns')];
  const linear = device.createSampler({ magFilter: 'linear', minFilter: 'linear' });
  const uniform = { buffer: filled(device, uniforms(view), GPUBufferUsage.UNIFORM) };
  const [width, height] = [Math.ceil(view.width / 2), Math.ceil(view.height / 2)];
  const { TEXTURE_BINDING, STORAGE_BINDING } = GPUTextureUsage;
  const usage = TEXTURE_BINDING | STORAGE_BINDING;
  const [first, second] = [0, 1].map(() =>
    device.createTexture({ size: [width, height], format: 'rgba8unorm', usage }).createView(),
  ) as [GPUTextureView, GPUTextureView];
  const sharp = target(device, view, 'rgba8unorm', { usage: TEXTURE_BINDING }).createView();
  const bind = (pipeline: GPURenderPipeline | GPUComputePipeline, ...resources: GPUBindingResource[]) =>
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });

  const encoder = device.createCommandEncoder();
  const draw = (to: GPUTextureView, pipeline: GPURenderPipeline, group: GPUBindGroup) => {
    const pass = encoder.beginRenderPass({ colorAttachments: [{ view: to, loadOp: 'clear', storeOp: 'store' }] });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.draw(3);
    pass.end();
  };
  draw(sharp, scene, bind(scene, uniform));
  const pass = encoder.beginComputePass();
  for (const source of [sharp, second]) {
    pass.setPipeline(rows);
    pass.setBindGroup(0, bind(rows, uniform, source, linear, first));
    pass.dispatchWorkgroups(Math.ceil(width / TILE), height);
    pass.setPipeline(columns);
    pass.setBindGroup(0, bind(columns, uniform, first, linear, second));
    pass.dispatchWorkgroups(Math.ceil(height / TILE), width);
  }
  pass.end();
  draw(texture.createView(), glass, bind(glass, uniform, sharp, second, linear));
  device.queue.submit([encoder.finish()]);
}

function uniforms(view: Frame): Float32Array {
  const angle = angleAt(view, 40);
  const x = f(0.5 + f(f(0.04) * sin(f(3 * angle))));
  const y = f(0.5 + f(f(0.05) * sin(f(2 * angle))));
  const radius = Math.max(4, Math.min(32, Math.floor(view.height / 36)));
  return new Float32Array([view.width, view.height, x, y, angle, radius]);
}
