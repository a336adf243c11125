/** Runs streams that use the parts of WebGPU beyond drawing, on a real device. The streams are encoded from ABI.md alone. */
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { capabilities, offersTimestamps } from '../../host/gpu/capability.ts';
import { enums, Stream, type Values } from './document.ts';
import { black, fault, limits, newReplay, Picture, pipeline, redPipeline, target } from './fixture.ts';
import { buffer, bytesOf, drawRed, frame, openBeforeTests, READBACK, RED } from './recorded.ts';

const on = openBeforeTests();

/** Returns the name of an enum's value, which a reply gives as a number counted from 1. */
const enumValue = (name: string, number = 0): string | undefined => enums.find(name)[number - 1];
describe('render bundles', () => {
  const record = (stream: Stream, formats: Values[] = [{ format: 'rgba8unorm' }]): Stream =>
    drawRed(stream.command('createRenderBundleEncoder', { colorFormats: formats, sampleCount: 1, label: 'b' })).command(
      'finishRenderBundle',
      { id: 2 },
    );

  it('a render bundle draws in every pass that executes it, and leaves no state behind', async () => {
    const { replay } = on.start();
    replay.run(record(redPipeline()).submission);
    const picture = new Picture(on.device);
    const execute = (stream: Stream) => stream.command('executeBundles', { bundles: [{ bundle: 2 }, { bundle: 2 }] });
    for (let n = 0; n < 3; n++) replay.run(frame(execute).submission, picture);
    expect((await picture.read())(8, 8)).toBe(RED);
    const after = frame((stream) => execute(stream).command('draw', { vertexCount: 3, instanceCount: 1 }));
    expect(fault(replay, after, picture)).toMatch(/command 2 \(draw\): no pipeline is set/);
  });

  it.each<[string, (stream: Stream) => Stream, RegExp]>([
    ['a scissor', (stream) => stream.command('setScissorRect'), /\(setScissorRect\): there is no open render pass/],
    ['a bundle', (stream) => stream.command('executeBundles'), /\(executeBundles\): there is no open render pass/],
    ['another bundle', (stream) => stream.command('createRenderBundleEncoder'), /a render bundle is open/],
    ['a pass', (stream) => stream.command('beginRenderPass'), /a render bundle is open/],
    ['a submit', (stream) => stream.command('submit'), /a render bundle is open/],
    ['an end of a pass', (stream) => stream.command('endRenderPass'), /no open render pass/],
    ['a missing end', (stream) => stream, /no submit follows/],
  ])('a render bundle cannot contain %s', (_, inside, message) => {
    const begun = redPipeline().command('createRenderBundleEncoder', {
      colorFormats: [{ format: 'rgba8unorm' }],
      sampleCount: 1,
    });
    expect(fault(on.start().replay, inside(begun))).toMatch(message);
  });

  it('the draws of a render bundle count each time that a pass executes it', () => {
    const bounded = (gpuDrawsMax: number) => newReplay(on.device, { limits: { ...limits, gpuDrawsMax } });
    const picture = new Picture(on.device);
    const twice = frame((stream) => stream.command('executeBundles', { bundles: [{ bundle: 2 }, { bundle: 2 }] }));
    const run = (max: number) => {
      const replay = bounded(max);
      replay.run(record(redPipeline()).submission);
      return fault(replay, twice, picture);
    };
    expect(run(2)).toBe('');
    expect(run(1)).toMatch(/\(executeBundles\): .*GPU_DRAWS_MAX/);
  });
});

describe('queries', () => {
  it('a module can create timestamp queries only if it may, and occlusion queries always', () => {
    const make = (type: string) => new Stream().command('createQuerySet', { id: 2, type, count: 2 });
    expect(fault(on.start().replay, make('timestamp'))).toMatch(/^NL_COMMAND: .*timestamps are withheld/);
    expect(fault(on.start().replay, make('occlusion'))).toBe('');
    expect(fault(on.start({ timestamps: true }).replay, make('timestamp'))).toBe('');
  });

  it('a module is offered timestamp queries only if the setting GPU_TIMESTAMPS allows them', () => {
    const bit = 1 << enums.find('FeatureName').indexOf('timestamp-query');
    const offered = (env: Record<string, string>) => capabilities(on.device, readConfig(env));
    expect(on.device.features.has('timestamp-query')).toBe(true);
    expect(offered({}).features & bit).toBe(0);
    expect(offersTimestamps(offered({}))).toBe(false);
    const allowed = offered({ GPU_TIMESTAMPS: 'true' });
    expect(allowed.features).toBe(offered({}).features | bit);
    expect(offersTimestamps(allowed)).toBe(true);
  });

  it('queries return how many samples passed, and when a pass began and ended', async () => {
    const { replay, writes, answer } = on.start({ timestamps: true });
    const set = { id: 2, type: 'occlusion', count: 2 };
    replay.run(
      redPipeline()
        .command('createQuerySet', set)
        .command('createQuerySet', { ...set, id: 3, type: 'timestamp' })
        .command('createBuffer', buffer(2, 32, 'QUERY_RESOLVE COPY_SRC'))
        .command('createBuffer', buffer(3, 32, READBACK))
        .command('createBuffer', buffer(4, 256, 'QUERY_RESOLVE COPY_SRC')).submission,
    );
    const body = (stream: Stream) =>
      drawRed(stream.command('beginOcclusionQuery', { queryIndex: 0 }))
        .command('endOcclusionQuery')
        .command('beginOcclusionQuery', { queryIndex: 1 })
        .command('endOcclusionQuery');
    const passes = new Stream().command('beginRenderPass', {
      colorAttachments: [black],
      occlusionQuerySet: 2,
      timestampQuerySet: 3,
      beginningOfPassWriteIndex: 0,
      endOfPassWriteIndex: 1,
    });
    const resolve = { firstQuery: 0, queryCount: 2 };
    const stream = body(passes)
      .command('endRenderPass')
      .command('resolveQuerySet', { ...resolve, querySet: 2, destination: 2 })
      .command('resolveQuerySet', { ...resolve, querySet: 3, destination: 4 })
      .command('copyBufferToBuffer', { source: 2, destination: 3, size: 16 })
      .command('copyBufferToBuffer', { source: 4, destination: 3, destinationOffset: 16, size: 16 })
      .command('submit')
      .command('mapAsync', { buffer: 3, offset: 0, size: 32, address: 4096, token: 7 });
    replay.run(stream.submission, new Picture(on.device));
    expect(await answer('MAPPED')).toEqual([7, 1, 0, 0, 0, 0, 0]);
    expect(writes.map(({ address }) => address)).toEqual([4096]);
    const [samples, none, begun = 0n, ended = 0n] = new BigUint64Array(bytesOf(writes).buffer);
    expect(Number(samples)).toBeGreaterThan(0);
    expect(none).toBe(0n);
    expect(ended >= begun).toBe(true);
  });

  it.each<[string, Stream, RegExp]>([
    [
      'an index beyond the set',
      frame((s) => s.command('beginOcclusionQuery', { queryIndex: 2 }), [black], { occlusionQuerySet: 2 }),
      /not below 2/,
    ],
    ['a query without a set', frame((s) => s.command('beginOcclusionQuery')), /not below 0/],
    ['an end without a beginning', frame((s) => s.command('endOcclusionQuery')), /no occlusion query is open/],
    [
      'a pass that ends within a query',
      frame((s) => s.command('beginOcclusionQuery'), [black], { occlusionQuerySet: 2 }),
      /an occlusion query is open/,
    ],
    [
      'resolving more queries than the query set has',
      new Stream().command('resolveQuerySet', { querySet: 2, firstQuery: 1, queryCount: 2, destination: 2 }),
      /do not fit the set's 2/,
    ],
    [
      'a set that is too large',
      new Stream().command('createQuerySet', { id: 3, type: 'occlusion', count: 4097 }),
      /more than 4096/,
    ],
  ])('refuse %s', (_, stream, message) => {
    const { replay } = on.start();
    replay.run(
      redPipeline()
        .command('createQuerySet', { id: 2, type: 'occlusion', count: 2 })
        .command('createBuffer', buffer(2, 32, 'QUERY_RESOLVE')).submission,
    );
    expect(fault(replay, stream, new Picture(on.device))).toMatch(message);
  });
});

describe('mapped bytes', () => {
  it("mapped bytes are in the module's linear memory when the reply comes", async () => {
    const { replay, writes, answer } = on.start();
    const data = Uint8Array.from({ length: 16 }, (_, n) => n + 1);
    replay.run(
      new Stream()
        .command('createBuffer', buffer(2, 16, READBACK))
        .command('writeBuffer', { buffer: 2, data })
        .command('mapAsync', { buffer: 2, offset: 8, size: 8, address: 64, token: 1 }).submission,
    );
    expect(writes).toEqual([]);
    expect(await answer('MAPPED')).toEqual([1, 1, 0, 0, 0, 0, 0]);
    expect(writes).toEqual([{ address: 64, bytes: data.slice(8) }]);
    // The buffer can be written and mapped again.
    replay.run(
      new Stream().command('writeBuffer', { buffer: 2, data }).command('mapAsync', { buffer: 2, size: 4 }).submission,
    );
  });

  const ask = (values: Values) => new Stream().command('mapAsync', { buffer: 2, size: 8, ...values });
  it.each<[string, Stream, RegExp]>([
    ['more bytes than the buffer has', ask({ offset: 16, size: 4 }), /do not fit the buffer's 16/],
    ['an odd offset', ask({ offset: 4 }), /multiple of 8/],
    ['an odd size', ask({ size: 6 }), /one of 4/],
    ['no bytes', ask({ size: 0 }), /not 0/],
    ['a buffer that cannot be read', ask({ buffer: 3 }), /without usage MAP_READ/],
    [
      'a buffer that is being mapped already',
      ask({}).command('mapAsync', { buffer: 2, size: 8 }),
      /on its way back already/,
    ],
    ['more bytes than MAP_BYTES_MAX', ask({ buffer: 5, size: 60 }), /MAP_BYTES_MAX/],
  ])('are refused for %s', (_, stream, message) => {
    const { replay } = on.start({ limits: { ...limits, mapBytesMax: 64 } });
    const made = new Stream()
      .command('createBuffer', buffer(2, 16, READBACK))
      .command('createBuffer', buffer(3, 16, 'COPY_DST'))
      .command('createBuffer', buffer(4, 256, READBACK))
      .command('createBuffer', buffer(5, 256, READBACK));
    expect(fault(replay, made.command('mapAsync', { buffer: 4, size: 8 }))).toBe('');
    expect(fault(replay, stream)).toMatch(message);
  });
});

describe('error scopes', () => {
  const bad = (stream: Stream) => stream.command('createBuffer', { id: 5, size: 4, usage: 0 });
  it('an error scope catches the errors that it filters for, and the game goes on', async () => {
    const { replay, log, answer } = on.start();
    const scoped = bad(new Stream().command('pushErrorScope', { filter: 'validation' }));
    replay.run(scoped.command('popErrorScope', { token: 3 }).submission);
    const [token, caught] = await answer('ERROR_SCOPE');
    expect([token, enumValue('ErrorFilter', caught)]).toEqual([3, 'validation']);
    expect(log.join()).toMatch(/error scope caught/);
    expect(fault(replay, redPipeline())).toBe('');
  });

  it('an error scope answers 0 if there was no error', async () => {
    const { replay, answer } = on.start();
    replay.run(new Stream().command('pushErrorScope').command('popErrorScope', { token: 4 }).submission);
    expect(await answer('ERROR_SCOPE')).toEqual([4, 0, 0, 0, 0, 0, 0]);
  });

  it.each<[string, Stream, RegExp]>([
    ['left open', new Stream().command('pushErrorScope'), /an error scope is open/],
    ['ended twice', new Stream().command('popErrorScope'), /no error scope is open/],
    [
      'nested too deeply',
      Array.from({ length: 33 }).reduce<Stream>((s) => s.command('pushErrorScope'), new Stream()),
      /32 error scopes/,
    ],
  ])('are refused if they are %s', async (_, stream, message) => {
    expect(fault(on.start().replay, stream)).toMatch(message);
    // An error scope that a module left open does not catch another module's errors.
    expect(fault(on.start().replay, bad(new Stream()))).toMatch(/^NL_GPU_VALIDATION/);
  });
});

describe('pipelines', () => {
  it('an asynchronous pipeline can be used when the reply says so, and not before', async () => {
    const { replay, answer } = on.start();
    const made = new Stream()
      .command('createShaderModule', { id: 2, code: OVERRIDES })
      .command('createRenderPipelineAsync', {
        id: 2,
        vertexModule: 2,
        fragmentModule: 2,
        targets: [target],
        ...pipeline,
      });
    replay.run(made.submission);
    const [kind, id, ready] = await answer('PIPELINE');
    expect([enumValue('ObjectKind', kind), id, ready]).toEqual(['renderPipeline', 2, 1]);
    const picture = new Picture(on.device);
    replay.run(frame(drawRed).submission, picture);
    expect((await picture.read())(8, 8)).toBe('0 0 0 0');
    const early = on.start().replay;
    expect(
      fault(
        early,
        new Stream()
          .command('createShaderModule', { id: 2, code: OVERRIDES })
          .command('createRenderPipelineAsync', {
            id: 2,
            vertexModule: 2,
            fragmentModule: 2,
            targets: [target],
            ...pipeline,
          })
          .command('getRenderBindGroupLayout', { id: 2, pipeline: 2 }),
      ),
    ).toMatch(/the pipeline is not ready/);
  });

  it('an asynchronous pipeline that the GPU refuses causes a reply, and the game goes on', async () => {
    const { replay, log, answer } = on.start();
    replay.run(
      new Stream()
        .command('createShaderModule', { id: 2, code: '@compute @workgroup_size(1) fn main() {}' })
        .command('createComputePipelineAsync', { id: 3, module: 2, entryPoint: 'other' }).submission,
    );
    const [kind, id, ready] = await answer('PIPELINE');
    expect([enumValue('ObjectKind', kind), id, ready]).toEqual(['computePipeline', 3, 0]);
    expect(log.join()).toMatch(/refused/);
    expect(fault(replay, redPipeline(new Stream().command('destroy', { kind: 'shaderModule', object: 2 })))).toBe('');
  });

  it('a pipeline can have constants for its shader', async () => {
    const { replay } = on.start();
    const constantsOf = { fragmentConstants: 'red,7', fragmentValues: [{ value: 1 }, { value: 0.5 }] };
    replay.run(
      new Stream().command('createShaderModule', { id: 2, code: OVERRIDES }).command('createRenderPipeline', {
        id: 2,
        vertexModule: 2,
        fragmentModule: 2,
        targets: [target],
        ...pipeline,
        ...constantsOf,
      }).submission,
    );
    const picture = new Picture(on.device);
    replay.run(frame(drawRed).submission, picture);
    expect((await picture.read())(8, 8)).toBe('255 128 0 0');
  });

  it('a pipeline is refused if its constants and their values differ in number', () => {
    const stream = redPipeline().command('createComputePipeline', {
      id: 2,
      module: 2,
      constants: 'a,b',
      values: [{ value: 1 }],
    });
    expect(fault(on.start().replay, stream)).toMatch(/2 keys of constants, 1 values/);
  });

  it('a module can ask for the compilation info of a shader', async () => {
    const { replay, answer } = on.start();
    replay.run(redPipeline().command('getCompilationInfo', { module: 2, token: 9 }).submission);
    expect(await answer('COMPILATION')).toEqual([9, 0, 0, 0, 0, 0, 0]);
  });

  const OVERRIDES = `
    override red: f32 = 0;
    @id(7) override green: f32 = 0;
    @vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
      return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1);
    }
    @fragment fn fs() -> @location(0) vec4f { return vec4f(red, green, 0, 0); }`;
});
