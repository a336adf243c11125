import { cos, f, lookAt, multiply, normalize, orthographic, perspective, sin } from './maths.ts';
import { angleAt, type Frame, filled, target, wgsl } from './port.ts';

const VERTICES = 20 * 160 * 6;
const INSTANCES = 10;

/** Draws the picture of renderer/examples/shadow.ts. */
export function render(device: GPUDevice, texture: GPUTexture, view: Frame): void {
  const module = device.createShaderModule({ code: wgsl('shadow') });
  const uniform = { buffer: filled(device, uniforms(view), GPUBufferUsage.UNIFORM) };
  const map = device.createTexture({
    size: [1024, 1024],
    format: 'depth32float',
    usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.TEXTURE_BINDING,
  });
  const caster = device.createRenderPipeline({
    layout: 'auto',
    vertex: { module, entryPoint: 'caster' },
    primitive: { cullMode: 'back' },
    depthStencil: {
      format: 'depth32float',
      depthWriteEnabled: true,
      depthCompare: 'less',
      depthBias: 2,
      depthBiasSlopeScale: 2,
    },
  });
  const shaded = (entryPoint: string, cullMode: GPUCullMode) =>
    device.createRenderPipeline({
      layout: 'auto',
      vertex: { module, entryPoint },
      primitive: { cullMode },
      depthStencil: { format: 'depth24plus', depthWriteEnabled: true, depthCompare: 'less' },
      fragment: { module, entryPoint: 'shade', targets: [{ format: 'rgba8unorm' }] },
    });
  const sampler = device.createSampler({ compare: 'less', magFilter: 'linear', minFilter: 'linear' });
  const bind = (pipeline: GPURenderPipeline, count: number) =>
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [uniform, map.createView(), sampler].map((resource, binding) => ({ binding, resource })).slice(0, count),
    });
  const thing = shaded('thing', 'back');
  const ground = shaded('ground', 'none');

  const encoder = device.createCommandEncoder();
  const first = encoder.beginRenderPass({
    colorAttachments: [],
    depthStencilAttachment: {
      view: map.createView(),
      depthClearValue: 1,
      depthLoadOp: 'clear',
      depthStoreOp: 'store',
    },
  });
  first.setPipeline(caster);
  first.setBindGroup(0, bind(caster, 1));
  first.draw(VERTICES, INSTANCES);
  first.end();
  const second = encoder.beginRenderPass({
    colorAttachments: [
      { view: texture.createView(), loadOp: 'clear', storeOp: 'store', clearValue: [0.648, 0.6, 0.6, 1] },
    ],
    depthStencilAttachment: {
      view: target(device, view, 'depth24plus').createView(),
      depthClearValue: 1,
      depthLoadOp: 'clear',
      depthStoreOp: 'discard',
    },
  });
  second.setPipeline(thing);
  second.setBindGroup(0, bind(thing, 3));
  second.draw(VERTICES, INSTANCES);
  second.setPipeline(ground);
  second.setBindGroup(0, bind(ground, 3));
  second.draw(6);
  second.end();
  device.queue.submit([encoder.finish()]);
}

function uniforms(view: Frame): Float32Array {
  const angle = angleAt(view, 32);
  const aspect = f(view.width / view.height);
  const far = f(f(9.6) * Math.max(1, f(1.25 / aspect)));
  const eye = [f(f(0.35) * far), f(f(0.52) * far), f(f(0.94) * far)] as const;
  const middle = [0, 1.1, 0] as const;
  const sun = normalize([cos(angle), f(0.95), sin(angle)]);
  const lamp = [f(sun[0] * 12), f(sun[1] * 12), f(sun[2] * 12)] as const;
  const out = new Float32Array(44);
  out.set(multiply(perspective(0.62, aspect, 0.5, 100), lookAt(eye, middle)));
  out.set(multiply(orthographic(6, 1, 24), lookAt(lamp, middle)), 16);
  out.set(eye, 32);
  out.set(sun, 36);
  out[40] = angle;
  return out;
}
