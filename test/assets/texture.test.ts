import { describe, expect, it } from 'vitest';
import { u8 } from '../../assets/element.ts';
import { encodeTexture } from '../../assets/texture/encode.ts';
import { blockLevel, type Image, makeLevels, type Role } from '../../assets/texture/levels.ts';
import { encodeTextures } from '../../assets/texture/pool.ts';
import { must } from '../../host/base/assert.ts';
import { openTestGpu } from '../gpu/fixture.ts';
import { picture } from './models.ts';

function image(size: number, color: (x: number, y: number) => number[]): Image {
  const data = new Uint8Array(size * size * 4);
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) data.set(color(x, y), (y * size + x) * 4);
  return { width: size, height: size, data };
}

const texel = ({ data, width }: Image, x: number, y: number) => [
  ...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 4),
];

const secondLevel = (image: Image, role: Role) => must(makeLevels(image, role)[1], 'second level');

describe('mip levels', () => {
  it('mix colours in linear light: a checkerboard of black and white becomes 188, not 128', () => {
    const checker = image(8, (x, y) => [...Array(3).fill(((x ^ y) & 1) * 255), 255]);
    const levels = makeLevels(checker, 'color');
    expect(levels.map(({ width }) => width)).toEqual([8, 4, 2, 1]);
    for (const level of levels.slice(1)) expect(texel(level, 0, 0)).toEqual([188, 188, 188, 255]);
    expect(texel(secondLevel(checker, 'metalRough'), 0, 0)).toEqual([128, 128, 128, 255]);
  });

  it('do not mix in the colours of transparent texels', () => {
    const leaf = image(4, (x) => (x < 3 ? [0, 0, 0, 0] : [40, 200, 80, 255]));
    expect(texel(secondLevel(leaf, 'color'), 1, 0)).toEqual([40, 200, 80, 128]);
  });

  it('keep normals at length 1, and weigh all texels of odd sizes equally', () => {
    const ridge = image(4, (x) => (x % 2 === 0 ? [218, 128, 218, 255] : [38, 128, 218, 255]));
    expect(texel(secondLevel(ridge, 'normal'), 0, 0)[2]).toBeGreaterThan(253);
    const data = new Uint8Array(12 * 4).fill(255);
    for (const [x, value] of [0, 90, 180, 0, 90, 180, 0, 90, 180].entries()) data[x * 4] = value;
    const three = { width: 3, height: 4, data };
    expect(texel(secondLevel(three, 'occlusion'), 0, 0)[0]).toBeLessThan(128);
  });
});

/** Decodes a compressed mip level on the GPU. Resolves with RGBA texels. */
async function decoded(level: ReturnType<typeof blockLevel>, format: GPUTextureFormat): Promise<Uint8Array> {
  const gpu = await openTestGpu('vulkan');
  const { device } = gpu;
  const { width, height, bytesPerRow, data } = level;
  const texture = device.createTexture({
    size: [width, height],
    format,
    usage: GPUTextureUsage.COPY_DST | GPUTextureUsage.TEXTURE_BINDING,
  });
  device.queue.writeTexture({ texture }, data as Uint8Array<ArrayBuffer>, { bytesPerRow }, [width, height]);
  const out = device.createBuffer({
    size: width * height * 4,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
  });
  const read = device.createBuffer({
    size: width * height * 4,
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
  });
  const module = device.createShaderModule({
    code: `@group(0) @binding(0) var t: texture_2d<f32>;
      @group(0) @binding(1) var<storage, read_write> out: array<u32>;
      @compute @workgroup_size(8, 8) fn main(@builtin(global_invocation_id) id: vec3u) {
        let size = textureDimensions(t);
        out[id.y * size.x + id.x] = pack4x8unorm(textureLoad(t, id.xy, 0));
      }`,
  });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const entries = [
    { binding: 0, resource: texture.createView() },
    { binding: 1, resource: { buffer: out } },
  ];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(width / 8, height / 8);
  pass.end();
  encoder.copyBufferToBuffer(out, 0, read, 0, width * height * 4);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const result = new Uint8Array(read.getMappedRange()).slice();
  gpu.close();
  return result;
}

/**
 * Returns the peak signal-to-noise ratio of two RGBA images in dB.
 * @param channels the channels of `a`
 * @param source the channels of `b` that they are compared with
 */
function psnr(a: Uint8Array, b: Uint8Array, channels: number[], source = channels): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 4)
    for (const [k, channel] of channels.entries()) sum += (u8(a, i + channel) - u8(b, i + (source[k] ?? channel))) ** 2;
  return 10 * Math.log10(255 ** 2 / Math.max(sum / ((a.length / 4) * channels.length), 1e-9));
}

describe('compressed blocks', () => {
  const photo = image(64, (x, y) => {
    const wave = Math.sin(x / 7) * Math.cos(y / 5);
    return [128 + wave * 90, (x * 4 + y) & 255, 200 - y * 2 + wave * 30, x < 32 ? 255 : 255 - y * 3].map((v) =>
      Math.max(0, Math.min(255, Math.round(v))),
    );
  });

  it.each<[Role, GPUTextureFormat, number[], number[], number]>([
    ['color', 'bc7-rgba-unorm', [0, 1, 2, 3], [0, 1, 2, 3], 38],
    ['metalRough', 'bc5-rg-unorm', [0, 1], [1, 2], 40],
    ['normal', 'bc5-rg-unorm', [0, 1], [0, 1], 40],
    ['occlusion', 'bc4-r-unorm', [0], [0], 42],
  ])('of %s as %s are decoded by the GPU to nearly the same image', async (role, format, channels, source, least) => {
    const level = blockLevel(photo, role);
    expect(psnr(await decoded(level, format), photo.data, channels, source)).toBeGreaterThan(least);
  });

  it('keep opaque texels opaque, and a single colour exact', async () => {
    const flat = image(8, () => [201, 33, 90, 255]);
    const texels = await decoded(blockLevel(flat, 'color'), 'bc7-rgba-unorm');
    expect(texels[3]).toBe(255);
    for (const [k, value] of [201, 33, 90].entries()) expect(Math.abs(u8(texels, k) - value)).toBeLessThanOrEqual(1);
  });
});

describe('textures', () => {
  it('with any number of channels get compressed and plain levels', async () => {
    for (const color of [
      (x: number) => [x * 4],
      (x: number) => [x * 4, 128],
      (x: number) => [x * 4, 0, 9],
      () => [1, 2, 3, 4],
    ]) {
      const file = await picture(32, color);
      const { blocks, plain } = await encodeTexture({ file, role: 'color', width: 32, height: 32 });
      expect(blocks.map(({ width }) => width)).toEqual([32, 16, 8, 4, 4, 4]);
      expect(plain.map(({ width }) => width)).toEqual([32, 16, 8, 4, 2, 1]);
      expect(plain[0]?.data.length).toBe(32 * 32 * 4);
    }
  });

  it('that are large are encoded in worker threads, and a broken one ends the work', async () => {
    const good = await picture(300, (x, y) => [x & 255, y & 255, 0]);
    const done: number[] = [];
    const job = (file: Uint8Array) => ({
      file,
      role: 'color' as const,
      width: 600,
      height: 600,
      done: ({ plain }: { plain: { width: number }[] }) => void done.push(plain[0]?.width ?? 0),
      failed(message: string): never {
        throw new Error(`refused: ${message}`);
      },
    });
    await encodeTextures([job(good), job(good), job(good)]);
    expect(done).toEqual([300, 300, 300]);
    await expect(encodeTextures([job(good.subarray(0, 400))])).rejects.toThrow(/^refused: /);
  });
});
