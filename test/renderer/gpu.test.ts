/** Tests that a game gets bytes, answers and features of the GPU from the SDK, on real engines and a real device. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { capabilities } from '../../host/gpu/capability.ts';
import { type Gpu, openGpu } from '../../host/gpu/dawn.ts';
import { CommandReplay } from '../../host/gpu/replay.ts';
import { compileModule } from '../../host/play/modules.ts';
import { Picture } from '../gpu/fixture.ts';
import { eventually } from '../wait.ts';

const root = join(import.meta.dirname, '../..');
mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build/gpu-'));

const game = `
import { BindGroup, Buffer, BufferUsage, ComputePipeline, CompilationInfo, device, ErrorFilter, ErrorScope, FeatureName,
  Game, LimitName, log, Mapping, play, QuerySet, QueryType, RenderPassDescriptor, RenderPipeline, surface } from '@nearlight/sdk';
export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

const code = \`
  override factor: f32 = 1;
  @group(0) @binding(0) var<storage, read_write> values: array<f32>;
  @compute @workgroup_size(4) fn scale(@builtin(global_invocation_id) id: vec3u) { values[id.x] *= factor; }
  @vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
    return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1);
  }
  @fragment fn white() -> @location(0) vec4f { return vec4f(1); }\`;

class Asker extends Game {
  private values!: Buffer;
  private back!: Buffer;
  private counts!: Buffer;
  private counted!: Buffer;
  private compute!: ComputePipeline;
  private refused!: ComputePipeline;
  private draw!: RenderPipeline;
  private queries!: QuerySet;
  private scope: ErrorScope | null = null;
  private info: CompilationInfo | null = null;
  private mapping: Mapping | null = null;
  private samples: Mapping | null = null;
  private work: u32 = 0;
  private told: bool = false;

  init(_seed: u64, _tickRate: u32, _seats: u32): void {
    log.info('compression ' + device.hasFeature(FeatureName.textureCompressionBc).toString());
    log.info('unknown ' + device.hasFeature(99).toString() + ' ' + device.limit(99).toString());
    log.info('groups ' + device.limit(LimitName.maxBindGroups).toString());
    const storage = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;
    this.values = device.createBuffer({ size: 16, usage: storage });
    this.back = device.createBuffer({ size: 16, usage: BufferUsage.COPY_DST | BufferUsage.MAP_READ });
    this.counts = device.createBuffer({ size: 8, usage: BufferUsage.QUERY_RESOLVE | BufferUsage.COPY_SRC });
    this.counted = device.createBuffer({ size: 8, usage: BufferUsage.COPY_DST | BufferUsage.MAP_READ });
    const data: StaticArray<f32> = [1, 2, 3, 4];
    device.queue.writeBuffer(this.values, 0, data);
    const module = device.createShaderModule({ label: 'all', code });
    this.info = module.getCompilationInfo();
    this.compute = device.createComputePipelineAsync({
      compute: { module, entryPoint: 'scale', constants: [{ key: 'factor', value: 2.5 }] },
    });
    this.refused = device.createComputePipelineAsync({ compute: { module, entryPoint: 'nothing' } });
    this.draw = device.createRenderPipeline({
      vertex: { module, entryPoint: 'corner' },
      fragment: { module, entryPoint: 'white', targets: [{ format: surface.format }] },
    });
    log.info('at once ' + this.draw.ready.toString() + ' ' + this.compute.ready.toString());
    this.queries = device.createQuerySet({ type: QueryType.occlusion, count: 1 });
    device.pushErrorScope(ErrorFilter.validation);
    device.createBuffer({ size: 4, usage: 0 });
    this.scope = device.popErrorScope();
  }

  tick(_n: u32): void {
    const scope = this.scope;
    if (scope !== null && scope.done) {
      log.info('caught ' + (scope.error === ErrorFilter.validation).toString());
      this.scope = null;
    }
    const info = this.info;
    if (info !== null && info.done) {
      log.info('messages ' + info.errors.toString());
      this.info = null;
    }
    if (this.refused.failed) {
      log.info('refused');
      this.refused = this.compute;
    }
    if (this.compute.ready && this.mapping === null) this.run();
    const mapping = this.mapping;
    if (mapping !== null && mapping.ready && !this.told) {
      const bytes = changetype<usize>(mapping.data);
      log.info('scaled ' + load<f32>(bytes).toString() + ' ' + load<f32>(bytes, 12).toString() + ' ' + device.queue.isDone(this.work).toString());
      this.told = true;
    }
  }

  private run(): void {
    const group: BindGroup = device.createBindGroup({
      layout: this.compute.getBindGroupLayout(0),
      entries: [{ binding: 0, buffer: this.values }],
    });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.pushDebugGroup('scaling');
    pass.setPipeline(this.compute);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(1);
    pass.popDebugGroup();
    pass.end();
    encoder.copyBufferToBuffer(this.values, 0, this.back, 0, 16);
    device.queue.submit(encoder.finish());
    this.work = device.queue.onSubmittedWorkDone();
    this.mapping = this.back.mapAsync(0, 16);
  }

  render(_seat: i32, _width: u32, _height: u32): void {
    const samples = this.samples;
    if (samples !== null) {
      if (samples.ready) log.info('samples ' + load<u64>(changetype<usize>(samples.data)).toString());
      return;
    }
    const recorder = device.createRenderBundleEncoder({ colorFormats: [surface.format] });
    recorder.setPipeline(this.draw);
    recorder.draw(3);
    const bundle = recorder.finish();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass({ colorAttachments: [{ view: surface.view }], occlusionQuerySet: this.queries });
    pass.beginOcclusionQuery(0);
    pass.setPipeline(this.draw);
    pass.draw(3);
    pass.endOcclusionQuery();
    pass.executeBundles([bundle]);
    pass.end();
    encoder.resolveQuerySet(this.queries, 0, 1, this.counts, 0);
    encoder.copyBufferToBuffer(this.counts, 0, this.counted, 0, 8);
    device.queue.submit(encoder.finish());
    this.samples = this.counted.mapAsync(0, 8);
  }
}

play(new Asker());
`;

/**
 * A game that calls writeBuffer in each tick, with an array of eight numbers. The tick number holds dataOffset + 1 in its
 * upper bits and size + 1 in its lowest byte, so that either can be -1.
 */
const writer = `
import { Buffer, BufferUsage, device, Game, play } from '@nearlight/sdk';
export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

class Writer extends Game {
  private buffer!: Buffer;
  private data: StaticArray<u32> = new StaticArray<u32>(8);

  init(_seed: u64, _tickRate: u32, _seats: u32): void {
    this.buffer = device.createBuffer({ size: 64, usage: BufferUsage.COPY_DST });
  }

  tick(n: u32): void {
    device.queue.writeBuffer(this.buffer, 0, this.data, (n >> 8) - 1, <i32>(n & 255) - 1);
  }

  render(_seat: i32, _width: u32, _height: u32): void {}
}

play(new Writer());
`;

let gpu: Gpu;
const path = join(folder, 'asker.wasm');
const writerPath = join(folder, 'writer.wasm');
beforeAll(async () => {
  writeFileSync(join(folder, 'asker.ts'), game);
  writeFileSync(join(folder, 'writer.ts'), writer);
  [gpu] = await Promise.all([
    openGpu({ hardwareRequired: false, log: () => {} }),
    compileModule(relative(root, join(folder, 'asker.ts')), path, root),
    compileModule(relative(root, join(folder, 'writer.ts')), writerPath, root),
  ]);
});
afterAll(() => {
  gpu.close();
  rmSync(folder, { recursive: true });
});

const engines = [createWasmEdgeEngine({ cacheDir: folder }), createJavaScriptEngine()];

test.each(engines)('a game on $name gets what it asks the GPU for', async (engine) => {
  const lines: string[] = [];
  const config = readConfig({});
  const instance = await engine.load(readFileSync(path), {
    limits: config,
    seed: 1,
    tickRate: 120,
    seats: 1,
    assets: new Uint8Array(),
    gpu: capabilities(gpu.device),
    log: (_, line) => void lines.push(line),
  });
  const replay = new CommandReplay({
    device: gpu.device,
    limits: config,
    asset: () => undefined,
    log: () => {},
    reply: (record) => instance.reply(record),
    write: (address, bytes) => instance.write(address, bytes),
  });
  const picture = new Picture(gpu.device, 16);
  await replay.start(instance.initial);
  await eventually(async () => {
    await replay.start(await instance.tick(0));
    await replay.start(await instance.render(0, 16, 16), picture);
    expect(
      lines.filter((line) => /^(scaled|samples|caught|refused|messages)/.test(line)).length,
    ).toBeGreaterThanOrEqual(5);
  });
  const { device } = gpu;
  expect(new Set(lines.filter((line) => !line.startsWith('compil')))).toEqual(
    new Set([
      `compression ${device.features.has('texture-compression-bc')}`,
      'unknown false 0',
      `groups ${device.limits.maxBindGroups}`,
      'at once true false',
      'caught true',
      'messages 0',
      'refused',
      'scaled 2.5 10.0 true',
      'samples 256',
    ]),
  );
  expect((await picture.read())(8, 8)).toBe('255 255 255 255');
  replay.destroy();
  await instance.close();
});

test.each([
  ['the whole array', 0, -1, 32],
  ['nothing, from the end of the array', 8, -1, 0],
  ['the last element', 7, 1, 4],
  ['one element more than remain', 7, 2, undefined],
  ['what remains after the end of the array', 9, -1, undefined],
  ['elements whose number exceeds 32 bits together with their offset', -1, 2, undefined],
])('writeBuffer writes %s, or traps', async (_, dataOffset, size, bytes) => {
  const instance = await createJavaScriptEngine().load(readFileSync(writerPath), {
    limits: readConfig({}),
    seed: 1,
    tickRate: 120,
    seats: 1,
    assets: new Uint8Array(),
    log: () => {},
  });
  const tick = instance.tick(((dataOffset + 1) << 8) | (size + 1));
  if (bytes === undefined)
    await expect(tick).rejects.toThrow(/^NL_GUEST_TRAP: .*dataOffset \+ size is beyond the end of the data/);
  else expect((await tick).data.length).toBe(bytes);
});
