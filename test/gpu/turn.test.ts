/** Tests how rooms (running games) that share a GPU device divide the host's thread, the GPU and its memory. */

import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { milli } from '../../host/base/time.ts';
import { commandClock } from '../../host/gpu/clock.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { DeviceGroups, GROUPS_MAX } from '../../host/gpu/groups.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { Turn } from '../../host/gpu/turn.ts';
import { DeviceWatch } from '../../host/gpu/watch.ts';
import { bits, Stream } from './document.ts';
import { fault, limits, newReplay, openTestGpu, texture16, watchManually, workOwner } from './fixture.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await openTestGpu('null');
});
afterAll(() => gpu.close());
afterEach(() => vi.useRealTimers());

/** Each reading of the clock advances it by a millisecond, so that limits on time become limits on work. */
beforeEach(() => {
  let looks = 0;
  commandClock(gpu.device).now = () => milli(looks++);
});

const replays: CommandReplay[] = [];
afterAll(() => {
  for (const replay of replays) replay.destroy();
});
function open(options: Parameters<typeof newReplay>[1] = {}): CommandReplay {
  const replay = newReplay(gpu.device, options);
  replays.push(replay);
  return replay;
}

/** Makes a command stream that creates and destroys a texture `times` times. */
function churn(times: number): Stream {
  const stream = new Stream();
  for (let n = 0; n < times; n++)
    stream
      .command('createTexture', texture16('TEXTURE_BINDING', { id: 2 }))
      .command('destroy', { kind: 'texture', object: 2 });
  return stream;
}

const pause = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));

test('a long command stream lets other rooms have their turn, and each of its commands is executed once', async () => {
  // For 6000 commands, the clock is read 187 times. A room's slice has 25 readings if no other room is active.
  const long = open();
  const other = open();
  const { submission } = churn(3000);
  let ended = false;
  const done = Promise.resolve(long.start(submission)).then(() => {
    ended = true;
  });
  let turns = 0;
  for (; !ended; turns++) {
    other.run(churn(1).submission);
    await pause();
  }
  await done;
  expect(turns).toBeGreaterThan(5);
  expect(long.stats()).toMatchObject({ commands: 6000, objects: 0, bytes: 0 });
});

test('a call whose commands take longer than REPLAY_MS_MAX ends its module', async () => {
  const limited = (replayMsMax: number) => open({ limits: { ...limits, replayMsMax } });
  const { submission } = churn(3000);
  await expect((async () => limited(150).start(submission))()).rejects.toThrow(
    /^NL_COMMAND: .*command \d+ \(\w+\): the commands of one call have taken \d+ of 150 ms \(REPLAY_MS_MAX\)/,
  );
  await limited(250).start(submission);
});

test('a long command stream ends soon after the GPU has refused one of its commands', () => {
  const stream = new Stream();
  for (let id = 2; id < 200; id++) stream.command('createBuffer', { id, size: 4, usage: 0 });
  const replay = open();
  expect(fault(replay, stream)).toMatch(/^NL_GPU_VALIDATION: .*command 0 /);
  expect(replay.stats().objects).toBeLessThan(40);
});

test("a room's slice of the host's thread is short while another room is active", () => {
  const device = {} as GPUDevice;
  let now = 0;
  commandClock(device).now = () => milli(now);
  const [one, other] = [new Turn(device, 1000), new Turn(device, 1000)];
  const waits = (turn: Turn): boolean => turn.look() !== undefined;
  other.begin();
  one.begin();
  now += 3.9;
  expect(waits(one)).toBe(false);
  now += 0.2;
  expect(waits(one)).toBe(true);
  now += 200;
  one.begin();
  now += 24;
  expect(waits(one)).toBe(false);
  now += 2;
  expect(waits(one)).toBe(true);
});

test('a room with a lot of unfinished GPU work waits before it submits more', async () => {
  vi.useFakeTimers();
  const { watch, end } = watchManually();
  const [heavy, light] = [workOwner(), workOwner()];
  watch.submitted(heavy, 60_000);
  await vi.advanceTimersByTimeAsync(60);
  end();
  await vi.advanceTimersByTimeAsync(0);
  expect(heavy.onWork.mock.calls).toEqual([[60]]);
  expect(watch.busy(heavy)).toBeUndefined();
  watch.submitted(heavy, 60_000);
  watch.submitted(heavy, 60_000);
  for (let n = 0; n < 10; n++) watch.submitted(light, 60_000);
  expect(watch.busy(light)).toBeUndefined();
  const busy = watch.busy(heavy);
  expect(busy).toBeInstanceOf(Promise);
  end();
  await busy;
  expect(watch.busy(heavy)).toBeUndefined();
});

test("time for which the host's thread was blocked does not count as GPU work", async () => {
  // The clock advances without timers, as it does while this thread is blocked.
  vi.useFakeTimers({ toFake: ['performance'] });
  const { watch, end } = watchManually();
  const victim = workOwner();
  watch.submitted(victim, 600);
  vi.advanceTimersByTime(1000);
  end();
  await pause();
  // The watch checks the GPU's work every 100 ms. A check that is up to 100 ms late does not count as a blocked thread.
  expect(victim.onWork.mock.calls).toEqual([[200]]);
  await pause(300);
  expect(victim.onHung).not.toHaveBeenCalled();
});

test('two calls within ten seconds whose GPU work takes too long end a module, even with short ones in between', () => {
  const submitted = vi.spyOn(DeviceWatch.of(gpu.device), 'submitted');
  const errors: string[] = [];
  const replay = open({ limits: { ...limits, gpuMsMax: 20 } });
  replay.observe({ onError: ({ message }) => void errors.push(message) });
  const work = new Stream()
    .command('createBuffer', { id: 2, size: 4, usage: bits('BufferUsage', 'COPY_DST') })
    .command('clearBuffer', { buffer: 2, size: 4 })
    .command('submit');
  replay.run(work.submission);
  const [watched] = must(submitted.mock.calls[0], 'call of submitted');
  submitted.mockRestore();
  vi.useFakeTimers({ toFake: ['performance'] });
  watched.onWork(21);
  watched.onWork(1);
  vi.advanceTimersByTime(10_001);
  watched.onWork(21);
  expect(errors).toEqual([]);
  vi.advanceTimersByTime(9_000);
  watched.onWork(20);
  watched.onWork(21);
  expect(errors).toEqual([expect.stringMatching(/^NL_GPU_TIME: .*21 of 20 ms for one call \(GPU_MS_MAX\)/)]);
  vi.useRealTimers();
});

test('at the limit of bind groups, the room that has the most can create no more, and other rooms can', () => {
  const device = { queue: {} } as GPUDevice;
  const groups = DeviceGroups.of(device);
  const [greedy, good] = [{}, {}];
  const held: object[] = [];
  const make = (holder: object) => {
    const group = {} as GPUBindGroup;
    held.push(group);
    groups.create(holder, () => group);
  };
  for (let n = 0; n < GROUPS_MAX; n++) make(greedy);
  expect(() => make(greedy)).toThrow('32768 bind groups');
  for (let n = 0; n < 1000; n++) make(good);
  expect(() => make(greedy)).toThrow('33768 bind groups');
});

test('a long label is cut, and a render bundle counts as GPU memory', () => {
  const labels: string[] = [];
  const create = gpu.device.createSampler.bind(gpu.device);
  const spy = vi.spyOn(gpu.device, 'createSampler').mockImplementation((descriptor) => {
    labels.push(must(descriptor?.label, 'label'));
    return create(descriptor);
  });
  const sampler = (id: number, label: string) => ({ id, label, maxAnisotropy: 1 });
  const replay = open();
  replay.run(
    new Stream()
      .command('createSampler', sampler(2, 'x'.repeat(256)))
      .command('createSampler', sampler(3, 'x'.repeat(257))).submission,
  );
  spy.mockRestore();
  expect(labels.map(({ length }) => length)).toEqual([256, 256]);
  const bundle = new Stream().command('createRenderBundleEncoder', {
    colorFormats: [{ format: 'rgba8unorm' }],
    sampleCount: 1,
  });
  for (let n = 0; n < 100; n++) bundle.command('insertDebugMarker', { markerLabel: 'm' });
  replay.run(bundle.command('finishRenderBundle', { id: 4 }).submission);
  expect(replay.stats().bytes).toBeGreaterThan(800);
  replay.run(new Stream().command('destroy', { kind: 'renderBundle', object: 4 }).submission);
  expect(replay.stats().bytes).toBe(0);
});
