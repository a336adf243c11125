/** Tests commands that WebGPU refuses, and streams with random faults: no error ends more than the replay that caused it. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { NearlightError } from '../../host/base/errors.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { bits, Stream } from './document.ts';
import {
  begin,
  buffer,
  fault,
  newReplay as openReplay,
  openTestGpu,
  Picture,
  pipeline,
  Replays,
  redPipeline,
  SMALL_TEXTURE,
  TRIANGLE,
  target,
  VERTEX,
} from './fixture.ts';

let gpu: Gpu;
let device: GPUDevice;
let replay: CommandReplay;
let picture: Picture;

beforeAll(async () => {
  gpu = await openTestGpu('null');
  device = gpu.device;
  picture = new Picture(device);
});
afterAll(() => gpu.close());
const { open: newReplay, destroy } = new Replays();
beforeEach(() => {
  replay = newReplay(device);
  return destroy;
});

describe('what WebGPU refuses', () => {
  const shader = 'fn broken() {\n  let x = ;\n}';
  it.each<[string, Stream, RegExp]>([
    [
      'WGSL, naming line and column',
      buffer(2).command('createShaderModule', { id: 2, label: 'terrain', code: shader }),
      /command 1 \(createShaderModule "terrain"\): Error while parsing WGSL: :2:11 error: missing initializer/,
    ],
    [
      'a pipeline',
      new Stream().command('createShaderModule', { id: 2, code: TRIANGLE }).command('createRenderPipeline', {
        id: 2,
        vertexModule: 2,
        vertexEntryPoint: 'no',
        fragmentModule: 2,
        targets: [target],
        ...pipeline,
      }),
      /command 1 \(createRenderPipeline\): Entry point ""no"" doesn't exist/,
    ],
    [
      'a texture',
      new Stream().command('createTexture', { ...SMALL_TEXTURE, width: 100000, height: 1 }),
      /createTexture\): .*exceeded maximum/,
    ],
    [
      'too few texels',
      new Stream()
        .command('createTexture', SMALL_TEXTURE)
        .command('writeTexture', { texture: 2, width: 4, height: 1, depthOrArrayLayers: 1, data: new Uint8Array(4) }),
      /command 1 \(writeTexture\): Required size/,
    ],
    [
      'a bind group layout that the pipeline does not have',
      redPipeline().command('getRenderBindGroupLayout', { id: 2, pipeline: 2, index: 9 }),
      /getRenderBindGroupLayout/,
    ],
    [
      'a viewport that is too large, when its pass is submitted',
      begin(new Stream()).command('setViewport', { width: 1e9, height: 1 }).command('endRenderPass').command('submit'),
      /command 3 \(submit\): .*[Vv]iewport/s,
    ],
    [
      'a buffer that was destroyed before the submit',
      buffer(2)
        .command('clearBuffer', { buffer: 2 })
        .command('destroy', { kind: 'buffer', object: 2 })
        .command('submit'),
      /command 3 \(submit\): .*destroyed/,
    ],
  ])('the error names the command that WebGPU refuses: %s', (_, stream, message) => {
    const text = fault(replay, stream, picture);
    expect(text).toMatch(message);
    expect(text).toMatch(/^NL_GPU_VALIDATION: /);
    expect(text).not.toMatch(/validation:/);
  });

  it('an error of WebGPU ends the replay of the module that caused it, and no other on the device', () => {
    const other = newReplay(device);
    expect(fault(other, redPipeline())).toBe('');
    const first = fault(replay, new Stream().command('createShaderModule', { id: 2, code: shader }));
    expect(first).toMatch(/WGSL/);
    expect(fault(replay, buffer(2))).toBe(first);
    const frame = begin(new Stream())
      .command('setPipeline', { pipeline: 2 })
      .command('draw', { vertexCount: 3, instanceCount: 1 });
    expect(fault(other, frame.command('endRenderPass').command('submit'), picture)).toBe('');
    replay.destroy();
    expect(fault(other, frame, picture)).toBe('');
    other.destroy();
  });

  it('an error of WebGPU is reported rather than the bad command that follows', () => {
    const stream = new Stream().command('createShaderModule', { id: 2, code: shader }).command('destroy');
    expect(fault(replay, stream)).toMatch(/^NL_GPU_VALIDATION: .*command 0/);
  });

  it('an error that WebGPU finds after the call is reported if the device has only one replay', () => {
    const late: string[] = [];
    newReplay(device).observe({ onError: (error) => void late.push(error.message) });
    device.createBuffer({ size: 4, usage: 0 });
    expect(late).toEqual([]);
    replay.destroy();
    device.createBuffer({ size: 4, usage: 0 });
    expect(late).toEqual([expect.stringMatching(/^NL_GPU_VALIDATION: .*usages/)]);
  });
});

describe('a stream with random faults', () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const valid = begin(
    redPipeline(buffer(2, 64, bits('BufferUsage', 'VERTEX INDEX INDIRECT COPY_SRC COPY_DST')))
      .command('writeBuffer', { buffer: 2, data: new Uint8Array(64) })
      .command('createBuffer', { id: 3, size: 64, usage: VERTEX })
      .command('createTexture', { ...SMALL_TEXTURE, label: 'name' })
      .command('createTextureView', { id: 2, texture: 2 })
      .command('createSampler', { id: 2, maxAnisotropy: 1 })
      .command('createBindGroupLayout', { id: 2, entries: [{ visibility: 2, samplerType: 'filtering' }] })
      .command('createPipelineLayout', { id: 2, layouts: [{ layout: 2 }] })
      .command('createBindGroup', { id: 2, layout: 2, entries: [{ sampler: 2 }] })
      .command('writeTexture', { texture: 2, width: 1, height: 1, depthOrArrayLayers: 1, data: new Uint8Array(4) })
      .command('clearBuffer', { buffer: 2, offset: 4, size: 8 })
      .command('copyBufferToBuffer', { source: 2, destination: 3, destinationOffset: 32, size: 16 }),
  )
    .command('setPipeline', { pipeline: 2 })
    .command('setVertexBuffer', { buffer: 2 })
    .command('setIndexBuffer', { buffer: 2, format: 'uint16' })
    .command('setViewport', { width: 16, height: 16, maxDepth: 1 })
    .command('setBlendConstant', { a: 1 })
    .command('draw', { vertexCount: 3, instanceCount: 1 })
    .command('drawIndexed', { indexCount: 3, instanceCount: 1 })
    .command('drawIndirect', { buffer: 2 })
    .command('setBindGroup', { bindGroup: 2 })
    .command('endRenderPass')
    .command('submit')
    .command('destroy', { kind: 'sampler', object: 2 });

  it('a stream with random faults ends at most its own replay, with a coded error', () => {
    const { commands, data } = new Stream().raw(...valid.words).submission;
    const whole = Uint8Array.from({ length: 80 });
    const clean = commands.slice();
    const outcomes = new Map<string, number>();
    let shown = 0;
    for (let round = 0; round < 10_000; round++) {
      commands.set(clean);
      for (let n = 1 + random(3); n > 0; n--) commands[random(commands.length)] = mutation(commands);
      const end = random(8) === 0 ? random(commands.length) : commands.length;
      const one = openReplay(device);
      let outcome = 'done';
      try {
        one.run({ commands: commands.subarray(0, end), data: random(16) === 0 ? data : whole }, picture);
      } catch (error) {
        if (!(error instanceof NearlightError) || error.cause) {
          shown++;
          expect.soft(error, `round ${round}`).toBeInstanceOf(NearlightError);
          expect.soft((error as Error).cause, `round ${round}: ${error}`).toBe(undefined);
        } else outcome = error.code;
      }
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      one.destroy();
      expect(one.stats()).toMatchObject({ objects: 0, bytes: 0 });
      if (shown > 5) break;
    }
    expect([...outcomes.keys()].sort()).toEqual(['NL_COMMAND', 'NL_GPU_VALIDATION', 'done']);
    expect(fault(newReplay(device), valid, picture)).toBe('');
  });

  function mutation(words: Uint32Array): number {
    const word = must(words[random(words.length)], 'word');
    const kinds = [
      () => random(8),
      () => word,
      () => word ^ (1 << random(32)),
      () => random(2 ** 32),
      () => 0xffffffff,
      () => 0x7fc00000,
    ];
    return must(kinds[random(kinds.length)], 'kind')() >>> 0;
  }
});
