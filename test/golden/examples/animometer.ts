import { f, sqrt } from './maths.ts';
import { type Frame, filled, random, wgsl } from './port.ts';

/** The example's ways to draw its triangles, in the order of its numbers for them. */
export const modes = ['direct', 'bundles', 'instancing', 'changing'] as const;
export type Mode = (typeof modes)[number];
export interface Options {
  mode: Mode;
  count: number;
}

/** The example renderer/examples/animometer.ts, written in TypeScript on WebGPU itself. */
export interface Animometer {
  /** Records the commands of a frame that draws into `to`, and submits them. */
  frame(to: GPUTextureView, view: Frame): void;
  destroy(): void;
}

const FLOATS = 5;
const STRIDE = 256;

/** Draws the picture of renderer/examples/animometer.ts with 1,000 triangles, each with its own bind group and draw. */
export function render(device: GPUDevice, texture: GPUTexture, view: Frame): void {
  createAnimometer(device, { mode: 'direct', count: 1000 }).frame(texture.createView(), view);
}

export function createAnimometer(device: GPUDevice, { mode, count }: Options): Animometer {
  const { UNIFORM, VERTEX, COPY_DST } = GPUBufferUsage;
  const module = device.createShaderModule({ code: wgsl('animometer') });
  const layout = device.createBindGroupLayout({
    entries: [{ binding: 0, visibility: GPUShaderStage.VERTEX, buffer: { type: 'uniform' } }],
  });
  const instanced = mode === 'instancing';
  const pipeline = device.createRenderPipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: instanced ? [layout] : [layout, layout] }),
    vertex: {
      module,
      entryPoint: instanced ? 'instanced_triangle' : 'uniform_triangle',
      buffers: instanced ? [instanceLayout] : [],
    },
    fragment: {
      module,
      targets: [
        {
          format: 'rgba8unorm',
          blend: { color: { srcFactor: 'one', dstFactor: 'one' }, alpha: { srcFactor: 'one', dstFactor: 'zero' } },
        },
      ],
    },
  });
  const uniforms = device.createBuffer({ size: 16, usage: UNIFORM | COPY_DST });
  const viewGroup = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: uniforms } }] });
  const triangles = filled(device, scatter(count, instanced ? FLOATS : STRIDE / 4), instanced ? VERTEX : UNIFORM);
  const groups: GPUBindGroup[] = [];
  if (!instanced) {
    for (let i = 0; i < count; i++) {
      const resource = { buffer: triangles, offset: i * STRIDE, size: FLOATS * 4 };
      groups.push(device.createBindGroup({ layout, entries: [{ binding: 0, resource }] }));
    }
  }
  const drawEach = (to: GPURenderCommandsMixin & GPUBindingCommandsMixin, first: number) => {
    to.setPipeline(pipeline);
    to.setBindGroup(0, viewGroup);
    for (let i = 0, at = first; i < count; i++) {
      to.setBindGroup(1, groups[at] ?? null);
      to.draw(3);
      if (++at === count) at = 0;
    }
  };
  const bundles: GPURenderBundle[] = [];
  if (mode === 'bundles') {
    const encoder = device.createRenderBundleEncoder({ colorFormats: ['rgba8unorm'] });
    drawEach(encoder, 0);
    bundles.push(encoder.finish());
  }
  const values = new Float32Array(4);
  const clearValue = [0.025, 0.02, 0.045, 1];
  const attachment = { loadOp: 'clear', storeOp: 'store', clearValue } as const;
  return {
    frame(to, { tick, tickRate, width, height }) {
      const aspect = f(width / height);
      values[0] = f(1 / Math.max(aspect, 1));
      values[1] = f(1 / Math.max(f(1 / aspect), 1));
      values[2] = f(tick / tickRate);
      device.queue.writeBuffer(uniforms, 0, values);
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginRenderPass({ colorAttachments: [{ view: to, ...attachment }] });
      if (mode === 'bundles') {
        pass.executeBundles(bundles);
      } else if (!instanced) {
        drawEach(pass, mode === 'changing' ? tick % count : 0);
      } else {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, viewGroup);
        pass.setVertexBuffer(0, triangles);
        pass.draw(3, count);
      }
      pass.end();
      device.queue.submit([encoder.finish()]);
    },
    destroy() {
      uniforms.destroy();
      triangles.destroy();
    },
  };
}

const instanceLayout: GPUVertexBufferLayout = {
  stepMode: 'instance',
  arrayStride: FLOATS * 4,
  attributes: [
    { shaderLocation: 0, format: 'float32', offset: 0 },
    { shaderLocation: 1, format: 'float32x2', offset: 4 },
    { shaderLocation: 2, format: 'float32', offset: 12 },
    { shaderLocation: 3, format: 'float32', offset: 16 },
  ],
};

function scatter(count: number, stride: number): Float32Array {
  const next = random(1n);
  const range = (low: number, high: number) => f(low + f(f(high - low) * next()));
  const data = new Float32Array(count * stride);
  const size = Math.min(f(0.4), f(f(3.2) / sqrt(count)));
  for (let i = 0; i < count; i++) {
    const scale = f(size * range(0.5, f(1.2)));
    data.set([scale, range(-1, 1), range(-1, 1), range(0.5, 2), next()], i * stride);
  }
  return data;
}
