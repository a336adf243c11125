import { anisotropyLimit } from '../../../host/gpu/anisotropy.ts';
import { f, lookAt, multiply, perspective, rotationX, rotationY, sqrt } from './maths.ts';
import { angleAt, type Frame, filled, wgsl } from './port.ts';

const SIZE = 256;
const TILES = 4;

/** Draws the picture of renderer/examples/cube.ts. */
export function render(device: GPUDevice, texture: GPUTexture, view: Frame): void {
  const module = device.createShaderModule({ code: wgsl('cube') });
  const float = (shaderLocation: number, offset: number, format: GPUVertexFormat) => ({
    shaderLocation,
    offset,
    format,
  });
  const pipeline = device.createRenderPipeline({
    layout: 'auto',
    vertex: {
      module,
      entryPoint: 'cube',
      buffers: [
        {
          arrayStride: 32,
          attributes: [float(0, 0, 'float32x3'), float(1, 12, 'float32x3'), float(2, 24, 'float32x2')],
        },
      ],
    },
    primitive: { cullMode: 'back' },
    fragment: { module, entryPoint: 'inlay', targets: [{ format: 'rgba8unorm' }] },
  });
  const backdrop = device.createRenderPipeline({
    layout: 'auto',
    vertex: { module, entryPoint: 'everywhere' },
    fragment: { module, entryPoint: 'backdrop', targets: [{ format: 'rgba8unorm' }] },
  });
  const sampler = device.createSampler({
    addressModeU: 'repeat',
    addressModeV: 'repeat',
    magFilter: 'linear',
    minFilter: 'linear',
    mipmapFilter: 'linear',
    maxAnisotropy: Math.min(8, anisotropyLimit(device).max),
  });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [
      { binding: 0, resource: { buffer: filled(device, uniforms(view), GPUBufferUsage.UNIFORM) } },
      { binding: 1, resource: inlay(device).createView() },
      { binding: 2, resource: sampler },
    ],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: texture.createView(), loadOp: 'clear', storeOp: 'store' }],
  });
  pass.setPipeline(backdrop);
  pass.draw(3);
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.setVertexBuffer(0, filled(device, vertices(), GPUBufferUsage.VERTEX));
  pass.draw(36);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

function uniforms(view: Frame): Float32Array {
  const angle = angleAt(view, 24);
  const aspect = f(view.width / view.height);
  const far = f(f(5.5) * Math.max(1, f(1 / aspect)));
  const eye = [0, f(f(0.26) * far), far] as const;
  const out = new Float32Array(36);
  out.set(multiply(perspective(0.65, aspect, 0.1, 50), lookAt(eye, [0, 0, 0])));
  out.set(multiply(rotationY(f(2 * angle)), rotationX(angle)), 16);
  out.set(eye, 32);
  return out;
}

function vertices(): Float32Array {
  const out: number[] = [];
  for (let face = 0; face < 6; face++) {
    const axis = face >> 1;
    const side = face % 2 === 0 ? 1 : -1;
    for (const corner of [0, 1, 2, 2, 1, 3]) {
      const [u, v] = [corner & 1, corner >> 1];
      const vertex = [0, 0, 0, 0, 0, 0, u, v];
      vertex[axis] = side;
      vertex[(axis + 1) % 3] = (2 * u - 1) * side;
      vertex[(axis + 2) % 3] = 2 * v - 1;
      vertex[3 + axis] = side;
      out.push(...vertex);
    }
  }
  return new Float32Array(out);
}

function inlay(device: GPUDevice): GPUTexture {
  const texture = device.createTexture({
    size: [SIZE, SIZE],
    mipLevelCount: 9,
    format: 'rgba8unorm-srgb',
    usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
  });
  let texel = (x: number, y: number): readonly number[] => paint(x, y);
  for (let mipLevel = 0, size = SIZE; mipLevel < 9; mipLevel++, size /= 2) {
    const data = new Uint8Array(size * size * 4);
    for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) data.set(texel(x, y), (y * size + x) * 4);
    device.queue.writeTexture({ texture, mipLevel }, data, { bytesPerRow: size * 4 }, [size, size]);
    const side = size;
    const fetch = (x: number, y: number, channel: number) => data[(y * side + x) * 4 + channel] ?? 0;
    texel = (x, y) =>
      [0, 1, 2, 3].map((channel) => {
        const pair = (row: number) => fetch(2 * x, row, channel) + fetch(2 * x + 1, row, channel);
        return (pair(2 * y) + pair(2 * y + 1) + 2) >> 2;
      });
  }
  return texture;
}

function paint(x: number, y: number): number[] {
  const tile = SIZE / TILES;
  const [column, row] = [Math.floor(x / tile), Math.floor(y / tile)];
  const u = ((x % tile) + 0.5) / tile;
  const v = ((y % tile) + 0.5) / tile;
  const across = (column * 5 + row * 3 + column * row) % 3 === 0 ? 1 - u : u;
  // Products of these multiples of 1/128 are exact, but their square roots are rounded.
  const near = Math.abs(f(sqrt(across * across + v * v) - 0.5));
  const other = Math.abs(f(sqrt((1 - across) ** 2 + (1 - v) ** 2) - 0.5));
  const distance = Math.min(near, other);
  const soften = (d: number) => Math.max(0, Math.min(1, f(f(f(d) * 43) + 0.5)));
  const gold = f(soften(f(f(0.15) - distance)) * soften(f(distance - f(0.03))));
  const mix = (from: number, to: number) => Math.floor(f(f(from + f((to - from) * gold)) + 0.5));
  return [mix(18, 236), mix(44, 172), mix(62, 92), mix(0, 255)];
}
