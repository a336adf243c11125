/** Tests command streams that break the contract: each must cause an error that names the command, and harm no other module. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { Stream } from './document.ts';
import {
  begin,
  buffer,
  fault,
  limits,
  openTestGpu,
  Picture,
  Replays,
  redPipeline,
  SMALL_TEXTURE,
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

describe('framing', () => {
  it.each<[string, Stream, RegExp]>([
    [
      'a truncated command',
      new Stream().raw((6 << 16) | 1, 2, 64),
      /command 0 \(createBuffer\): its length of 6 words/,
    ],
    ['a length of 0', buffer(2).raw(1), /command 1 \(createBuffer\): its length of 0 words/],
    ['an unknown opcode', buffer(2).raw((1 << 16) | 999), /command 1 \(opcode 999\): there is no command/],
    ['a wrong fixed length', new Stream().raw((3 << 16) | 36, 0, 0), /\(submit\): its length is 3 words instead of 1/],
    [
      'a short variable length',
      new Stream().raw((2 << 16) | 1, 2),
      /\(createBuffer\): its length is 2 words instead of 6/,
    ],
    [
      'a list longer than its command',
      new Stream().raw((4 << 16) | 5, 2, 0, 0xffffffff),
      /createBindGroupLayout.*length/,
    ],
    [
      'a string longer than its command',
      new Stream().raw((6 << 16) | 1, 2, 64, 0, VERTEX, 0xffffffff),
      /label: 4294967295 bytes/,
    ],
    ['a string that is not UTF-8', new Stream().raw((7 << 16) | 1, 2, 64, 0, VERTEX, 1, 0xff), /label is not UTF-8/],
  ])('refuses %s', (_, stream, message) => {
    const text = fault(replay, stream);
    expect(text).toMatch(message);
    expect(text).toMatch(/^NL_COMMAND: /);
  });

  it('the replay refuses a reference past the end of the bulk data, and accepts one up to the end', () => {
    const stream = buffer(2).command('writeBuffer', { buffer: 2, data: new Uint8Array(8) });
    const length = stream.words.length - 1;
    stream.words[length] = 12;
    expect(fault(replay, stream)).toMatch(/command 1 \(writeBuffer\): its 12 bytes at 0 lie outside the 8/);
    replay = newReplay(device);
    stream.words[length] = 8;
    expect(fault(replay, stream)).toBe('');
  });
});

describe('values', () => {
  const word = (stream: Stream, at: number, value: number): Stream => {
    stream.words[at] = value;
    return stream;
  };
  it.each<[string, Stream, RegExp]>([
    [
      'a bad enum',
      word(new Stream().command('createSampler', { id: 2 }), 2, 4),
      /addressModeU: 4 is not a value from 1 to 3/,
    ],
    ['a bad flag', buffer(2, 64, 1 << 10), /usage: 0x400 has bits outside/],
    ['a bad bool', word(begin(new Stream()), 5, 2), /depthReadOnly: 2 is neither/],
    ['NaN as a number', new Stream().command('createSampler', { id: 2, lodMinClamp: Number.NaN }), /lodMinClamp: NaN/],
    ['an infinite number', new Stream().command('setBlendConstant', { g: Infinity }), /g: Infinity is not finite/],
    [
      'an unaligned write',
      buffer(2).command('writeBuffer', { buffer: 2, offset: 2, data: new Uint8Array(4) }),
      /multiples of 4/,
    ],
    ['an unaligned length', buffer(2).command('writeBuffer', { buffer: 2, data: new Uint8Array(3) }), /multiples of 4/],
    [
      'a write past a buffer',
      buffer(2).command('writeBuffer', { buffer: 2, offset: 60, data: new Uint8Array(8) }),
      /do not fit/,
    ],
    ['a write without the usage', buffer(2, 64, 32).command('writeBuffer', { buffer: 2 }), /without usage COPY_DST/],
    ['an unknown asset', buffer(2).command('writeBufferFromAsset', { buffer: 2, asset: 7 }), /there is no asset 7/],
    [
      'too many mip levels',
      new Stream().command('createTexture', { ...SMALL_TEXTURE, mipLevelCount: 33 }),
      /mipLevelCount: 33/,
    ],
    [
      'a binding of two kinds',
      new Stream().command('createBindGroupLayout', {
        id: 2,
        entries: [{ bufferType: 'uniform', samplerType: 'filtering' }],
      }),
      /binding 0 gives 2 of/,
    ],
    [
      'a binding of no kind',
      new Stream().command('createBindGroupLayout', { id: 2, entries: [{}] }),
      /binding 0 gives 0 of/,
    ],
  ])('refuses %s', (_, stream, message) => {
    const text = fault(replay, stream);
    expect(text).toMatch(message);
    expect(text).toMatch(/^NL_COMMAND: .*command \d+ \(/);
  });

  it('the replay refuses a range past the end of an asset, and accepts one up to the end', () => {
    const write = (size: number) =>
      buffer(2).command('writeBufferFromAsset', { buffer: 2, asset: 1, assetOffset: 4, size });
    for (const [size, message] of [
      [8, /^$/],
      [12, /12 bytes at 4 do not fit the 12 of asset 1/],
    ] as const) {
      const one = newReplay(device, { asset: () => new Uint8Array(12) });
      expect(fault(one, write(size))).toMatch(message);
    }
  });
});

describe('ids', () => {
  const NEXT = 1 << 20;
  it.each<[string, Stream, RegExp]>([
    [
      'an id that was never used',
      new Stream().command('clearBuffer', { buffer: 9 }),
      /id 9 \(generation 0\) names no buffer/,
    ],
    ['id 0 for an object that is required', new Stream().command('clearBuffer'), /names no buffer/],
    [
      'the id of an object that was destroyed',
      buffer(2).command('destroy', { kind: 'buffer', object: 2 }).command('clearBuffer', { buffer: 2 }),
      /stale/,
    ],
    [
      'an id of another generation',
      buffer(2 + NEXT).command('clearBuffer', { buffer: 2 }),
      /id 2 \(generation 0\) is stale/,
    ],
    [
      'an id of another kind of object',
      buffer(2).command('createTextureView', { id: 2, texture: 2 }),
      /names no texture/,
    ],
    [
      'a new id with an index in use',
      buffer(2).command('createBuffer', { id: 2 + NEXT, size: 4, usage: 8 }),
      /with this index exists/,
    ],
    ['a new id with index 0', buffer(0), /index of a buffer is from 2 to 255/],
    ["the picture's id for a new object", buffer(1), /index of a buffer is from 2 to 255/],
    ['a new id with an index at the limit', buffer(limits.gpuObjectsMax), /index of a buffer is from 2 to 255/],
    ['the picture outside of a render', begin(new Stream()), /id 1 \(generation 0\) names no textureView/],
  ])('refuses %s', (_, stream, message) => {
    expect(fault(replay, stream)).toMatch(message);
  });

  it('an id may have the highest index, or the index of a destroyed object with the next generation', () => {
    const stream = buffer(limits.gpuObjectsMax - 1).command('destroy', {
      kind: 'buffer',
      object: limits.gpuObjectsMax - 1,
    });
    stream.command('createBuffer', { id: limits.gpuObjectsMax - 1 + NEXT, size: 4, usage: 8 });
    expect(fault(replay, stream)).toBe('');
  });

  it("no object that refers to the picture's texture can outlive the call to render", () => {
    const attempts: [Stream, RegExp][] = [
      [new Stream().command('destroy', { kind: 'texture', object: 1 }), /belongs to the host/],
      [new Stream().command('createTextureView', { id: 2, texture: 1 }), /its own view/],
      [
        new Stream()
          .command('createBindGroupLayout', { id: 2, entries: [{ visibility: 2, sampleType: 'float' }] })
          .command('createBindGroup', { id: 2, layout: 2, entries: [{ view: 1 }] }),
        /cannot be bound/,
      ],
    ];
    for (const [stream, message] of attempts) {
      const one = newReplay(device);
      expect(fault(one, stream, picture)).toMatch(message);
    }
  });
});

describe('bounds', () => {
  it('refuses a buffer of 8 GB, and one byte above GPU_BUFFER_BYTES_MAX', () => {
    expect(fault(replay, buffer(2, 2 ** 33))).toMatch(
      /createBuffer\): its 8589934592 bytes exceed .*GPU_BUFFER_BYTES_MAX/,
    );
    expect(fault(newReplay(device), buffer(2, limits.gpuBufferBytesMax + 1))).toMatch(/GPU_BUFFER_BYTES_MAX/);
    expect(fault(newReplay(device), buffer(2, limits.gpuBufferBytesMax))).toBe('');
  });

  it('buffers and textures count against GPU_BYTES_MAX until they are destroyed', () => {
    const small = { ...limits, gpuBytesMax: 1024 + 85 * 4 };
    const mips = { ...SMALL_TEXTURE, width: 8, height: 8, mipLevelCount: 4 };
    const one = newReplay(device, { limits: small });
    expect(fault(one, buffer(2, 1024).command('createTexture', mips))).toBe('');
    expect(one.stats().bytes).toBe(1024 + 85 * 4);
    expect(
      fault(
        one,
        new Stream()
          .command('destroy', { kind: 'buffer', object: 2 })
          .command('createBuffer', { id: 2, size: 1024, usage: 8 }),
      ),
    ).toBe('');
    expect(fault(one, buffer(3, 4))).toMatch(/its 4 bytes exceed what is left of 1364 \(GPU_BYTES_MAX\): 0/);
  });

  it('the bytes of assets that one call may upload are limited', () => {
    const asset = new Uint8Array(64);
    const write = (times: number) => {
      const stream = buffer(2, 64);
      for (let n = 0; n < times; n++) stream.command('writeBufferFromAsset', { buffer: 2, asset: 0, size: 64 });
      const one = newReplay(device, { limits: { ...limits, gpuBytesMax: 128 }, asset: () => asset });
      const text = fault(one, stream);
      return text;
    };
    expect(write(2)).toBe('');
    expect(write(3)).toMatch(/uploads more than 128 bytes/);
  });

  it('the number of answers that a module may wait for is limited', () => {
    const wait = (times: number) => {
      const stream = new Stream();
      for (let n = 0; n < times; n++) stream.command('onSubmittedWorkDone', { token: n });
      return fault(newReplay(device), stream);
    };
    expect(wait(64)).toBe('');
    expect(wait(65)).toMatch(/command 64 \(onSubmittedWorkDone\): the module waits for 64 answers/);
  });
});

describe('state', () => {
  const draw = { vertexCount: 3, instanceCount: 1 };
  const offsets = (count: number): Stream =>
    begin(
      new Stream().command('createBindGroupLayout', { id: 2 }).command('createBindGroup', { id: 2, layout: 2 }),
    ).command('setBindGroup', { bindGroup: 2, dynamicOffsets: new Array(count).fill(0) });
  it('the replay passes 12 dynamic offsets on to WebGPU', () => {
    expect(fault(replay, offsets(12), picture)).toMatch(/end of the stream/);
  });
  it.each<[string, Stream, RegExp]>([
    ['a draw outside of a pass', new Stream().command('draw', draw), /\(draw\): there is no open render pass/],
    ['a draw without a pipeline', begin(new Stream()).command('draw', draw), /\(draw\): no pipeline is set/],
    [
      'a draw with the pipeline of the pass before',
      begin(begin(redPipeline()).command('setPipeline', { pipeline: 2 }).command('endRenderPass')).command(
        'draw',
        draw,
      ),
      /\(draw\): no pipeline is set/,
    ],
    [
      'an indexed draw without indices',
      begin(redPipeline()).command('setPipeline', { pipeline: 2 }).command('drawIndexed', { indexCount: 3 }),
      /no index buffer/,
    ],
    ['a dispatch in a render pass', begin(new Stream()).command('dispatchWorkgroups'), /no open compute pass/],
    [
      'a pass within a pass',
      begin(begin(new Stream())),
      /command 1 \(beginRenderPass\): a pass or a render bundle is open/,
    ],
    [
      'a copy within a pass',
      begin(buffer(2)).command('clearBuffer', { buffer: 2 }),
      /\(clearBuffer\): a pass or a render bundle is open/,
    ],
    ['a submit within a pass', begin(new Stream()).command('submit'), /\(submit\): a pass or a render bundle is open/],
    ['an end of a pass that was not begun', new Stream().command('endComputePass'), /no open compute pass/],
    [
      'an end of a compute pass in a render pass',
      begin(new Stream()).command('endComputePass'),
      /no open compute pass/,
    ],
    ['a pass that does not end', begin(new Stream()), /end of the stream after 1 commands: .*no submit/],
    [
      'commands without a submit after them',
      buffer(2).command('clearBuffer', { buffer: 2 }),
      /end of the stream after 2/,
    ],
    [
      'a bind group index that is too high',
      begin(new Stream()).command('setBindGroup', { index: 4 }),
      /index: 4 is not below 4/,
    ],
    ['13 dynamic offsets', offsets(13), /setBindGroup\): 13 dynamic offsets are more than 12/],
    ['a slot that is too high', begin(new Stream()).command('setVertexBuffer', { slot: 8 }), /slot: 8 is not below 8/],
    [
      'an index buffer of the wrong usage',
      begin(buffer(2)).command('setIndexBuffer', { buffer: 2 }),
      /without usage INDEX/,
    ],
  ])('refuses %s', (_, stream, message) => {
    expect(fault(replay, stream, picture)).toMatch(message);
  });
});
