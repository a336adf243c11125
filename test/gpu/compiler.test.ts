/** Pipelines that compile in the background. A module waits for its own pipelines, and never for those of other modules. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { commandClock } from '../../host/gpu/clock.ts';
import { RoomCompiler } from '../../host/gpu/compiler.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { DeviceWatch } from '../../host/gpu/watch.ts';
import { eventually } from '../wait.ts';
import { Stream } from './document.ts';
import {
  black,
  doubling,
  limits,
  newReplay,
  openTestGpu,
  Picture,
  pipeline,
  redPipeline,
  TRIANGLE,
  target,
} from './fixture.ts';

let gpu: Gpu;
let picture: Picture;
const replays: CommandReplay[] = [];

beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
  picture = new Picture(gpu.device);
});
afterEach(() => vi.useRealTimers());
afterAll(() => {
  for (const replay of replays) replay.destroy();
  gpu.close();
});

function open(options: Parameters<typeof newReplay>[1] = {}): CommandReplay {
  const replay = newReplay(gpu.device, options);
  replays.push(replay);
  return replay;
}

const frame = (stream: Stream): Stream =>
  stream
    .command('beginRenderPass', { colorAttachments: [black] })
    .command('setPipeline', { pipeline: 2 })
    .command('draw', { vertexCount: 3, instanceCount: 1 })
    .command('endRenderPass')
    .command('submit');
const red = async (): Promise<boolean> => (await picture.read())(8, 8) === '255 0 0 255';

test('a call that creates pipelines and uses them executes every command once, and ends when they have compiled', async () => {
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

test('an error in a pipeline names its command', async () => {
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

test('an error scope catches an error in a pipeline, and none of another module while its own waits', async () => {
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
  await eventually(() => expect(replies).toHaveLength(2));
  expect(replies.map(([, token, caught]) => [token, caught]).sort()).toEqual([
    [1, 1],
    [2, 0],
  ]);
});

/** A shader that compiles slowly, so that other rooms compile meanwhile. */
const SLOW = doubling(13);
/** Every look at the clock counts as this much time, so that a compilation takes at least as long on any machine. */
const LOOK_MS = 10;
/** Longer than a shader module takes, and shorter than a shader module and a pipeline take together. */
const SHORT_MS = 1.5 * LOOK_MS;

/** Measures compilations by the number of looks at the clock. */
function countLooks(): void {
  let looks = 0;
  commandClock(gpu.device).now = () => LOOK_MS * looks++;
}
const compute = (code: string, name: 'createComputePipeline' | 'createComputePipelineAsync', id = 2): Stream =>
  new Stream().command('createShaderModule', { id, code }).command(name, { id, module: id });

test('a compilation that takes too long ends its module, and delays no other module', async () => {
  countLooks();
  const hostile = open({ limits: { ...limits, shaderMsMax: SHORT_MS } });
  const stream = compute(SLOW, 'createComputePipeline');
  const ended = expect(hostile.start(stream.submission)).rejects.toThrow(
    /^NL_COMMAND: .*after 2 commands: compiling has taken \d+ of 15 ms \(SHADER_MS_MAX\)/,
  );
  const good = open();
  await good.start(redPipeline().submission);
  good.run(frame(new Stream()).submission, picture);
  await ended;
  expect(await red()).toBe(true);
});

test('background compilations count only against their own module', async () => {
  vi.useFakeTimers();
  const device = { queue: {}, lost: new Promise(() => {}) } as unknown as GPUDevice;
  const errors: string[] = [];
  const room = (name: string) =>
    new RoomCompiler({
      device,
      msMax: 50,
      refuser: () => () => {},
      onOverdue: ({ message }) => void errors.push(`${name}: ${message}`),
      onHung: () => {},
    });
  const [greedy, good] = [room('greedy'), room('good')];
  const ends: (() => void)[] = [];
  const begin = () => new Promise<void>((resolve) => ends.push(resolve));
  const made = [greedy.later(begin), good.later(begin)];
  await vi.advanceTimersByTimeAsync(40);
  must(ends[0], 'compilation')();
  await made[0];
  await vi.advanceTimersByTimeAsync(40);
  must(ends[1], 'compilation')();
  await made[1];
  expect(errors).toEqual([]);
  const again = greedy.later(begin);
  await vi.advanceTimersByTimeAsync(40);
  must(ends[2], 'compilation')();
  await again;
  expect(errors).toEqual([expect.stringMatching(/^greedy: .*of 50 ms \(SHADER_MS_MAX\)/)]);
});

test('a background compilation delays no other module, and ends its own module if it takes too long', async () => {
  countLooks();
  const replies: number[][] = [];
  const greedy = open({ reply: (record) => void replies.push(Array.from(record)) });
  for (let id = 2; id < 6; id++)
    await greedy.start(compute(SLOW.replace('x * 2', `x * ${id}`), 'createComputePipelineAsync', id).submission);
  const good = open();
  await good.start(redPipeline().submission);
  good.run(frame(new Stream()).submission, picture);
  expect(await red()).toBe(true);
  await eventually(() => expect(replies).toHaveLength(4));
  const errors: string[] = [];
  const overdue = open({ limits: { ...limits, shaderMsMax: SHORT_MS } });
  overdue.observe({ onError: ({ message }) => void errors.push(message) });
  const another = SLOW.replace('x * 2', 'x * 7');
  await overdue.start(compute(another, 'createComputePipelineAsync').submission);
  await eventually(() => expect(errors).toHaveLength(1));
  expect(errors[0]).toMatch(/^NL_COMMAND: .*of 15 ms \(SHADER_MS_MAX\)/);
});

test('rooms compile in turn, and a room that has used up its time loses the compilations that wait', async () => {
  countLooks();
  const begun = vi.spyOn(gpu.device, 'createComputePipelineAsync');
  const greedy = open({ limits: { ...limits, shaderMsMax: 10 * LOOK_MS } });
  const errors: string[] = [];
  greedy.observe({ onError: ({ message }) => void errors.push(message) });
  const stream = new Stream().command('createShaderModule', { id: 2, code: SLOW.replace('x * 2', 'x * 11') });
  for (let id = 3; id < 200; id++) stream.command('createComputePipelineAsync', { id, module: 2 });
  await greedy.start(stream.submission);
  await open().start(redPipeline().submission);
  await eventually(() => expect(errors).toHaveLength(1));
  await open().start(redPipeline().submission);
  expect(begun.mock.calls.length).toBeLessThan(20);
  begun.mockRestore();
});

test('a device is given up if a compilation does not end', async () => {
  const device = { queue: {}, lost: new Promise(() => {}) } as unknown as GPUDevice;
  const errors: string[] = [];
  const onOverdue = ({ message }: Error) => void errors.push(message);
  const onHung = vi.fn();
  const compiler = new RoomCompiler({ device, msMax: 20, refuser: () => () => {}, onOverdue, onHung });
  vi.useFakeTimers();
  void compiler.later(() => new Promise(() => {}));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(DeviceWatch.of(device).lost).toBe(false);
  await vi.advanceTimersByTimeAsync(50);
  vi.useRealTimers();
  await DeviceWatch.of(device).hung;
  expect(errors).toEqual([expect.stringMatching(/of 20 ms \(SHADER_MS_MAX\)/)]);
  expect(onHung).toHaveBeenCalledOnce();
  const another = new RoomCompiler({ device, msMax: 20, refuser: () => () => {}, onOverdue, onHung });
  await expect(another.wait(new Promise(() => {}))).rejects.toThrow('the device was lost');
});

test('a shader whose functions double in size with each call is refused before it compiles', () => {
  const stream = (depth: number) => new Stream().command('createShaderModule', { id: 2, code: doubling(depth) });
  expect(() => open().run(stream(14).submission)).toThrow(/^NL_COMMAND: .*function f13 has more than 262144 tokens/);
  open().run(stream(13).submission);
});

test('a call that waits fails when its replay is destroyed', async () => {
  const replay = open();
  const wait = replay.start(redPipeline().submission);
  replay.destroy();
  await expect(wait).rejects.toThrow(/^NL_ROOM_ENDED/);
});
