import { f } from './maths.ts';
import { type Frame, filled, random, wgsl } from './port.ts';

const COUNT = 1024;
const TRAIL = 28;

/** Draws the picture of renderer/examples/boids.ts, from seed 1. */
export function render(device: GPUDevice, texture: GPUTexture, view: Frame): void {
  const { STORAGE, UNIFORM, COPY_DST } = GPUBufferUsage;
  const next = random(1n);
  const boids = new Float32Array(COUNT * 4);
  for (let i = 0; i < boids.length; i++) {
    const value = f(-0.75 + f(1.5 * next()));
    boids[i] = value * ([2, 1, 0.5, 0.5][i % 4] ?? 0);
  }
  const trails = Float32Array.from(
    { length: COUNT * TRAIL * 4 },
    (_, i) => boids[Math.floor(i / (TRAIL * 4)) * 4 + (i % 4)] ?? 0,
  );
  const first = filled(device, boids, STORAGE);
  const second = filled(device, boids, STORAGE);
  const trail = filled(device, trails, STORAGE);
  const step = device.createBuffer({ size: 8, usage: UNIFORM | COPY_DST });
  const fly = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code: wgsl('boids', 'simulation') }) },
  });
  const bind = (pipeline: GPURenderPipeline | GPUComputePipeline, buffers: GPUBuffer[]) =>
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
  const odd = bind(fly, [step, first, second, trail]);
  const even = bind(fly, [step, second, first, trail]);
  const steps = Math.floor(view.tick / 2) + 1;
  for (let n = 1; n <= steps; n++) {
    const values = new ArrayBuffer(8);
    new Float32Array(values)[0] = 2 / view.tickRate;
    new Uint32Array(values)[1] = n % TRAIL;
    device.queue.writeBuffer(step, 0, values);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(fly);
    pass.setBindGroup(0, n % 2 === 1 ? odd : even);
    pass.dispatchWorkgroups(COUNT / 64);
    pass.end();
    device.queue.submit([encoder.finish()]);
  }

  const module = device.createShaderModule({ code: wgsl('boids') });
  const backdrop = device.createRenderPipeline({
    layout: 'auto',
    vertex: { module, entryPoint: 'everywhere' },
    fragment: { module, entryPoint: 'deep', targets: [{ format: 'rgba8unorm' }] },
  });
  const ribbon = device.createRenderPipeline({
    layout: 'auto',
    vertex: { module, entryPoint: 'ribbon' },
    primitive: { topology: 'triangle-strip' },
    fragment: {
      module,
      entryPoint: 'glow',
      targets: [
        {
          format: 'rgba8unorm',
          blend: { color: { srcFactor: 'one', dstFactor: 'one' }, alpha: { srcFactor: 'one', dstFactor: 'zero' } },
        },
      ],
    },
  });
  const aspect = f(view.width / view.height);
  const scale = Math.min(1, f(aspect / f(1.7777778)));
  const uniforms = new Float32Array([f(scale / aspect), scale, 0, 0]);
  new Uint32Array(uniforms.buffer)[2] = steps % TRAIL;
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: texture.createView(), loadOp: 'clear', storeOp: 'store' }],
  });
  pass.setPipeline(backdrop);
  pass.draw(3);
  pass.setPipeline(ribbon);
  pass.setBindGroup(0, bind(ribbon, [filled(device, uniforms, UNIFORM), trail]));
  pass.draw(TRAIL * 2, COUNT);
  pass.end();
  device.queue.submit([encoder.finish()]);
}
