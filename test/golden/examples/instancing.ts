import { cos, f, lookAt, multiply, perspective, sin } from './maths.ts';
import { angleAt, type Frame, filled, target, wgsl } from './port.ts';

const RINGS = 26;

/** Draws the picture of renderer/examples/instancing.ts. */
export function render(device: GPUDevice, texture: GPUTexture, view: Frame): void {
  const module = device.createShaderModule({ code: wgsl('instancing') });
  const columns = honeycomb();
  const pipeline = device.createRenderPipeline({
    layout: 'auto',
    vertex: {
      module,
      buffers: [
        {
          arrayStride: 24,
          attributes: [
            { shaderLocation: 0, format: 'float32x3', offset: 0 },
            { shaderLocation: 1, format: 'float32x3', offset: 12 },
          ],
        },
        {
          stepMode: 'instance',
          arrayStride: 12,
          attributes: [
            { shaderLocation: 2, format: 'float32x2', offset: 0 },
            { shaderLocation: 3, format: 'float32', offset: 8 },
          ],
        },
      ],
    },
    primitive: { cullMode: 'back' },
    depthStencil: { format: 'depth24plus', depthWriteEnabled: true, depthCompare: 'less' },
    fragment: { module, targets: [{ format: 'rgba8unorm' }] },
  });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: filled(device, uniforms(view), GPUBufferUsage.UNIFORM) } }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [
      {
        view: texture.createView(),
        loadOp: 'clear',
        storeOp: 'store',
        clearValue: [0.2121, 0.1871, 0.3082, 1],
      },
    ],
    depthStencilAttachment: {
      view: target(device, view, 'depth24plus').createView(),
      depthClearValue: 1,
      depthLoadOp: 'clear',
      depthStoreOp: 'discard',
    },
  });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.setVertexBuffer(0, filled(device, prism(), GPUBufferUsage.VERTEX));
  pass.setVertexBuffer(1, filled(device, columns, GPUBufferUsage.VERTEX));
  pass.draw(54, columns.length / 3);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

function uniforms(view: Frame): Float32Array {
  const angle = angleAt(view, 40);
  const eye = [f(sin(angle) * 17), 10, f(cos(angle) * 17)] as const;
  const out = new Float32Array(24);
  out.set(multiply(perspective(0.85, view.width / view.height, 1, 100), lookAt(eye, [0, -1.6, 0])));
  out.set([...eye, 0, angle], 16);
  return out;
}

function prism(): Float32Array {
  const out: number[] = [];
  const corner = (angle: number, y: number) => [f(sin(angle) * f(0.54)), y, f(cos(angle) * f(0.54))];
  for (let side = 0; side < 6; side++) {
    const [from, to] = [f(side * f(1.0471976)), f((side + 1) * f(1.0471976))];
    const middle = f(from + f(0.5235988));
    const normal = [sin(middle), 0, cos(middle)];
    const up = [0, 1, 0];
    out.push(0, 1, 0, ...up, ...corner(from, 1), ...up, ...corner(to, 1), ...up);
    const wall: [number, number][] = [
      [from, 1],
      [from, 0],
      [to, 0],
      [to, 1],
      [from, 1],
      [to, 0],
    ];
    for (const [angle, y] of wall) out.push(...corner(angle, y), ...normal);
  }
  return new Float32Array(out);
}

function honeycomb(): Float32Array {
  const out: number[] = [];
  for (let row = -RINGS; row <= RINGS; row++) {
    for (let column = Math.max(-RINGS, -RINGS - row); column <= Math.min(RINGS, RINGS - row); column++) {
      const noise = Math.imul(row * 73 + column * 151 + 99991, 2654435761) >>> 24;
      out.push(column + row * 0.5, f(row * f(0.8660254)), f(noise * f(0.22 / 255)));
    }
  }
  return new Float32Array(out);
}
