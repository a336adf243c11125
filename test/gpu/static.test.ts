/** Tests that render passes submitted again in the same words become render bundles, which only makes them faster. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { Reader } from '../../host/gpu/reader.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { StaticPasses } from '../../host/gpu/static.ts';
import { OP_DRAW, OP_END_RENDER_PASS } from '../../renderer/contract/abi.ts';
import { bits, Stream, type Values } from './document.ts';
import { black, fault, limits, newReplay, openTestGpu, Picture, pipeline, redPipeline, target } from './fixture.ts';

let gpu: Gpu;
let device: GPUDevice;
let replay: CommandReplay;
let picture: Picture;

beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
  device = gpu.device;
});
afterAll(() => gpu.close());

const CODE = `
  @group(0) @binding(0) var<uniform> colour: vec4f;
  @vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
    return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1);
  }
  @fragment fn fs() -> @location(0) vec4f { return colour; }`;
const colours = (...colour: number[]): Uint8Array => {
  const floats = new Float32Array(128);
  floats.set(colour);
  floats.set([0, 0, 1, 1], 64);
  return new Uint8Array(floats.buffer);
};
const group = (id: number, buffer: number): Values => ({ id, layout: 2, entries: [{ binding: 0, buffer, size: 16 }] });
const uniform = { size: 512, usage: bits('BufferUsage', 'UNIFORM COPY_DST') };

beforeEach(() => {
  replay = newReplay(device);
  picture = new Picture(device);
  const layoutEntry = { binding: 0, visibility: 2, bufferType: 'uniform', hasDynamicOffset: true };
  replay.run(
    new Stream()
      .command('createShaderModule', { id: 2, code: CODE })
      .command('createBindGroupLayout', { id: 2, entries: [layoutEntry] })
      .command('createPipelineLayout', { id: 2, layouts: [{ layout: 2 }] })
      .command('createRenderPipeline', {
        id: 2,
        layout: 2,
        vertexModule: 2,
        fragmentModule: 2,
        targets: [target],
        ...pipeline,
      })
      .command('createBuffer', { id: 2, ...uniform })
      .command('createBuffer', { id: 3, ...uniform })
      .command('writeBuffer', { buffer: 2, data: colours(1, 0, 0, 1) })
      .command('writeBuffer', { buffer: 3, data: colours(0, 1, 0, 1) })
      .command('createBindGroup', group(2, 2))
      .command('createBindGroup', group(3, 3)).submission,
  );
  return () => replay.destroy();
});

interface Frame {
  bindGroup?: number;
  offset?: number;
  draws?: number;
  /** Adds commands before the draws. */
  more?(stream: Stream): Stream;
}

/** A pass with many draws that each fill the picture with the colour of a bind group. */
function frame({ bindGroup = 2, offset = 0, draws = 40, more = (stream) => stream }: Frame = {}): Stream {
  const begun = new Stream().command('beginRenderPass', { colorAttachments: [black] });
  const stream = more(begun.command('setPipeline', { pipeline: 2 }));
  stream.command('setBindGroup', { index: 0, bindGroup, dynamicOffsets: [offset] });
  for (let n = 0; n < draws; n++) stream.command('draw', { vertexCount: 3, instanceCount: 1 });
  return stream.command('endRenderPass').command('submit');
}

const RED = '255 0 0 255';
const GREEN = '0 255 0 255';
const BLUE = '0 0 255 255';
const colour = async (): Promise<string> => (await picture.read())(8, 8);

/** Runs a frame. Returns how many times it executes render bundles. */
function run(stream: Stream): number {
  const executed = vi.spyOn(GPURenderPassEncoder.prototype, 'executeBundles');
  replay.run(stream.submission, picture);
  const { length } = executed.mock.calls;
  executed.mockRestore();
  return length;
}

describe('a pass that is submitted again', () => {
  it('a repeated pass is a render bundle from the second time on, and draws the current contents of its buffers', async () => {
    expect([1, 2, 3, 4].map(() => run(frame()))).toEqual([0, 1, 1, 1]);
    expect(await colour()).toBe(RED);
    replay.run(new Stream().command('writeBuffer', { buffer: 2, data: colours(0, 0, 1, 1) }).submission);
    expect(run(frame())).toBe(1);
    expect(await colour()).toBe(BLUE);
    expect(replay.stats().commands).toBe(10 + 1 + 5 * 45);
  });

  it('a repeated pass is executed command by command if one of its words has changed', async () => {
    for (let n = 0; n < 3; n++) run(frame());
    expect(run(frame({ bindGroup: 3 }))).toBe(0);
    expect(await colour()).toBe(GREEN);
    expect(run(frame({ offset: 256 }))).toBe(0);
    expect(await colour()).toBe(BLUE);
    expect(run(frame())).toBe(1);
    expect(await colour()).toBe(RED);
  });

  it('a repeated pass is executed command by command after an object was destroyed, as its id may be used again', async () => {
    for (let n = 0; n < 3; n++) run(frame());
    replay.run(
      new Stream().command('destroy', { kind: 'bindGroup', object: 2 }).command('createBindGroup', group(2, 3))
        .submission,
    );
    expect(run(frame())).toBe(0);
    expect(await colour()).toBe(GREEN);
    replay.run(new Stream().command('destroy', { kind: 'renderPipeline', object: 2 }).submission);
    expect(fault(replay, frame(), picture)).toMatch(/command 1 \(setPipeline\): .*is stale/);
  });

  it('a repeated pass counts its draws every time', () => {
    replay.destroy();
    replay = newReplay(device, { limits: { ...limits, gpuDrawsMax: 79 } });
    replay.run(redPipeline().submission);
    const pass = (stream: Stream): Stream => {
      stream.command('beginRenderPass', { colorAttachments: [black] }).command('setPipeline', { pipeline: 2 });
      for (let n = 0; n < 40; n++) stream.command('draw', { vertexCount: 3, instanceCount: 1 });
      return stream.command('endRenderPass');
    };
    expect([1, 2, 3].map(() => run(pass(new Stream()).command('submit')))).toEqual([0, 1, 1]);
    expect(fault(replay, pass(pass(new Stream())).command('submit'), picture)).toMatch(/GPU_DRAWS_MAX/);
  });

  it.each<[string, Frame]>([
    ['few draws', { draws: 31 }],
    ['a scissor', { more: (stream) => stream.command('setScissorRect', { width: 16, height: 16 }) }],
    ['a marker', { more: (stream) => stream.command('insertDebugMarker') }],
  ])('a repeated pass with %s does not become a render bundle', async (_, what) => {
    expect([1, 2, 3].map(() => run(frame(what)))).toEqual([0, 0, 0]);
    expect(await colour()).toBe(RED);
  });

  it('a pass that has changed each time is not compared with the one before for some calls', () => {
    for (let n = 0; n < 5; n++) run(frame({ offset: n % 2 === 0 ? 0 : 256, draws: 40 + n }));
    expect([1, 2, 3].map(() => run(frame()))).toEqual([0, 0, 0]);
    for (let n = 0; n < 70; n++) run(frame());
    expect(run(frame())).toBe(1);
  });

  it('a repeated pass that gets a bad command is refused', () => {
    for (let n = 0; n < 3; n++) run(frame());
    const bad = frame({
      more: (stream) => stream.command('draw', { vertexCount: 3, instanceCount: 1, firstInstance: 0 }),
    });
    // No bind group is set for that draw, so the GPU refuses it when the pass ends.
    expect(fault(replay, bad, picture)).toMatch(/^NL_GPU_VALIDATION/);
  });
});

describe('render bundles that are dropped count as garbage', () => {
  const FNV_PRIME = 0x01000193;
  const DRAW_WORDS = 5;
  const head = (words: number, opcode: number) => (words << 16) | opcode;

  /** The words of a pass of 40 draws. @param last the last word of the last draw, which determines the hash */
  function pass(vertexCount: number, last: number): Uint32Array {
    const draws = Array.from({ length: 40 }, (_, n) => [
      head(DRAW_WORDS, OP_DRAW),
      vertexCount,
      1,
      0,
      n < 39 ? 0 : last,
    ]);
    return Uint32Array.from([...draws.flat(), head(1, OP_END_RENDER_PASS)]);
  }

  /** The hash of a pass before its last word. */
  function hashOf(words: Uint32Array): number {
    return words.subarray(0, -2).reduce((hash, word) => Math.imul(hash ^ word, FNV_PRIME), 0);
  }

  let dropped: number[];
  let passes: StaticPasses;
  /** Submits a pass twice, so that it becomes a render bundle of `bytes`. Returns whether it did. */
  function keep(words: Uint32Array, bytes: number): boolean {
    const reader = new Reader();
    let kept = false;
    for (let n = 0; n < 2; n++) {
      passes.begin();
      reader.open(words, new Uint8Array());
      const gpu = {} as GPURenderBundle;
      kept = passes.find(reader, 0, { record: () => ({ gpu, draws: 40, vertices: 120, bytes }) }) !== undefined;
    }
    return kept;
  }

  beforeEach(() => {
    dropped = [];
    passes = new StaticPasses((bytes) => void dropped.push(bytes));
  });

  it('when all passes are forgotten', () => {
    expect([keep(pass(3, 0), 100), keep(pass(6, 0), 200)]).toEqual([true, true]);
    expect(dropped).toEqual([]);
    passes.clear();
    expect(dropped).toEqual([100, 200]);
    passes.clear();
    expect(dropped).toEqual([100, 200]);
  });

  it('when a pass takes the place of another with the same hash', () => {
    const first = pass(3, 0);
    // Chosen so that both hashes are equal before the last multiplication.
    const second = pass(6, (hashOf(pass(6, 0)) ^ hashOf(first)) >>> 0);
    expect([keep(first, 100), keep(second, 200)]).toEqual([true, true]);
    expect(dropped).toEqual([100]);
    passes.clear();
    expect(dropped).toEqual([100, 200]);
  });
});
