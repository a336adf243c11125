/** Limits the host's memory that a module's GPU objects take, beside their contents: GPU_OBJECT_BYTES_MAX. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { GROUP_ENTRY_BYTES, LAYOUT_ENTRY_BYTES, OBJECT_BYTES } from '../../host/gpu/cost.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { Stream, type Values } from './document.ts';
import { fault, newReplay, openTestGpu, pipeline, TRIANGLE, target } from './fixture.ts';

let gpu: Gpu;
let idle: Gpu;
beforeAll(async () => {
  [gpu, idle] = await Promise.all([openTestGpu('vulkan'), openTestGpu('null')]);
});
afterAll(() => {
  gpu.close();
  idle.close();
});

const defaults = readConfig({});
const MIB = 2 ** 20;
type Kind = keyof typeof OBJECT_BYTES;

const COMPUTE = `override gain: f32; @group(0) @binding(0) var<storage, read_write> data: array<f32>;
@compute @workgroup_size(1) fn main() { data[0] = gain; }`;
const CODE = COMPUTE.length;
const storage = { binding: 0, visibility: 4, bufferType: 'storage' };
const shape = { width: 4, height: 4, depthOrArrayLayers: 1, mipLevelCount: 1, sampleCount: 1, dimension: '2d' };
const bundle = { colorFormats: [{ format: 'rgba8unorm' }], sampleCount: 1 };

/** For each kind: the command that creates an object, and the bytes that it costs. All use objects of index 2. */
const kinds: Record<Kind, { command: string; values?: (id: number) => Values; bytes?: number }> = {
  buffer: { command: 'createBuffer', values: () => ({ size: 4, usage: 8 }) },
  texture: { command: 'createTexture', values: () => ({ ...shape, format: 'rgba8unorm', usage: 4 }) },
  textureView: { command: 'createTextureView', values: () => ({ texture: 2 }) },
  sampler: { command: 'createSampler', values: () => ({ maxAnisotropy: 1 }) },
  bindGroupLayout: {
    command: 'createBindGroupLayout',
    values: (id) => ({ entries: [{ ...storage, minBindingSize: 4 * id }] }),
    bytes: OBJECT_BYTES.bindGroupLayout + LAYOUT_ENTRY_BYTES,
  },
  pipelineLayout: { command: 'createPipelineLayout', values: () => ({ layouts: [{ layout: 2 }] }) },
  bindGroup: {
    command: 'createBindGroup',
    values: () => ({ layout: 2, entries: [{ buffer: 2 }] }),
    bytes: OBJECT_BYTES.bindGroup + GROUP_ENTRY_BYTES,
  },
  shaderModule: {
    command: 'createShaderModule',
    values: () => ({ code: COMPUTE }),
    bytes: OBJECT_BYTES.shaderModule + 640 * CODE,
  },
  renderPipeline: {
    command: 'createRenderPipeline',
    values: () => ({ vertexModule: 3, fragmentModule: 3, targets: [target], ...pipeline }),
    bytes: OBJECT_BYTES.renderPipeline + 64 * TRIANGLE.length,
  },
  computePipeline: {
    command: 'createComputePipeline',
    values: (id) => ({ module: 2, constants: 'gain', values: [{ value: id }] }),
    bytes: OBJECT_BYTES.computePipeline + 64 * CODE,
  },
  querySet: { command: 'createQuerySet', values: () => ({ type: 'occlusion', count: 1 }) },
  renderBundle: { command: 'finishRenderBundle' },
};

/** Commands that create the objects from which those of `kinds` are made. Index 2 of each kind. */
const setUp = new Stream()
  .command('createBuffer', { id: 2, size: 256, usage: 128 })
  .command('createTexture', { id: 2, ...shape, format: 'rgba8unorm', usage: 4 })
  .command('createShaderModule', { id: 2, code: COMPUTE })
  .command('createShaderModule', { id: 3, code: TRIANGLE })
  .command('createBindGroupLayout', { id: 2, entries: [storage] });

function create(kind: Kind, id: number, stream = new Stream()): Stream {
  const { command, values } = kinds[kind];
  if (kind === 'renderBundle') stream.command('createRenderBundleEncoder', bundle);
  return stream.command(command, { id, ...values?.(id) });
}

describe('each object counts against GPU_OBJECT_BYTES_MAX until it is destroyed:', () => {
  it.each(Object.keys(kinds) as Kind[])('%s', (kind) => {
    const bytes = kinds[kind].bytes ?? OBJECT_BYTES[kind];
    const before = newReplay(idle.device);
    before.run(setUp.submission);
    const { objectBytes } = before.stats();
    before.destroy();
    expect(before.stats().objectBytes).toBe(0);

    const limited = (gpuObjectBytesMax: number) => {
      const replay = newReplay(idle.device, { limits: { ...defaults, gpuObjectBytesMax } });
      replay.run(setUp.submission);
      replay.run(create(kind, 10).submission);
      return replay;
    };
    const three = objectBytes + 3 * bytes;
    const replay = limited(three);
    replay.run(create(kind, 11).submission);
    replay.run(create(kind, 12).submission);
    expect(replay.stats().objectBytes).toBe(three);
    replay.run(new Stream().command('destroy', { kind, object: 11 }).submission);
    expect(replay.stats().objectBytes).toBe(three - bytes);
    replay.run(create(kind, 13).submission);
    expect(fault(replay, create(kind, 14))).toMatch(/^NL_COMMAND: .*\(GPU_OBJECT_BYTES_MAX\): 0/);
    replay.destroy();

    const lower = limited(three - 1);
    lower.run(create(kind, 11).submission);
    expect(fault(lower, create(kind, 12))).toMatch(/^NL_COMMAND: .*\(GPU_OBJECT_BYTES_MAX\)/);
    lower.destroy();
  });

  it('objects that are created asynchronously count as well', () => {
    const gpuObjectBytesMax = 2 * MIB;
    const replay = newReplay(idle.device, { limits: { ...defaults, gpuObjectBytesMax } });
    const stream = new Stream().command('createShaderModule', { id: 2, code: COMPUTE });
    for (let id = 2; id < 32; id++)
      stream.command('createComputePipelineAsync', { id, module: 2, constants: 'gain', values: [{ value: id }] });
    expect(fault(replay, stream)).toMatch(/createComputePipelineAsync.*GPU_OBJECT_BYTES_MAX/);
    replay.destroy();
  });
});

describe("a module's objects take no more of the host's memory than they count as:", () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const residentMib = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
  /** Memory that the JavaScript engine and allocators keep for later. */
  const SLACK_MIB = 48;
  const LIMIT_MIB = 96;

  it.each([
    'buffer',
    'texture',
    'sampler',
    'bindGroupLayout',
    'pipelineLayout',
    'querySet',
    'computePipeline',
  ] as const)('as many %ss as the limit allows', async (kind) => {
    const limits = { ...defaults, gpuObjectBytesMax: LIMIT_MIB * MIB, shaderMsMax: 600_000, replayMsMax: 600_000 };
    const replay = newReplay(gpu.device, { limits });
    replay.run(setUp.submission);
    gc();
    const before = residentMib();
    let message = '';
    for (let id = 10; message === ''; ) {
      const stream = new Stream();
      for (let n = 0; n < 100; n++) create(kind, id++, stream);
      message = fault(replay, stream);
    }
    await gpu.device.queue.onSubmittedWorkDone();
    gc();
    expect(message).toMatch(/GPU_OBJECT_BYTES_MAX|the index of a/);
    expect(residentMib() - before).toBeLessThan(LIMIT_MIB + SLACK_MIB);
    replay.destroy();
  });
});
