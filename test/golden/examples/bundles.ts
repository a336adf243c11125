import { cos, f, lookAt, multiply, perspective, sin, sqrt } from './maths.ts';
import { angleAt, type Frame, filled, random, target, wgsl } from './port.ts';

const ROCKS = 1500;
const STRIDE = 256;
const [SHAPES, AROUND, DOWN] = [6, 9, 6];
const SHAPE_VERTICES = (AROUND + 1) * (DOWN + 1);
const SHAPE_INDICES = AROUND * DOWN * 6;
const TAU = f(6.2831853);

/** Draws the picture of renderer/examples/bundles.ts without a render bundle, to show that one changes nothing. */
export function render(device: GPUDevice, texture: GPUTexture, view: Frame): void {
  const { UNIFORM, VERTEX, INDEX } = GPUBufferUsage;
  const module = device.createShaderModule({ code: wgsl('bundles') });
  const visibility = GPUShaderStage.VERTEX | GPUShaderStage.FRAGMENT;
  const layoutOf = (hasDynamicOffset: boolean) =>
    device.createBindGroupLayout({ entries: [{ binding: 0, visibility, buffer: { hasDynamicOffset } }] });
  const [viewLayout, rockLayout] = [layoutOf(false), layoutOf(true)];
  const layout = device.createPipelineLayout({ bindGroupLayouts: [viewLayout, rockLayout] });
  const pipelineOf = (vertex: string, fragment: string, buffers: GPUVertexBufferLayout[] = []) => {
    const backdrop = vertex === 'everywhere';
    return device.createRenderPipeline({
      layout,
      vertex: { module, entryPoint: vertex, buffers },
      primitive: { cullMode: backdrop ? 'none' : 'back' },
      depthStencil: {
        format: 'depth24plus',
        depthWriteEnabled: !backdrop,
        depthCompare: backdrop ? 'always' : 'less',
      },
      fragment: { module, entryPoint: fragment, targets: [{ format: 'rgba8unorm' }] },
    });
  };
  const next = random(2026n);
  const rocks = filled(device, scatter(next), UNIFORM);
  const rockGroup = device.createBindGroup({
    layout: rockLayout,
    entries: [{ binding: 0, resource: { buffer: rocks, size: 48 } }],
  });
  const viewGroup = device.createBindGroup({
    layout: viewLayout,
    entries: [{ binding: 0, resource: { buffer: filled(device, uniforms(view), UNIFORM) } }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: texture.createView(), loadOp: 'clear', storeOp: 'store' }],
    depthStencilAttachment: {
      view: target(device, view, 'depth24plus').createView(),
      depthClearValue: 1,
      depthLoadOp: 'clear',
      depthStoreOp: 'discard',
    },
  });
  pass.setBindGroup(0, viewGroup);
  pass.setBindGroup(1, rockGroup, [0]);
  pass.setPipeline(pipelineOf('everywhere', 'stars'));
  pass.draw(3);
  pass.setPipeline(pipelineOf('globe', 'clouds'));
  pass.draw(64 * 32 * 6);
  const attributes: GPUVertexAttribute[] = [{ shaderLocation: 0, offset: 0, format: 'float32x3' }];
  pass.setPipeline(pipelineOf('stone', 'rough', [{ arrayStride: 12, attributes }]));
  pass.setVertexBuffer(0, filled(device, dent(next), VERTEX));
  pass.setIndexBuffer(filled(device, weave(), INDEX), 'uint16');
  for (let i = 0; i < ROCKS; i++) {
    pass.setBindGroup(1, rockGroup, [i * STRIDE]);
    pass.drawIndexed(SHAPE_INDICES, 1, 0, (i % SHAPES) * SHAPE_VERTICES);
  }
  pass.end();
  device.queue.submit([encoder.finish()]);
}

function uniforms(view: Frame): Float32Array {
  const angle = angleAt(view, 240);
  const aspect = f(view.width / view.height);
  const far = f(f(7.4) * Math.max(1, f(f(1.3) / aspect)));
  const eye = [f(far * sin(angle)), f(f(0.3) * far), f(far * cos(angle))] as const;
  const [a, b] = [f(0.84), f(0.35)];
  const sun = [f(f(a * cos(angle)) - f(b * sin(angle))), f(0.3), f(f(-a * sin(angle)) - f(b * cos(angle)))] as const;
  const size = sqrt(f(f(f(sun[0] * sun[0]) + f(sun[2] * sun[2])) + f(0.09)));
  const out = new Float32Array(28);
  out.set(multiply(perspective(0.75, aspect, 0.5, 80), lookAt(eye, [0, -0.25, 0])));
  out.set(eye, 16);
  out.set(
    sun.map((value) => value / size),
    20,
  );
  out.set([angle, aspect], 24);
  return out;
}

const range = (next: () => number, low: number, high: number) => f(f(low) + f(f(f(high) - f(low)) * next()));

function scatter(next: () => number): Float32Array {
  const out = new Float32Array((ROCKS * STRIDE) / 4);
  for (let i = 0; i < ROCKS; i++) {
    const far = next();
    const radius = far < f(0.45) ? f(f(2.35) + f(far * f(1.8))) : f(f(2.65) + f(far * f(2.1)));
    const orbit = [radius, range(next, -0.09, 0.09), range(next, 0, 6.2831853), Math.floor(f(26 / radius))];
    const azimuth = range(next, 0, 6.2831853);
    const spin = [f(cos(azimuth) * f(0.8)), 0.6, f(sin(azimuth) * f(0.8)), Math.floor(range(next, 30, 90))];
    const warm = next();
    const color = [f(f(0.34) + f(f(0.3) * warm)), f(f(0.31) + f(f(0.12) * warm)), 0.26];
    const big = next();
    const fourth = f(f(f(f(f(0.075) * big) * big) * big) * big);
    out.set([...orbit, ...spin, ...color, f(f(0.018) + fourth)], (i * STRIDE) / 4);
  }
  return out;
}

function dent(next: () => number): Float32Array {
  const out: number[] = [];
  for (let shape = 0; shape < SHAPES; shape++) {
    for (let j = 0; j <= DOWN; j++) {
      const v = f(f(j * TAU) / (2 * DOWN));
      const pole = range(next, 0.75, 1.1);
      const row: number[][] = [];
      for (let i = 0; i <= AROUND; i++) {
        const u = f(f(i * TAU) / AROUND);
        const radius = j === 0 || j === DOWN ? pole : range(next, 0.7, 1.2);
        const across = f(radius * sin(v));
        row.push([f(across * cos(u)), f(f(radius * -cos(v)) * f(0.8)), f(across * sin(u))]);
      }
      // The last vertex of a row repeats the first.
      out.push(...row.slice(0, AROUND).flat(), ...(row[0] ?? []));
    }
  }
  return new Float32Array(out);
}

function weave(): Uint16Array {
  const out: number[] = [];
  for (let j = 0; j < DOWN; j++) {
    for (let i = 0; i < AROUND; i++) {
      const [near, far] = [j * (AROUND + 1) + i, (j + 1) * (AROUND + 1) + i];
      out.push(near, far, near + 1, near + 1, far, far + 1);
    }
  }
  return new Uint16Array(out);
}
