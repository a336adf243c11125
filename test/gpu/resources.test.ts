/** Replays commands that create textures and bind groups, and that name debug groups, on a real driver. */

import { describe, expect, it, vi } from 'vitest';
import { DeviceGroups, GROUPS_MAX } from '../../host/gpu/groups.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { eventually } from '../wait.ts';
import { bits, enums, Stream, type Values } from './document.ts';
import { black, fault, Picture, pipeline, redPipeline, target, texture16 } from './fixture.ts';
import { buffer, bytesOf, drawRed, frame, openBeforeTests, READBACK, RED } from './recorded.ts';

const on = openBeforeTests();

describe('textures', () => {
  const texture = (values: Values) => texture16('RENDER_ATTACHMENT COPY_SRC', values);

  it('a 3D texture can be drawn into slice by slice, and copied out', async () => {
    const { replay, writes, answer } = on.start();
    const layer = 256 * 16;
    const whole = { bytesPerRow: 256, rowsPerImage: 16, width: 16, height: 16, depthOrArrayLayers: 4 };
    const stream = redPipeline()
      .command('createTexture', texture({ id: 2, dimension: '3d', depthOrArrayLayers: 4 }))
      .command('createTextureView', { id: 2, texture: 2 })
      .command('createBuffer', buffer(2, layer * 4, 'COPY_DST COPY_SRC'))
      .command('createBuffer', buffer(3, 8, READBACK))
      .command('beginRenderPass', { colorAttachments: [{ ...black, view: 2, depthSlice: 2 }] });
    drawRed(stream)
      .command('endRenderPass')
      .command('copyTextureToBuffer', { texture: 2, buffer: 2, ...whole })
      .command('copyBufferToBuffer', { source: 2, sourceOffset: 2 * layer, destination: 3, size: 4 })
      .command('copyBufferToBuffer', { source: 2, sourceOffset: layer, destination: 3, destinationOffset: 4, size: 4 })
      .command('submit')
      .command('mapAsync', { buffer: 3, size: 8 });
    replay.run(stream.submission);
    await answer('MAPPED');
    expect([...bytesOf(writes)]).toEqual([255, 0, 0, 255, 0, 0, 0, 0]);
  });

  it('a texture can have views only in the formats that it was created for', () => {
    const { replay } = on.start();
    const made = (viewFormats: Values[]) =>
      new Stream()
        .command('createTexture', texture({ id: 2, viewFormats }))
        .command('createTextureView', { id: 2, texture: 2, format: 'rgba8unorm-srgb' });
    expect(fault(replay, made([{ format: 'rgba8unorm-srgb' }]))).toBe('');
    expect(fault(on.start().replay, made([]))).toMatch(/^NL_GPU_VALIDATION: .*\(createTextureView\)/s);
  });

  it('a pass need not have a texture for each of its colour attachments', async () => {
    const { replay } = on.start();
    const empty = { loadOp: 'clear', storeOp: 'store' };
    const module = { vertexModule: 2, fragmentModule: 2 };
    const code = `@vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
      return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1); }
      @fragment fn fs() -> @location(1) vec4f { return vec4f(1, 0, 0, 1); }`;
    replay.run(
      new Stream()
        .command('createShaderModule', { id: 2, code })
        .command('createRenderPipeline', { id: 2, ...module, targets: [{}, target], buffers: [{}], ...pipeline })
        .submission,
    );
    const picture = new Picture(on.device);
    replay.run(frame(drawRed, [empty, black]).submission, picture);
    expect((await picture.read())(8, 8)).toBe(RED);
  });

  it.each(enums.find('TextureFormat'))('a texture of format %s counts against GPU_BYTES_MAX', (format) => {
    const { replay } = on.start();
    const wide = texture({ id: 2, width: 60, height: 60, format, usage: bits('TextureUsage', 'COPY_DST') });
    const why = fault(replay, new Stream().command('createTexture', wide));
    // A format that this on.device lacks is refused by the on.device, not for its size.
    if (why === '') expect(replay.stats().bytes).toBeGreaterThan(60 * 60 * 0.1);
    else expect(why).toMatch(/^NL_GPU_VALIDATION.*(feature|format)/s);
  });
});

describe('debug groups and markers', () => {
  it('debug groups and markers can be set in a command encoder, a pass and a render bundle', () => {
    const { replay } = on.start();
    const marked = (stream: Stream) =>
      stream
        .command('pushDebugGroup', { groupLabel: 'outer' })
        .command('insertDebugMarker', { markerLabel: 'here' })
        .command('popDebugGroup');
    const bundle = marked(
      redPipeline().command('createRenderBundleEncoder', { colorFormats: [{ format: 'rgba8unorm' }], sampleCount: 1 }),
    );
    expect(fault(replay, bundle.command('finishRenderBundle', { id: 2 }))).toBe('');
    const passes = marked(marked(new Stream()).command('beginRenderPass', { colorAttachments: [black] }));
    const compute = marked(passes.command('endRenderPass').command('beginComputePass'));
    expect(fault(replay, compute.command('endComputePass').command('submit'), new Picture(on.device))).toBe('');
  });
});

describe('a bind group that was created before', () => {
  it('a bind group is used again for a command with the same words, until its buffer is destroyed', async () => {
    const { replay } = on.start();
    const made = vi.spyOn(on.device, 'createBindGroup');
    const group = { layout: 2, entries: [{ binding: 0, buffer: 2 }] };
    const entry = { binding: 0, visibility: 1, bufferType: 'uniform' };
    replay.run(
      new Stream()
        .command('createBuffer', buffer(2, 256, 'UNIFORM'))
        .command('createBindGroupLayout', { id: 2, entries: [entry] }).submission,
    );
    const again = new Stream()
      .command('createBindGroup', { id: 2, ...group })
      .command('destroy', { kind: 'bindGroup', object: 2 });
    for (let n = 0; n < 5; n++) replay.run(again.submission);
    expect(made).toHaveBeenCalledTimes(1);
    const renewed = new Stream()
      .command('destroy', { kind: 'buffer', object: 2 })
      .command('createBuffer', buffer(2, 256, 'UNIFORM'));
    replay.run(renewed.submission);
    replay.run(again.submission);
    expect(made).toHaveBeenCalledTimes(2);
    made.mockRestore();
  });
});

describe('bind groups', () => {
  it('bind groups are limited in number, and more can be created after garbage collection', async () => {
    const { replay } = on.start();
    replay.run(
      new Stream()
        .command('createBuffer', buffer(2, 131_072, 'UNIFORM'))
        .command('createBindGroupLayout', { id: 2, entries: [{ binding: 0, visibility: 1, bufferType: 'uniform' }] })
        .submission,
    );
    /** Creates bind groups that all differ, and destroys each at once. Returns the error, or ''. */
    const many = (target: CommandReplay, from: number, count: number): string => {
      const stream = new Stream();
      for (let n = from; n < from + count; n++) {
        const entry = { binding: 0, buffer: 2, offset: (n % 256) * 256, size: 16 + 4 * Math.floor(n / 256) };
        stream.command('createBindGroup', { id: 2, layout: 2, entries: [entry] });
        stream.command('destroy', { kind: 'bindGroup', object: 2 });
      }
      return fault(target, stream);
    };
    const groups = DeviceGroups.of(on.device);
    const collect = vi.spyOn(groups, 'collect');
    for (let n = 0; n < 12; n++) {
      expect(many(replay, n * 3000, 3000)).toBe('');
      // Garbage collection starts at half of the limit of bind groups. Nothing says when it is done.
      if (collect.mock.calls.length > 0) await eventually(() => expect(groups.count).toBeLessThan(GROUPS_MAX / 2));
      collect.mockClear();
    }
    collect.mockRestore();
    expect(many(replay, 36_000, 8000)).toBe('');
    await eventually(() => expect(many(on.start().replay, 0, 1)).not.toMatch(/bind groups on this GPU/));
    const burst = Array.from({ length: 3 }, (_, n) => many(replay, 44_000 + n * 16_000, 16_000)).find(
      (why) => why !== '',
    );
    // Bind groups that are collected meanwhile still count until the GPU's queue has moved on.
    const [, count] = /(\d+) bind groups on this GPU/.exec(burst ?? '') ?? [];
    expect(Number(count)).toBeGreaterThanOrEqual(GROUPS_MAX);
  });
});
