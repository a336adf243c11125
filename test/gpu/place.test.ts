/** Tests how an error names the command that it refuses: by its call, its number and name, labels, and its pass. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TrapFrame } from '../../host/engine/engine.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { RefusedError } from '../../host/gpu/place.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { at } from '../at.ts';
import { bits, Stream } from './document.ts';
import { black, newReplay, openTestGpu, Picture } from './fixture.ts';

let gpu: Gpu;
let replay: CommandReplay;
let picture: Picture;

beforeAll(async () => {
  gpu = await openTestGpu('null');
  picture = new Picture(gpu.device);
});
afterAll(() => gpu.close());
beforeEach(() => {
  replay = newReplay(gpu.device);
  return () => replay.destroy();
});

const uniform = bits('BufferUsage', 'UNIFORM COPY_DST');
const buffer = (label: string, stream = new Stream()) =>
  stream.command('createBuffer', { id: 2, size: 16, usage: uniform, label });
const texture = { id: 2, width: 4, height: 4, depthOrArrayLayers: 1, mipLevelCount: 1, sampleCount: 1 };

/** Runs a command stream as if the export `call` had submitted it. Returns the error that refuses it. */
function refused(stream: Stream, call?: string, origin?: (command: number) => readonly TrapFrame[]): RefusedError {
  try {
    replay.run({ ...stream.submission, ...(call && { call }), origin }, picture);
  } catch (error) {
    expect(error).toBeInstanceOf(RefusedError);
    return error as RefusedError;
  }
  throw new Error('nothing was refused');
}

describe('a refused command', () => {
  it.each(['init', 'join', 'tick', 'render', 'load'])('the error says that its command came from %s', (call) => {
    const { message } = refused(
      new Stream().command('writeBuffer', { buffer: 9, offset: 0, data: Uint8Array.of() }),
      call,
    );
    expect(message).toMatch(new RegExp(`^NL_COMMAND: .*: command 0 \\(writeBuffer\\) in ${call}: `));
  });

  it('the error for a refused command names no call if none is known', () => {
    expect(refused(new Stream().command('submit').command('endRenderPass')).message).toContain(
      'command 1 (endRenderPass): ',
    );
  });

  it('the error names a command with its own label, even if a field before the label is refused', () => {
    const stream = new Stream().command('createTexture', {
      ...texture,
      dimension: '2d',
      format: 'depth24plus',
      usage: 0xff00,
      label: 'depth',
    });
    expect(refused(stream, 'init').message).toContain('command 0 (createTexture "depth") in init: usage: ');
  });

  it('the error names a command with the labels of the objects that it uses', () => {
    const stream = buffer('uniforms').command('writeBuffer', { buffer: 2, offset: 1, data: new Uint8Array(3) });
    expect(refused(stream, 'tick').message).toMatch(
      /command 1 \(writeBuffer, buffer "uniforms"\) in tick: offset 1 and length 3 must both be multiples of 4$/,
    );
  });

  it('the error names a command with the label of its pass', () => {
    const stream = new Stream().command('beginRenderPass', { label: 'shadows', colorAttachments: [black] });
    stream.command('draw', { vertexCount: 3, instanceCount: 1, firstVertex: 0, firstInstance: 0 });
    expect(refused(stream, 'render').message).toContain('command 1 (draw, in pass "shadows") in render: no pipeline');
  });

  it('a refused command is named safely even if its words are malformed', () => {
    const words = Uint32Array.of((6 << 16) | 1, 2, 16, 0, uniform, 0xffff_ffff);
    const stream = { commands: words, data: new Uint8Array(), call: 'init' };
    expect(() => replay.run(stream)).toThrow('command 0 (createBuffer) in init: ');
  });

  it('the error lists the functions of the module that wrote the refused command', () => {
    const origin = vi.fn((command: number) => [{ function: 10 + command }]);
    const { frames } = refused(
      buffer('a').command('writeBuffer', { buffer: 3, offset: 0, data: Uint8Array.of() }),
      'init',
      origin,
    );
    expect(frames).toEqual([{ function: 11 }]);
  });
});

describe('a replay that pinpoints errors', () => {
  const invalid = () =>
    new Stream()
      .command('createBuffer', { id: 3, size: 16, usage: uniform, label: 'good' })
      .command('createBuffer', { id: 4, size: 16, usage: bits('BufferUsage', 'MAP_READ UNIFORM'), label: 'bad' });

  beforeEach(() => {
    replay.destroy();
    replay = newReplay(gpu.device, { pinpoint: true });
  });

  it('a replay that pinpoints errors names the command of an error that the GPU reports after the call', async () => {
    replay.run({ ...invalid().submission, call: 'init', origin: (command) => [{ function: command }] });
    await vi.waitFor(() => expect(() => replay.run(new Stream().submission)).toThrow('createBuffer "bad"'));
    const error = refused(new Stream());
    expect(error.message).toMatch(/^NL_GPU_VALIDATION: .*: command 1 \(createBuffer "bad"\) in init: /);
    expect(error.frames).toEqual([{ function: 1 }]);
  });

  it('a replay that pinpoints errors tells its observer of an error at once', async () => {
    const onError = vi.fn();
    replay.observe({ onError });
    replay.run({ ...invalid().submission, call: 'init' });
    await vi.waitFor(() => expect(onError).toHaveBeenCalledOnce());
    expect(at(onError.mock.calls, 0)[0].message).toContain('command 1 (createBuffer "bad") in init: ');
  });

  it("a replay that pinpoints errors does not report those that a module's own error scopes catch", async () => {
    const onError = vi.fn();
    replay.observe({ onError });
    const scoped = new Stream().command('pushErrorScope', { filter: 'validation' });
    scoped.command('createBuffer', { id: 5, size: 16, usage: bits('BufferUsage', 'MAP_READ UNIFORM'), label: 'mine' });
    replay.run(scoped.command('popErrorScope', { token: 1 }).submission);
    await gpu.device.queue.onSubmittedWorkDone();
    expect(onError).not.toHaveBeenCalled();
  });
});
