/** Pipelines that compile beside the frames: a module waits for its own, and nobody for another's. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { Replay } from '../../host/gpu/replay.ts';
import { Stream } from './document.ts';
import { black, limits, newReplay, openTestGpu, Picture, pipeline, redPipeline, TRIANGLE, target } from './fixture.ts';

let gpu: Gpu;
let picture: Picture;
const replays: Replay[] = [];

beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
  picture = new Picture(gpu.device);
});
afterAll(() => {
  for (const replay of replays) replay.destroy();
  gpu.close();
});

function open(options: Parameters<typeof newReplay>[1] = {}): Replay {
  const replay = newReplay(gpu.device, options);
  replays.push(replay);
  return replay;
}

/** Every function calls the one before twice, and each call is compiled: time doubles with each. */
function slow(depth: number): string {
  const functions = Array.from({ length: depth }, (_, n) =>
    n === 0
      ? 'fn f0(x: f32) -> f32 { return sin(x) * x; }'
      : `fn f${n}(x: f32) -> f32 { return f${n - 1}(x) + f${n - 1}(x * 2); }`,
  );
  return `@group(0) @binding(0) var<storage, read_write> out: array<f32>;
    ${functions.join('\n')}
    @compute @workgroup_size(1) fn main() { out[0] = f${depth - 1}(out[1]); }`;
}

const frame = (stream: Stream): Stream =>
  stream
    .command('beginRenderPass', { colorAttachments: [black] })
    .command('setPipeline', { pipeline: 2 })
    .command('draw', { vertexCount: 3, instanceCount: 1 })
    .command('endRenderPass')
    .command('submit');
const red = async (): Promise<boolean> => (await picture.read())(8, 8) === '255 0 0 255';

test('a call that makes pipelines and uses them ends once they are there, with every command done once', async () => {
  const replay = open();
  const wait = replay.start(
    frame(redPipeline().command('getRenderBindGroupLayout', { id: 9, pipeline: 2 })).submission,
    picture,
  );
  expect(wait).toBeInstanceOf(Promise);
  await wait;
  expect(await red()).toBe(true);
  expect(replay.stats()).toMatchObject({ commands: 8, objects: 3 });
  expect(replay.start(frame(new Stream()).submission, picture)).toBeUndefined();
});

test('what is wrong with a pipeline is told with its command', async () => {
  const bad = new Stream().command('createShaderModule', { id: 2, code: TRIANGLE }).command('createRenderPipeline', {
    id: 2,
    vertexModule: 2,
    fragmentModule: 2,
    targets: [{ ...target, format: 'rgba8sint', blend: true }],
    ...pipeline,
    label: 'mine',
  });
  await expect(open().start(bad.submission)).rejects.toThrow(
    /^NL_GPU_VALIDATION: .*command 1 \(createRenderPipeline "mine"\)/,
  );
});

test('an error scope catches it, and keeps to its own module while that one waits', async () => {
  const replies: number[][] = [];
  const replay = open({ reply: (record) => void replies.push(Array.from(record)) });
  const scoped = new Stream()
    .command('pushErrorScope', { filter: 'validation' })
    .command('createShaderModule', { id: 2, code: TRIANGLE })
    .command('createRenderPipeline', { id: 2, vertexModule: 2, fragmentModule: 2, targets: [target], ...pipeline })
    .command('getRenderBindGroupLayout', { id: 9, pipeline: 2 })
    .command('createBuffer', { id: 5, size: 4, usage: 0 })
    .command('createRenderPipeline', { id: 3, vertexModule: 2, vertexEntryPoint: 'none', ...pipeline })
    .command('popErrorScope', { token: 1 })
    .command('pushErrorScope', { filter: 'validation' })
    .command('popErrorScope', { token: 2 });
  const wait = replay.start(scoped.submission);
  const other = new Stream().command('createBuffer', { id: 5, size: 4, usage: 0 });
  expect(() => open().run(other.submission)).toThrow(/^NL_GPU_VALIDATION/);
  await wait;
  await vi.waitFor(() => expect(replies).toHaveLength(2));
  expect(replies.map(([, token, caught]) => [token, caught]).sort()).toEqual([
    [1, 1],
    [2, 0],
  ]);
});

test('one that takes too long ends its module, and holds up no other', { timeout: 60_000 }, async () => {
  const hostile = open({ limits: { ...limits, shaderMsMax: 200 } });
  const begun = performance.now();
  const stream = new Stream()
    .command('createShaderModule', { id: 2, code: slow(16) })
    .command('createComputePipeline', { id: 2, module: 2 });
  const ended = expect(hostile.start(stream.submission)).rejects.toThrow(/^NL_COMMAND: .*of 200 ms \(SHADER_MS_MAX\)/);
  const good = open();
  let frames = 0;
  await good.start(redPipeline().submission);
  while (performance.now() - begun < 400) {
    good.run(frame(new Stream()).submission, picture);
    await gpu.device.queue.onSubmittedWorkDone();
    frames++;
  }
  await ended;
  expect(frames).toBeGreaterThan(5);
  const late = performance.now();
  await open().start(redPipeline().submission);
  expect(performance.now() - late).toBeLessThan(200);
});

test('a replay that is destroyed meanwhile says so', async () => {
  const replay = open();
  const wait = replay.start(redPipeline().submission);
  replay.destroy();
  await expect(wait).rejects.toThrow(/^NL_ROOM_ENDED/);
});
