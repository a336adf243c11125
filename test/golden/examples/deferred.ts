import { cos, f, invert, lookAt, multiply, perspective, sin } from './maths.ts';
import { angleAt, type Frame, filled, target, wgsl } from './port.ts';

const LIGHTS = 220;
const PILLARS = 81;
const VERTICES = 24 * 16 * 6;

/** Draws the picture of renderer/examples/deferred.ts. */
export function render(device: GPUDevice, texture: GPUTexture, view: Frame): void {
  const geometryModule = device.createShaderModule({ code: wgsl('deferred', 'geometryShader') });
  const lightModule = device.createShaderModule({ code: wgsl('deferred', 'lightShader') });
  const filmModule = device.createShaderModule({ code: wgsl('deferred', 'filmShader') });
  const geometryOf = (entryPoint: string, cullMode: GPUCullMode) =>
    device.createRenderPipeline({
      layout: 'auto',
      vertex: { module: geometryModule, entryPoint },
      primitive: { cullMode },
      depthStencil: { format: 'depth32float', depthWriteEnabled: true, depthCompare: 'less' },
      fragment: {
        module: geometryModule,
        entryPoint: 'surface',
        targets: [{ format: 'rgba8unorm' }, { format: 'rgb10a2unorm' }],
      },
    });
  const pillars = geometryOf('pillar', 'back');
  const ground = geometryOf('ground', 'none');
  const add: GPUBlendComponent = { srcFactor: 'one', dstFactor: 'one' };
  const lights = device.createRenderPipeline({
    layout: 'auto',
    vertex: { module: lightModule },
    primitive: { topology: 'triangle-strip' },
    fragment: { module: lightModule, targets: [{ format: 'rgba16float', blend: { color: add, alpha: add } }] },
  });
  const film = device.createRenderPipeline({
    layout: 'auto',
    vertex: { module: filmModule },
    fragment: { module: filmModule, targets: [{ format: 'rgba8unorm' }] },
  });
  const uniform = { buffer: filled(device, uniforms(view), GPUBufferUsage.UNIFORM) };
  const attachment = (format: GPUTextureFormat) =>
    target(device, view, format, { usage: GPUTextureUsage.TEXTURE_BINDING }).createView();
  const color = attachment('rgba8unorm');
  const normal = attachment('rgb10a2unorm');
  const depth = attachment('depth32float');
  const light = attachment('rgba16float');
  const bind = (pipeline: GPURenderPipeline, ...resources: GPUBindingResource[]) =>
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
  const cleared = (to: GPUTextureView) => ({ view: to, loadOp: 'clear', storeOp: 'store' }) as const;

  const encoder = device.createCommandEncoder();
  const first = encoder.beginRenderPass({
    colorAttachments: [cleared(color), cleared(normal)],
    depthStencilAttachment: { view: depth, depthClearValue: 1, depthLoadOp: 'clear', depthStoreOp: 'store' },
  });
  first.setPipeline(pillars);
  first.setBindGroup(0, bind(pillars, uniform));
  first.draw(VERTICES, PILLARS);
  first.setPipeline(ground);
  first.setBindGroup(0, bind(ground, uniform));
  first.draw(6);
  first.end();
  const second = encoder.beginRenderPass({ colorAttachments: [cleared(light)] });
  second.setPipeline(lights);
  second.setBindGroup(0, bind(lights, uniform, color, normal, depth));
  second.draw(4, LIGHTS);
  second.end();
  const third = encoder.beginRenderPass({ colorAttachments: [cleared(texture.createView())] });
  third.setPipeline(film);
  third.setBindGroup(0, bind(film, light));
  third.draw(3);
  third.end();
  device.queue.submit([encoder.finish()]);
}

function uniforms(view: Frame): Float32Array {
  const angle = angleAt(view, 60);
  const eye = [f(9.5 * sin(angle)), 5.2, f(9.5 * cos(angle))] as const;
  const clip = multiply(perspective(0.75, view.width / view.height, 0.5, 60), lookAt(eye, [0, 0.4, 0]));
  const out = new Float32Array(40);
  out.set(clip);
  out.set(invert(clip), 16);
  out.set([...eye, 0, angle], 32);
  return out;
}
