/** Pipelines that compile in the background. A module waits for its own pipelines, and never for those of other modules. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { milli } from '../../host/base/time.ts';
import { commandClock } from '../../host/gpu/clock.ts';
import { RoomCompiler } from '../../host/gpu/compiler.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { DeviceWatch } from '../../host/gpu/watch.ts';
import { eventually, settle, sleep } from '../wait.ts';
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
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  // A clock never goes back: the time by which a test has moved it forward stays added.
  const clock = commandClock(gpu.device);
  const aheadMs = Math.max(0, clock.now() - performance.now());
  clock.now = () => milli(performance.now() + aheadMs);
});
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

test('an error in a pipeline that compiles in the background names its command', async () => {
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

test('an error scope catches an error in a pipeline, and no error of another module while it waits', async () => {
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

const SLOW = doubling(13);
const TRIVIAL = '@compute @workgroup_size(1) fn main() {}';

/** Lets the test move the clock that limits use, and end the compilations of compute pipelines by `finish`. */
function byHand() {
  // A whole number, because the difference of two fractions may be a little less than what the test has added.
  const clock = { now: Math.ceil(commandClock(gpu.device).now()) };
  commandClock(gpu.device).now = () => milli(clock.now);
  const create = gpu.device.createComputePipelineAsync.bind(gpu.device);
  const gate = Promise.withResolvers<void>();
  const begun = vi.spyOn(gpu.device, 'createComputePipelineAsync').mockImplementation(async (descriptor) => {
    const pipeline = await create(descriptor);
    await gate.promise;
    return pipeline;
  });
  return { clock, begun, finish: gate.resolve };
}
const compute = (code: string, name: 'createComputePipeline' | 'createComputePipelineAsync', id = 2): Stream =>
  new Stream().command('createShaderModule', { id, code }).command(name, { id, module: id });

test('a compilation that takes too long ends its module, and delays no other module', async () => {
  const { clock, finish } = byHand();
  const hostile = open({ limits: { ...limits, shaderMsMax: 30 } });
  const stream = compute(TRIVIAL, 'createComputePipeline');
  const ended = expect(hostile.start(stream.submission)).rejects.toThrow(
    /^NL_COMMAND: .*after 2 commands: compiling has taken 30 of 30 ms \(SHADER_MS_MAX\)/,
  );
  const good = open();
  await good.start(redPipeline().submission);
  good.run(frame(new Stream()).submission, picture);
  expect(await red()).toBe(true);
  clock.now += 30;
  await ended;
  finish();
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
  const { clock, finish } = byHand();
  const replies: number[][] = [];
  const errors: string[] = [];
  const greedy = open({
    limits: { ...limits, shaderMsMax: 30 },
    reply: (record) => void replies.push(Array.from(record)),
  });
  greedy.observe({ onError: ({ message }) => void errors.push(message) });
  await greedy.start(compute(TRIVIAL, 'createComputePipelineAsync').submission);
  const good = open();
  await good.start(redPipeline().submission);
  good.run(frame(new Stream()).submission, picture);
  expect(await red()).toBe(true);
  clock.now += 29;
  await sleep(50);
  expect(errors).toEqual([]);
  clock.now += 1;
  await eventually(() => expect(errors).toHaveLength(1));
  expect(errors[0]).toMatch(/^NL_COMMAND: .*of 30 ms \(SHADER_MS_MAX\)/);
  expect(replies).toEqual([]);
  finish();
});

test('many slow background compilations of one module leave turns to other modules', async () => {
  const replies: number[][] = [];
  const greedy = open({ reply: (record) => void replies.push(Array.from(record)) });
  for (let id = 2; id < 6; id++)
    await greedy.start(compute(SLOW.replace('x * 2', `x * ${id}`), 'createComputePipelineAsync', id).submission);
  const good = open();
  await good.start(redPipeline().submission);
  good.run(frame(new Stream()).submission, picture);
  expect(await red()).toBe(true);
  await eventually(() => expect(replies).toHaveLength(4));
});

test('rooms compile in turn, and a room that has used up its time loses its waiting compilations', async () => {
  // While the GPU still works for an earlier test, time does not count towards a compilation.
  await gpu.device.queue.onSubmittedWorkDone();
  await settle();
  const { clock, begun, finish } = byHand();
  const greedy = open({ limits: { ...limits, shaderMsMax: 100 } });
  const errors: string[] = [];
  greedy.observe({ onError: ({ message }) => void errors.push(message) });
  const stream = new Stream().command('createShaderModule', { id: 2, code: TRIVIAL });
  for (let id = 3; id < 200; id++) stream.command('createComputePipelineAsync', { id, module: 2 });
  await greedy.start(stream.submission);
  // Four compilations of the greedy room have begun. Another room that compiles now gets its turn before the others.
  expect(begun).toHaveBeenCalledTimes(4);
  const other = open().start(redPipeline().submission);
  clock.now += 100;
  await eventually(() => expect(errors).toHaveLength(1));
  finish();
  await other;
  await open().start(redPipeline().submission);
  expect(begun).toHaveBeenCalledTimes(4);
});

test('the host gives a GPU device up if a compilation on it does not end', async () => {
  vi.useFakeTimers();
  const device = { queue: {}, lost: new Promise(() => {}) } as unknown as GPUDevice;
  const errors: string[] = [];
  const onOverdue = ({ message }: Error) => void errors.push(message);
  const onHung = vi.fn();
  const compiler = new RoomCompiler({ device, msMax: 20, refuser: () => () => {}, onOverdue, onHung });
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

test('if the GPU is lost while a pipeline compiles, the waiting call fails, and its command is not refused', async () => {
  const lost = Promise.withResolvers<unknown>();
  const device = { queue: {}, lost: lost.promise } as unknown as GPUDevice;
  const refused = vi.fn();
  const compiler = new RoomCompiler({ device, msMax: 1e6, refuser: () => refused, onOverdue() {}, onHung() {} });
  compiler.begin({ patient: true });
  const rejected = Promise.withResolvers<never>();
  compiler.pipeline(
    () => expect.unreachable(),
    () => rejected.promise,
  );
  const wait = compiler.wait(must(compiler.pending, 'compilation'));
  lost.resolve({ reason: 'unknown' });
  rejected.reject(new Error('the instance is gone'));
  await expect(wait).rejects.toThrow('the device was lost while a command waited');
  expect(refused).not.toHaveBeenCalled();
});

test('a shader whose functions, once inlined, each double in size is refused before it compiles', () => {
  const stream = (depth: number) => new Stream().command('createShaderModule', { id: 2, code: doubling(depth) });
  expect(() => open().run(stream(14).submission)).toThrow(/^NL_COMMAND: .*function f13 has more than 262144 tokens/);
  open().run(stream(13).submission);
});

test('a call that waits for a pipeline fails when its replay is destroyed', async () => {
  const replay = open();
  const wait = replay.start(redPipeline().submission);
  replay.destroy();
  await expect(wait).rejects.toThrow(/^NL_ROOM_ENDED/);
});

test('a wait for a compilation that fails leaves no timer behind', async () => {
  vi.useFakeTimers();
  const device = { queue: {}, lost: new Promise(() => {}) } as unknown as GPUDevice;
  const compiler = new RoomCompiler({ device, msMax: 1e6, refuser: () => () => {}, onOverdue() {}, onHung() {} });
  await expect(compiler.wait(Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  expect(vi.getTimerCount()).toBe(0);
});
