import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { anisotropyLimit, samplesRight } from '../../host/gpu/anisotropy.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { bits, Stream } from './document.ts';
import { black, newReplay, openTestGpu, Picture, pipeline, target } from './fixture.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
});
afterAll(() => gpu.close());

const sampler = (maxAnisotropy: number) => ({
  id: 2,
  magFilter: 'linear',
  minFilter: 'linear',
  mipmapFilter: 'linear',
  lodMaxClamp: 32,
  maxAnisotropy,
});

/** A shader that samples a texture at the same coordinates in every pixel. */
const SHADER = `
@group(0) @binding(0) var texels: texture_2d<f32>;
@group(0) @binding(1) var filtering: sampler;
@vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1);
}
@fragment fn fs() -> @location(0) vec4f { return textureSample(texels, filtering, vec2f(0.375, 0.5)); }`;

test.each([1, 2, 16])('a game that asks for maxAnisotropy %i gets the colour of a texel', async (maxAnisotropy) => {
  const replay = newReplay(gpu.device);
  const picture = new Picture(gpu.device, 16);
  const size = { width: 4, height: 4, depthOrArrayLayers: 1 };
  const stream = new Stream()
    .command('createTexture', {
      id: 2,
      ...size,
      mipLevelCount: 1,
      sampleCount: 1,
      dimension: '2d',
      format: 'rgba8unorm',
      usage: bits('TextureUsage', 'TEXTURE_BINDING COPY_DST'),
    })
    .command('writeTexture', { texture: 2, ...size, bytesPerRow: 16, rowsPerImage: 4, data: texels() })
    .command('createTextureView', { id: 2, texture: 2, usage: 0 })
    .command('createSampler', sampler(maxAnisotropy))
    .command('createShaderModule', { id: 2, code: SHADER })
    .command('createRenderPipeline', { id: 2, vertexModule: 2, fragmentModule: 2, targets: [target], ...pipeline })
    .command('getRenderBindGroupLayout', { id: 2, pipeline: 2 })
    .command('createBindGroup', {
      id: 2,
      layout: 2,
      entries: [
        { binding: 0, view: 2 },
        { binding: 1, sampler: 2 },
      ],
    })
    .command('beginRenderPass', { colorAttachments: [black] })
    .command('setPipeline', { pipeline: 2 })
    .command('setBindGroup', { index: 0, bindGroup: 2 })
    .command('draw', { vertexCount: 3, instanceCount: 1 })
    .command('endRenderPass')
    .command('submit');
  replay.run(stream.submission, picture);
  const at = await picture.read();
  const colours = new Set(Array.from({ length: 256 }, (_, n) => at(n % 16, n >> 4)));
  expect([...colours]).toEqual(['40 200 60 255']);
  replay.destroy();
});

/** RGBA texels of four stripes from left to right, of which the second is green. */
function texels(): Uint8Array {
  const row = [255, 0, 0, 255, 40, 200, 60, 255, 0, 0, 255, 255, 255, 255, 0, 255];
  return Uint8Array.from([...row, ...row, ...row, ...row]);
}

test('a sampler keeps its maxAnisotropy on a GPU that filters rightly, and has 1 on one that does not', async () => {
  const other = await openTestGpu('null');
  const made = vi.spyOn(other.device, 'createSampler');
  for (const limit of [16, 1]) {
    anisotropyLimit(other.device).max = limit;
    for (const wanted of [1, 8, 16]) {
      const replay = newReplay(other.device);
      replay.run(new Stream().command('createSampler', sampler(wanted)).submission);
      replay.destroy();
    }
  }
  expect(made.mock.calls.map(([descriptor]) => descriptor?.maxAnisotropy)).toEqual([1, 8, 16, 1, 1, 1]);
  made.mockRestore();
  other.close();
});

test('anisotropic filtering is off on a GPU only if the probe sees it fail there', async () => {
  expect(await samplesRight(gpu.device, 1)).toBe(true);
  const right = await samplesRight(gpu.device, 2);
  expect(anisotropyLimit(gpu.device).max).toBe(right ? 16 : 1);
});

test('the probe for anisotropic filtering fails if its picture stays black', async () => {
  // The null backend draws nothing.
  const other = await openTestGpu('null');
  expect(await samplesRight(other.device, 2)).toBe(false);
  expect(anisotropyLimit(other.device).max).toBe(16);
  other.close();
});
