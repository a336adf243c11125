import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { type Gpu, openGpu } from '../../host/gpu/dawn.ts';
import { type Picture, Readback } from '../../host/video/readback.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await openGpu({ hardwareRequired: false, log: () => {} });
});
afterAll(() => gpu?.close());

type Rgb = readonly [number, number, number];
type Paint = (x: number, y: number) => Rgb;

const luma = ([r, g, b]: Rgb) => (47 * r + 157 * g + 16 * b + 128 + 16 * 256) >> 8;
const blueness = ([r, g, b]: Rgb) => (-26 * r - 86 * g + 112 * b + 512 + 128 * 1024) >> 10;
const redness = ([r, g, b]: Rgb) => (112 * r - 102 * g - 10 * b + 512 + 128 * 1024) >> 10;

/** Draws the pixels that `paint` gives. Uploads them to a texture of its own, because the readback's has no COPY_DST. */
function draw(readback: Readback, paint: Paint): void {
  const { device } = gpu;
  const { width, height, texture } = readback;
  const pixels = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) pixels.set([...paint(x, y), 255], (y * width + x) * 4);
  const usage = GPUTextureUsage.COPY_DST | GPUTextureUsage.TEXTURE_BINDING;
  const source = device.createTexture({
    size: [width, height],
    format: 'rgba8unorm',
    usage,
  });
  device.queue.writeTexture({ texture: source }, pixels, { bytesPerRow: width * 4 }, [width, height]);
  const module = device.createShaderModule({
    code: `@group(0) @binding(0) var source: texture_2d<f32>;
      @vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
        return vec4f(f32(i & 1u) * 4 - 1, f32(i >> 1u) * 4 - 1, 0, 1);
      }
      @fragment fn copy(@builtin(position) at: vec4f) -> @location(0) vec4f { return textureLoad(source, vec2u(at.xy), 0); }`,
  });
  const pipeline = device.createRenderPipeline({
    layout: 'auto',
    vertex: { module },
    fragment: { module, targets: [{ format: 'rgba8unorm' }] },
  });
  const layout = pipeline.getBindGroupLayout(0);
  const bindGroup = device.createBindGroup({
    layout,
    entries: [{ binding: 0, resource: source.createView() }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: texture.createView(), loadOp: 'clear', storeOp: 'store' }],
  });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.draw(3);
  pass.end();
  device.queue.submit([encoder.finish()]);
  source.destroy();
}

/** Counts the samples of the Y, U and V planes that differ from those that the same integer arithmetic gives on the CPU. */
function countWrong(picture: Picture, paint: Paint): number {
  let count = 0;
  const { width, height } = picture;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) if (picture.y[y * picture.yStride + x] !== luma(paint(x, y))) count++;
  for (let y = 0; y < height / 2; y++)
    for (let x = 0; x < width / 2; x++) {
      const total = [0, 0, 0];
      for (const [dx, dy] of [[0, 0], [1, 0], [0, 1], [1, 1]] as const) // biome-ignore format: a 2x2 block
        paint(x * 2 + dx, y * 2 + dy).forEach((value, channel) => {
          total[channel] = (total[channel] ?? 0) + value;
        });
      const sum = total as unknown as Rgb;
      if (picture.u[y * picture.uStride + x] !== blueness(sum)) count++;
      if (picture.v[y * picture.vStride + x] !== redness(sum)) count++;
    }
  return count;
}

const gradient: Paint = (x, y) => [(x * 7 + y) & 255, (x + y * 5) & 255, (x * 3 - y * 2) & 255];

describe('colours', () => {
  // BT.709-6, section 3.5: luma is from 16 to 235, and colour differences are centred on 128.
  it.each([
    ['black', [0, 0, 0], [16, 128, 128]],
    ['white', [255, 255, 255], [235, 128, 128]],
    ['red', [255, 0, 0], [63, 102, 240]],
    ['green', [0, 255, 0], [172, 42, 26]],
    ['blue', [0, 0, 255], [32, 240, 118]],
  ] as const)('converts %s', async (_, rgb, yuv) => {
    const readback = new Readback({ device: gpu.device, width: 64, height: 32 });
    draw(readback, () => rgb);
    const picture = must(await readback.read(), 'picture');
    const found = [picture.y[70] ?? 0, picture.u[40] ?? 0, picture.v[40] ?? 0];
    readback.destroy();
    found.forEach((value, plane) => {
      expect(Math.abs(value - (yuv[plane] ?? 0))).toBeLessThanOrEqual(1);
    });
  });

  it.each([
    [16, 16],
    [64, 32],
    [642, 18],
    [650, 34],
    [1280, 66],
    [128, 720],
  ])('the conversion to YUV is exact for a gradient of %ix%i', async (width, height) => {
    const readback = new Readback({ device: gpu.device, width, height });
    draw(readback, gradient);
    const picture = must(await readback.read(), 'picture');
    expect([picture.width, picture.height]).toEqual([width, height]);
    const count = countWrong(picture, gradient);
    const control = countWrong(picture, (x, y) => gradient(x + 1, y));
    readback.destroy();
    expect(count).toBe(0);
    expect(control).toBeGreaterThan(width);
  });

  it('colours are the same in a snapshot', async () => {
    const readback = new Readback({ device: gpu.device, width: 18, height: 16 });
    draw(readback, gradient);
    const pixels = await readback.snapshot();
    readback.destroy();
    expect(pixels.length).toBe(18 * 16 * 4);
    for (const [x, y] of [
      [0, 0],
      [17, 0],
      [5, 15],
    ] as const)
      expect([...pixels.subarray((y * 18 + x) * 4, (y * 18 + x) * 4 + 4)]).toEqual([...gradient(x, y), 255]);
  });
});

describe('size', () => {
  it.each([
    [14, 16],
    [16, 14],
    [17, 16],
    [16, 17],
  ])('refuses %ix%i', (width, height) => {
    expect(() => new Readback({ device: gpu.device, width, height })).toThrow(RangeError);
  });
});

describe('ring', () => {
  it('a readback holds three pictures, drops a fourth, and has room again after a release', async () => {
    const readback = new Readback({ device: gpu.device, width: 16, height: 16 });
    const pending = [readback.read(), readback.read(), readback.read()];
    expect(pending).not.toContain(undefined);
    expect(readback.read()).toBeUndefined();
    const pictures = await Promise.all(pending);
    expect(readback.read()).toBeUndefined();
    pictures[1]?.release();
    pictures[1]?.release();
    const again = readback.read();
    expect(again).toBeDefined();
    expect(readback.read()).toBeUndefined();
    expect((await again)?.y.length).toBe(256);
    readback.destroy();
  });

  it('a readback empties a picture when it is released', async () => {
    const readback = new Readback({ device: gpu.device, width: 16, height: 16 });
    const picture = must(await readback.read(), 'picture');
    picture.release();
    expect(picture.y.length).toBe(0);
    readback.destroy();
  });

  it('a readback returns pictures in order, each with everything that was drawn before', async () => {
    const readback = new Readback({ device: gpu.device, width: 16, height: 16 });
    const pending = [0, 100, 200].map((level) => {
      draw(readback, () => [level, level, level]);
      return readback.read();
    });
    const levels = (await Promise.all(pending)).map((picture) => picture?.y[0]);
    readback.destroy();
    expect(levels).toEqual([0, 100, 200].map((level) => luma([level, level, level])));
  });
});

describe('destroy', () => {
  it('destroying a readback twice drops the pictures under way, and empties those that are held', async () => {
    const readback = new Readback({ device: gpu.device, width: 16, height: 16 });
    const held = must(await readback.read(), 'picture');
    const pending = [readback.read(), readback.read()];
    readback.destroy();
    readback.destroy();
    expect(await Promise.all(pending)).toEqual([undefined, undefined]);
    expect(held.y.length).toBe(0);
    held.release();
    expect(readback.read()).toBeUndefined();
  });

  it('destroying a readback destroys every buffer and texture that it created', async () => {
    const made: (GPUBuffer | GPUTexture)[] = [];
    const createBuffer = gpu.device.createBuffer.bind(gpu.device);
    const createTexture = gpu.device.createTexture.bind(gpu.device);
    const watch = <T extends GPUBuffer | GPUTexture>(object: T): T => {
      const destroy = object.destroy.bind(object);
      object.destroy = vi.fn(destroy);
      made.push(object);
      return object;
    };
    const spies = [
      vi.spyOn(gpu.device, 'createBuffer').mockImplementation((descriptor) => watch(createBuffer(descriptor))),
      vi.spyOn(gpu.device, 'createTexture').mockImplementation((descriptor) => watch(createTexture(descriptor))),
    ];
    const readback = new Readback({ device: gpu.device, width: 16, height: 16 });
    await readback.snapshot();
    must(await readback.read(), 'picture').release();
    readback.destroy();
    for (const spy of spies) spy.mockRestore();
    expect(made.length).toBe(8);
    for (const { destroy } of made) expect(destroy).toHaveBeenCalled();
  });

  it('destroying the device drops the picture under way', async () => {
    const other = await openGpu({ hardwareRequired: false, log: () => {} });
    const readback = new Readback({
      device: other.device,
      width: 16,
      height: 16,
    });
    const pending = readback.read();
    other.device.destroy();
    expect(await pending).toBeUndefined();
    await other.close();
  });
});
