/** Shaders that another process tries first. The process is a stand-in here; test/play/vetting.test.ts tests the real one. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { Fault } from '../../host/gpu/reader.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { digestOf, Overrun, type ShaderVetting, type Trial } from '../../host/gpu/vetting.ts';
import { eventually, settle } from '../wait.ts';
import { Stream } from './document.ts';
import { limits, newReplay, openTestGpu, pipeline, redPipeline, TRIANGLE } from './fixture.ts';

let gpu: Gpu;
const replays: CommandReplay[] = [];

beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
});
afterAll(() => {
  for (const replay of replays) replay.destroy();
  gpu.close();
});

interface Asked {
  digest: string;
  trial: Trial;
  owner: object;
  pass(ms?: number): void;
  fail(error: Error): void;
}

/** Takes the place of the process that tries shaders. The test decides how each trial ends. */
class FakeVetting implements ShaderVetting {
  readonly asked: Asked[] = [];
  readonly dropped: object[] = [];
  readonly harmless = new Set<string>();

  digest(text: string): string {
    return `digest of ${text}`;
  }

  isHarmless(digest: string): boolean {
    return this.harmless.has(digest);
  }

  try(digest: string, trial: Trial, owner: object): Promise<number> {
    return new Promise((resolve, reject) => {
      const pass = (ms = 0) => {
        this.harmless.add(digest);
        resolve(ms);
      };
      this.asked.push({ digest, trial, owner, pass, fail: reject });
    });
  }

  drop(owner: object): void {
    this.dropped.push(owner);
  }

  /** Waits for a trial, and returns it. */
  async next(): Promise<Asked> {
    return eventually(() => must(this.asked.shift(), 'trial'));
  }
}

function open(options: Parameters<typeof newReplay>[1] = {}): { vetting: FakeVetting; replay: CommandReplay } {
  const vetting = new FakeVetting();
  const replay = newReplay(gpu.device, { vetting, ...options });
  replays.push(replay);
  return { vetting, replay };
}

const MAIN = '@compute @workgroup_size(1) fn main() {}';
const compute = (name: 'createComputePipeline' | 'createComputePipelineAsync', stream = new Stream()): Stream =>
  stream.command('createShaderModule', { id: 2, label: 'mine', code: MAIN }).command(name, { id: 2, module: 2 });

test('a call waits until its shader module and then its pipeline are known to be harmless', async () => {
  const { vetting, replay } = open();
  const done = must(replay.start(redPipeline().submission), 'promise');
  const shader = await vetting.next();
  expect(shader.trial).toEqual({ kind: 'shaderModule', code: TRIANGLE });
  expect(replay.tables.shaderModule.count).toBe(0);
  shader.pass();
  const tried = await vetting.next();
  expect(tried.owner).toBe(shader.owner);
  expect(tried.trial).toMatchObject({ kind: 'renderPipeline', layout: 'auto', codes: [TRIANGLE, TRIANGLE] });
  expect(JSON.parse(JSON.stringify(tried.trial))).toMatchObject({
    descriptor: { vertex: { module: 0 }, fragment: { module: 1, targets: [{ format: 'rgba8unorm' }] } },
  });
  tried.pass();
  await done;
  expect(replay.stats().commands).toBe(2);
});

test('the digest of what is tried follows from the trial alone, also after it has travelled as JSON', async () => {
  const { vetting, replay } = open();
  const done = replay.start(redPipeline().submission);
  for (let n = 0; n < 2; n++) {
    const { digest, trial, pass } = await vetting.next();
    expect(digestOf(JSON.parse(JSON.stringify(trial)), (key) => vetting.digest(key))).toBe(digest);
    pass();
  }
  await done;
});

test('a call waits for no trial of what is known to be harmless', async () => {
  const { vetting, replay } = open();
  const done = replay.start(redPipeline().submission);
  (await vetting.next()).pass();
  (await vetting.next()).pass();
  await done;
  const again = newReplay(gpu.device, { vetting });
  replays.push(again);
  await again.start(redPipeline().submission);
  expect(vetting.asked).toEqual([]);
});

test('the trial of a pipeline names the entries of its layout, and another layout needs another trial', async () => {
  const { vetting, replay } = open();
  const entry = { binding: 3, visibility: 4, bufferType: 'storage', minBindingSize: 16 };
  const layouts = (id: number, binding: number) =>
    new Stream()
      .command('createBindGroupLayout', { id, entries: [{ ...entry, binding }] })
      .command('createPipelineLayout', { id, layouts: [{}, { layout: id }] });
  await replay.start(layouts(2, 3).submission);
  await replay.start(layouts(3, 4).submission);
  const shader = replay.start(new Stream().command('createShaderModule', { id: 2, code: MAIN }).submission);
  (await vetting.next()).pass();
  await shader;
  const digests: string[] = [];
  for (const [id, binding] of [
    [2, 3],
    [3, 4],
  ] as const) {
    const made = replay.start(new Stream().command('createComputePipeline', { id, module: 2, layout: id }).submission);
    const { digest, trial, pass } = await vetting.next();
    digests.push(digest);
    expect(trial).toMatchObject({ layout: [null, [{ binding, visibility: 4, buffer: { type: 'storage' } }]] });
    pass();
    await made;
  }
  expect(new Set(digests).size).toBe(2);
});

test('the text of a shader cannot pass for a pipeline that was tried', async () => {
  const { vetting, replay } = open();
  const made = replay.start(compute('createComputePipeline').submission);
  (await vetting.next()).pass();
  const { digest, pass } = await vetting.next();
  pass();
  await made;
  const text = digest.replace('digest of ', '');
  const forged = open();
  const ended = forged.replay.start(new Stream().command('createShaderModule', { id: 2, code: text }).submission);
  expect((await forged.vetting.next()).digest).not.toBe(digest);
  forged.replay.destroy();
  await expect(ended).rejects.toThrow('NL_ROOM_ENDED');
});

test('a shader that overruns ends its room with an error that names the command, and no other room waits', async () => {
  const { vetting, replay } = open();
  const ended = expect(replay.start(compute('createComputePipeline').submission)).rejects.toThrow(
    /^NL_SHADER: .*command 0 \(createShaderModule "mine"\): it takes too much/,
  );
  const { fail } = await vetting.next();
  newReplay(gpu.device).run(redPipeline().submission);
  fail(new Overrun('it takes too much'));
  await ended;
  expect(() => replay.run(new Stream().submission)).toThrow('NL_SHADER');
});

test('no error scope catches the overrun of a pipeline', async () => {
  const { vetting, replay } = open();
  const scoped = compute('createComputePipeline', new Stream().command('pushErrorScope', { filter: 'validation' }));
  const ended = expect(replay.start(scoped.command('popErrorScope', { token: 1 }).submission)).rejects.toThrow(
    /^NL_SHADER: .*command 2 \(createComputePipeline, module "mine"\): it takes too much/,
  );
  (await vetting.next()).pass();
  (await vetting.next()).fail(new Overrun('it takes too much'));
  await ended;
  expect(vetting.dropped).toHaveLength(1);
});

test('a shader that is too large is an invalid command, as without trials', async () => {
  const { vetting, replay } = open();
  const ended = expect(replay.start(compute('createComputePipeline').submission)).rejects.toThrow(
    /^NL_COMMAND: .*command 0 \(createShaderModule "mine"\): too many tokens/,
  );
  (await vetting.next()).fail(new Fault('too many tokens'));
  await ended;
});

test('a pipeline that overruns in the background ends its room, even before anyone observes it', async () => {
  for (const isObserved of [true, false]) {
    const errors: string[] = [];
    const { vetting, replay } = open();
    if (isObserved) replay.observe({ onError: ({ message }) => void errors.push(message) });
    const done = replay.start(compute('createComputePipelineAsync').submission);
    (await vetting.next()).pass();
    await done;
    (await vetting.next()).fail(new Overrun('it takes too much'));
    await settle();
    const text = /^NL_SHADER: .*command 1 \(createComputePipelineAsync, module "mine"\)/;
    if (isObserved) expect(errors).toEqual([expect.stringMatching(text)]);
    else
      expect(() => replay.run(new Stream().command('createBuffer', { id: 9, size: 4, usage: 8 }).submission)).toThrow(
        text,
      );
  }
});

test('trials count towards the time that a room may spend on compiling', async () => {
  const { vetting, replay } = open({ limits: { ...limits, shaderMsMax: 50 } });
  const ended = expect(replay.start(compute('createComputePipeline').submission)).rejects.toThrow(
    /^NL_COMMAND: .*of 50 ms \(SHADER_MS_MAX\)/,
  );
  (await vetting.next()).pass(60);
  await ended;
});

test('a call that waits for a trial fails when its replay is destroyed, and the trial is dropped', async () => {
  const { vetting, replay } = open();
  const ended = expect(replay.start(redPipeline().submission)).rejects.toThrow(/^NL_ROOM_ENDED/);
  const { owner } = await vetting.next();
  replay.destroy();
  await ended;
  expect(vetting.dropped).toEqual([owner]);
});

test('WebGPU refuses the layout of a pipeline in a pipeline layout, so no such pipeline is tried', async () => {
  const { vetting, replay } = open();
  const made = replay.start(compute('createComputePipeline').submission);
  (await vetting.next()).pass();
  (await vetting.next()).pass();
  await made;
  const reused = new Stream()
    .command('pushErrorScope', { filter: 'validation' })
    .command('getComputeBindGroupLayout', { id: 2, pipeline: 2, index: 0 })
    .command('createPipelineLayout', { id: 2, layouts: [{ layout: 2 }] })
    .command('createRenderPipeline', { id: 2, layout: 2, vertexModule: 2, targets: [], ...pipeline })
    .command('createComputePipeline', { id: 3, layout: 2, module: 2 })
    .command('popErrorScope', { token: 1 });
  await replay.start(reused.submission);
  expect(vetting.asked).toEqual([]);
});

test.each(['createComputePipeline', 'createComputePipelineAsync'] as const)(
  'a call of %s that needs too many trials waits for the oldest',
  async (name) => {
    const { vetting, replay } = open({ limits: { ...limits, gpuObjectsMax: 1000 } });
    const stream = new Stream().command('createShaderModule', {
      id: 2,
      code: 'override n = 1.0; @compute @workgroup_size(1) fn main() { var x = n; }',
    });
    for (let id = 2; id < 302; id++) stream.command(name, { id, module: 2, constants: 'n', values: [{ value: id }] });
    const done = replay.start(stream.submission);
    (await vetting.next()).pass();
    await eventually(() => expect(vetting.asked).toHaveLength(256));
    await settle();
    expect(vetting.asked).toHaveLength(256);
    (await vetting.next()).pass();
    await eventually(() => expect(vetting.asked).toHaveLength(256));
    expect(replay.tables.computePipeline.count).toBe(257);
    for (let n = 0; n < 299; n++) (await vetting.next()).pass();
    await done;
    expect(replay.stats()).toMatchObject({ commands: 301, objects: 301 });
  },
);
