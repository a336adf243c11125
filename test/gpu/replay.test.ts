/** Runs valid streams on a real device and looks at what they draw and compute. The streams are encoded from ABI.md alone. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { eventually } from '../wait.ts';
import { bits, Stream } from './document.ts';
import { black, fault, newReplay, openTestGpu, Picture, pipeline, redPipeline, target, texture16 } from './fixture.ts';

let gpu: Gpu;
let device: GPUDevice;
const replays: CommandReplay[] = [];

beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
  device = gpu.device;
});
afterAll(() => {
  for (const replay of replays) replay.destroy();
  gpu.close();
});

function start(options: Parameters<typeof newReplay>[1] = {}): CommandReplay {
  const replay = newReplay(device, options);
  replays.push(replay);
  return replay;
}

const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const BLACK = '0 0 0 255';
const RED = '255 0 0 255';
const GREEN = '0 255 0 255';
const BLUE = '0 0 255 255';

describe('drawing', () => {
  it('the replay draws a triangle into the picture', async () => {
    const replay = start();
    replay.run(redPipeline().submission);
    const picture = new Picture(device);
    const frame = new Stream()
      .command('beginRenderPass', { label: 'main', colorAttachments: [black] })
      .command('setPipeline', { pipeline: 2 })
      .command('setScissorRect', { x: 0, y: 0, width: 8, height: 16 })
      .command('draw', { vertexCount: 3, instanceCount: 1 })
      .command('endRenderPass')
      .command('submit');
    for (let n = 0; n < 3; n++) replay.run(frame.submission, picture);
    const at = await picture.read();
    expect([at(2, 8), at(12, 8)]).toEqual([RED, BLACK]);
    expect(replay.stats()).toMatchObject({ objects: 2, bytes: 0, commands: 2 + 3 * 6 });
  });

  it('the replay draws indexed, instanced and indirect, with dynamic offsets', async () => {
    const code = `
      @group(0) @binding(0) var<uniform> colour: vec4f;
      struct Out { @builtin(position) place: vec4f, @location(0) colour: vec4f }
      @vertex fn vs(@location(0) corner: vec2f, @location(1) shift: vec2f) -> Out {
        return Out(vec4f(corner + shift, 0, 1), colour);
      }
      @fragment fn fs(in: Out) -> @location(0) vec4f { return in.colour; }`;
    const replay = start();
    const setup = new Stream()
      .command('createBuffer', { id: 2, size: 32, usage: bits('BufferUsage', 'VERTEX COPY_DST') })
      .command('writeBuffer', { buffer: 2, data: floats(0, 0, 0.5, 0, 0, 0.5, 0.5, 0.5) })
      .command('createBuffer', { id: 3, size: 16, usage: bits('BufferUsage', 'VERTEX COPY_DST') })
      .command('writeBuffer', { buffer: 3, data: floats(-1, 0.5, 0.5, 0.5) })
      .command('createBuffer', { id: 4, size: 12, usage: bits('BufferUsage', 'INDEX COPY_DST') })
      .command('writeBuffer', { buffer: 4, data: new Uint8Array(Uint16Array.from([0, 1, 2, 2, 1, 3]).buffer) })
      .command('createBuffer', { id: 5, size: 512, usage: bits('BufferUsage', 'UNIFORM COPY_DST') })
      .command('writeBuffer', { buffer: 5, offset: 0, data: floats(0, 1, 0, 1) })
      .command('writeBuffer', { buffer: 5, offset: 256, data: floats(0, 0, 1, 1) })
      .command('createBuffer', { id: 6, size: 24, usage: bits('BufferUsage', 'INDIRECT COPY_DST') })
      .command('writeBuffer', { buffer: 6, offset: 4, data: words(6, 1, 0, 0, 0) })
      .command('createBindGroupLayout', {
        id: 2,
        entries: [{ visibility: bits('ShaderStage', 'VERTEX'), bufferType: 'uniform', hasDynamicOffset: true }],
      })
      .command('createPipelineLayout', { id: 2, layouts: [{ layout: 2 }] })
      .command('createBindGroup', { id: 2, layout: 2, entries: [{ buffer: 5, size: 16 }] })
      .command('createShaderModule', { id: 2, code })
      .command('createRenderPipeline', {
        id: 2,
        layout: 2,
        vertexModule: 2,
        fragmentModule: 2,
        vertexEntryPoint: 'vs',
        fragmentEntryPoint: 'fs',
        buffers: [
          { arrayStride: 8, stepMode: 'vertex', attributeCount: 1 },
          { arrayStride: 8, stepMode: 'instance', attributeCount: 1 },
        ],
        attributes: [
          { format: 'float32x2', shaderLocation: 0 },
          { format: 'float32x2', shaderLocation: 1 },
        ],
        targets: [target],
        ...pipeline,
      });
    replay.run(setup.submission);
    const picture = new Picture(device);
    const frame = new Stream()
      .command('beginRenderPass', { colorAttachments: [black] })
      .command('setPipeline', { pipeline: 2 })
      .command('setVertexBuffer', { slot: 0, buffer: 2 })
      .command('setVertexBuffer', { slot: 1, buffer: 3 })
      .command('setIndexBuffer', { buffer: 4, format: 'uint16' })
      .command('setBindGroup', { bindGroup: 2, dynamicOffsets: [0] })
      .command('drawIndexed', { indexCount: 6, instanceCount: 2 })
      .command('setVertexBuffer', { slot: 1, buffer: 2, offset: 16, size: 8 })
      .command('setBindGroup', { bindGroup: 2, dynamicOffsets: [256] })
      .command('drawIndexedIndirect', { buffer: 6, offset: 4 })
      .command('endRenderPass')
      .command('submit');
    replay.run(frame.submission, picture);
    const at = await picture.read();
    expect([at(2, 2), at(14, 2), at(9, 2), at(14, 13), at(9, 6)]).toEqual([GREEN, GREEN, BLUE, BLACK, BLACK]);
  });

  it('the replay tests depth, and draws indirect', async () => {
    const code = `
      @vertex fn vs(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> @builtin(position) vec4f {
        return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, select(0.75, 0.25, n == 0), 1);
      }
      @fragment fn fs(@builtin(position) at: vec4f) -> @location(0) vec4f {
        return select(vec4f(1, 0, 0, 1), vec4f(0, 1, 0, 1), at.z < 0.5);
      }`;
    const replay = start();
    const setup = new Stream()
      .command('createTexture', {
        id: 2,
        width: 16,
        height: 16,
        depthOrArrayLayers: 1,
        mipLevelCount: 1,
        sampleCount: 1,
        dimension: '2d',
        format: 'depth32float',
        usage: bits('TextureUsage', 'RENDER_ATTACHMENT'),
      })
      .command('createTextureView', { id: 2, texture: 2 })
      .command('createBuffer', { id: 2, size: 16, usage: bits('BufferUsage', 'INDIRECT COPY_DST') })
      .command('writeBuffer', { buffer: 2, data: words(3, 2, 0, 0) })
      .command('createShaderModule', { id: 2, code })
      .command('createRenderPipeline', {
        id: 2,
        vertexModule: 2,
        fragmentModule: 2,
        targets: [target],
        ...pipeline,
        depthFormat: 'depth32float',
        depthWriteEnabled: true,
        depthCompare: 'less',
      });
    replay.run(setup.submission);
    const picture = new Picture(device);
    const depth = { depthView: 2, depthLoadOp: 'clear', depthStoreOp: 'discard', depthClearValue: 1 };
    const frame = new Stream()
      .command('beginRenderPass', { ...depth, colorAttachments: [black] })
      .command('setPipeline', { pipeline: 2 })
      .command('drawIndirect', { buffer: 2, offset: 0 })
      .command('endRenderPass')
      .command('submit');
    replay.run(frame.submission, picture);
    expect((await picture.read())(8, 8)).toBe(GREEN);
    expect(replay.stats().bytes).toBe(16 * 16 * 4 + 16);
  });

  it('the replay uploads a texture from memory and from an asset, and a shader samples it', async () => {
    const code = `
      @group(0) @binding(0) var image: texture_2d<f32>;
      @group(0) @binding(1) var nearest: sampler;
      @vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
        return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1);
      }
      @fragment fn fs(@builtin(position) at: vec4f) -> @location(0) vec4f {
        return textureSampleLevel(image, nearest, at.xy / 16, 0);
      }`;
    const asset = Uint8Array.from([9, 9, 9, 9, 0, 0, 255, 255, 0, 255, 0, 255]);
    const replay = start({ asset: (handle) => (handle === 3 ? asset : undefined) });
    const setup = new Stream()
      .command('createTexture', {
        id: 2,
        width: 2,
        height: 2,
        depthOrArrayLayers: 1,
        mipLevelCount: 1,
        sampleCount: 1,
        dimension: '2d',
        format: 'rgba8unorm',
        usage: bits('TextureUsage', 'TEXTURE_BINDING COPY_DST'),
      })
      .command('writeTexture', {
        texture: 2,
        width: 2,
        height: 1,
        depthOrArrayLayers: 1,
        data: Uint8Array.from([255, 0, 0, 255, 0, 255, 0, 255]),
      })
      .command('writeTextureFromAsset', {
        texture: 2,
        originY: 1,
        width: 2,
        height: 1,
        depthOrArrayLayers: 1,
        asset: 3,
        assetOffset: 4,
        size: 8,
      })
      .command('createTextureView', { id: 2, texture: 2 })
      .command('createSampler', { id: 2, maxAnisotropy: 1, lodMaxClamp: 32 })
      .command('createShaderModule', { id: 2, code })
      .command('createRenderPipeline', { id: 2, vertexModule: 2, fragmentModule: 2, targets: [target], ...pipeline })
      .command('getRenderBindGroupLayout', { id: 2, pipeline: 2, index: 0 })
      .command('createBindGroup', {
        id: 2,
        layout: 2,
        entries: [
          { binding: 0, view: 2 },
          { binding: 1, sampler: 2 },
        ],
      });
    replay.run(setup.submission);
    const picture = new Picture(device);
    const frame = new Stream()
      .command('beginRenderPass', { colorAttachments: [black] })
      .command('setPipeline', { pipeline: 2 })
      .command('setBindGroup', { bindGroup: 2 })
      .command('draw', { vertexCount: 3, instanceCount: 1 })
      .command('endRenderPass')
      .command('submit');
    replay.run(frame.submission, picture);
    const at = await picture.read();
    expect([at(3, 3), at(12, 3), at(3, 12), at(12, 12)]).toEqual([RED, GREEN, BLUE, GREEN]);
  });
});

describe('computing', () => {
  it('a compute pass writes a buffer, which is copied, and a reply comes when that is done', async () => {
    const reply = vi.fn((record: ArrayLike<number>) => Array.from(record));
    const replay = start({ reply });
    const code = `
      @group(0) @binding(0) var<storage, read_write> out: array<u32>;
      @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) { out[id.x] = 0xff0000ffu + id.x; }`;
    const stream = new Stream()
      .command('createBuffer', { id: 2, size: 1024, usage: bits('BufferUsage', 'STORAGE COPY_SRC COPY_DST') })
      .command('createBuffer', { id: 3, size: 1024, usage: bits('BufferUsage', 'COPY_SRC COPY_DST') })
      .command('createBuffer', { id: 4, size: 12, usage: bits('BufferUsage', 'INDIRECT COPY_DST') })
      .command('writeBuffer', { buffer: 4, data: words(2, 1, 1) })
      .command('createShaderModule', { id: 2, code })
      .command('createComputePipeline', { id: 2, module: 2, entryPoint: 'main' })
      .command('getComputeBindGroupLayout', { id: 2, pipeline: 2, index: 0 })
      .command('createBindGroup', { id: 2, layout: 2, entries: [{ buffer: 2 }] })
      .command('createTexture', texture16('RENDER_ATTACHMENT COPY_SRC COPY_DST', { id: 2 }))
      .command('createTextureView', { id: 2, texture: 2 })
      .command('beginComputePass', { label: 'sum' })
      .command('setComputePipeline', { pipeline: 2 })
      .command('setBindGroup', { bindGroup: 2 })
      .command('dispatchWorkgroups', { x: 1, y: 1, z: 1 })
      .command('dispatchWorkgroupsIndirect', { buffer: 4, offset: 0 })
      .command('endComputePass')
      .command('clearBuffer', { buffer: 2, offset: 16, size: 4 })
      .command('copyBufferToBuffer', { source: 2, destination: 3, size: 64 })
      .command('copyBufferToTexture', {
        buffer: 3,
        bytesPerRow: 256,
        texture: 2,
        width: 8,
        height: 1,
        depthOrArrayLayers: 1,
      })
      .command('copyTextureToBuffer', {
        texture: 2,
        buffer: 3,
        offset: 256,
        bytesPerRow: 256,
        width: 8,
        height: 1,
        depthOrArrayLayers: 1,
      })
      .command('submit')
      .command('onSubmittedWorkDone', { token: 77 });
    replay.run(stream.submission);
    await eventually(() => expect(reply).toHaveBeenCalled());
    expect(reply.mock.results.map(({ value }) => value)).toEqual([[1, 77, 0, 0, 0, 0, 0, 0]]);
    const buffer = device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(replay.tables.buffer.get(3).gpu, 256, buffer, 0, 256);
    device.queue.submit([encoder.finish()]);
    await buffer.mapAsync(GPUMapMode.READ);
    const found = [...new Uint32Array(buffer.getMappedRange()).subarray(0, 8)];
    buffer.destroy();
    expect(found).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((n) => (n === 4 ? 0 : 0xff0000ff + n)));
  });

  it('the replay sends no reply after destroy()', async () => {
    const reply = vi.fn();
    const replay = start({ reply });
    replay.run(new Stream().command('onSubmittedWorkDone', { token: 1 }).submission);
    replay.destroy();
    await device.queue.onSubmittedWorkDone();
    expect(reply).not.toHaveBeenCalled();
  });
});

it('the commands of a picture that no one sees are executed, although its texture was destroyed', async () => {
  const replay = start();
  replay.run(redPipeline().submission);
  const gone = new Picture(device);
  gone.texture.destroy();
  const frame = new Stream()
    .command('createBuffer', { id: 2, size: 64, usage: bits('BufferUsage', 'COPY_DST') })
    .command('beginRenderPass', { colorAttachments: [black] })
    .command('setPipeline', { pipeline: 2 })
    .command('draw', { vertexCount: 3, instanceCount: 1 })
    .command('endRenderPass')
    .command('submit');
  await replay.startUnseen(frame.submission, gone.texture);
  expect(replay.tables.buffer.get(2).gpu.size).toBe(64);
  await device.queue.onSubmittedWorkDone();
  // The device has refused nothing, so the next call does not fail.
  expect(fault(replay, new Stream().command('destroy', { kind: 'buffer', object: 2 }))).toBe('');
});

describe('destroy', () => {
  it('the replay destroys every buffer and texture, and can be destroyed twice', () => {
    const replay = start();
    const stream = new Stream()
      .command('createBuffer', { id: 2, size: 64, usage: bits('BufferUsage', 'COPY_DST') })
      .command('createBuffer', { id: 3, size: 64, usage: bits('BufferUsage', 'COPY_DST') })
      .command('createTexture', {
        id: 9,
        width: 4,
        height: 4,
        depthOrArrayLayers: 1,
        mipLevelCount: 1,
        sampleCount: 1,
        dimension: '2d',
        format: 'rgba8unorm',
        usage: bits('TextureUsage', 'TEXTURE_BINDING'),
      });
    replay.run(stream.submission);
    const buffers = [2, 3].map((id) => vi.spyOn(replay.tables.buffer.get(id).gpu, 'destroy'));
    const texture = vi.spyOn(replay.tables.texture.get(9).gpu, 'destroy');
    replay.run(new Stream().command('destroy', { kind: 'buffer', object: 2 }).submission);
    expect(replay.stats()).toMatchObject({ objects: 2, bytes: 64 + 64 });
    replay.destroy();
    replay.destroy();
    for (const spy of [...buffers, texture]) expect(spy).toHaveBeenCalledTimes(1);
    expect(replay.stats()).toMatchObject({ objects: 0, bytes: 0 });
  });
});
