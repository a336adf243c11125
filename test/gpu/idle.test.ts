/** Tests that this thread never waits for the work of a software GPU, because all rooms depend on it. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { DeviceWatch } from '../../host/gpu/watch.ts';
import { bits, Stream } from './document.ts';
import { newReplay, openTestGpu, texture16, watchManually, workOwner } from './fixture.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await openTestGpu('null');
});
afterAll(() => gpu.close());

function manual({ isSoftware = true } = {}) {
  const made = watchManually();
  made.watch.isSoftware = isSoftware;
  return made;
}

test('the GPU is idle if nothing was submitted, all is done, or the GPU is hardware', async () => {
  const { watch, end } = manual();
  expect(watch.idle()).toBeUndefined();
  watch.countSubmission();
  const idle = watch.idle();
  end();
  await idle;
  expect(watch.idle()).toBeUndefined();
  const hardware = manual({ isSoftware: false }).watch;
  hardware.countSubmission();
  expect(hardware.idle()).toBeUndefined();
});

test('while one waits for the GPU to be idle, no other begins, and the one who waited goes on first', async () => {
  const { watch, end } = manual();
  const order: string[] = [];
  watch.countSubmission();
  const waiting = watch.whenIdle().then(() => order.push('waiting'));
  const other = must(watch.busy(workOwner()), 'a wait').then(() => order.push('other'));
  // A call that had begun before submits more.
  watch.countSubmission();
  end();
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(order).toEqual([]);
  end();
  await Promise.all([waiting, other]);
  expect(order).toEqual(['waiting', 'other']);
  expect(watch.busy(workOwner())).toBeUndefined();
});

test('who waits for the GPU to be idle learns that it is lost', async () => {
  const { watch } = manual();
  watch.countSubmission();
  const waiting = expect(watch.whenIdle()).rejects.toThrow(/^NL_GPU_LOST/);
  watch.giveUp();
  await waiting;
  await expect(watch.whenIdle()).rejects.toThrow(/^NL_GPU_LOST/);
});

/** Waits until the GPU is idle, and calls may begin. */
async function settled(): Promise<void> {
  const watch = DeviceWatch.of(gpu.device);
  await watch.whenIdle();
  await watch.busy(workOwner());
}

const work = (id: number): Stream =>
  new Stream()
    .command('createBuffer', { id, size: 4, usage: bits('BufferUsage', 'COPY_DST') })
    .command('clearBuffer', { buffer: id, size: 4 })
    .command('submit');

const sampler = (id: number) => ({ id, maxAnisotropy: 1 });
const views = new Stream()
  .command('createTexture', texture16('TEXTURE_BINDING', { id: 2 }))
  .command('createTextureView', { id: 2, texture: 2, dimension: '2d', aspect: 'all' });

test.each([
  ['a texture view', views],
  ['a sampler', new Stream().command('createSampler', sampler(2))],
])('%s waits for the GPU, but not in a call that may not wait', async (_, stream) => {
  const replays: CommandReplay[] = [newReplay(gpu.device), newReplay(gpu.device)];
  const [busy, creating] = replays as [CommandReplay, CommandReplay];
  await settled();
  expect(busy.start(work(2).submission)).toBeUndefined();
  const wait = creating.start(stream.submission);
  expect(wait).toBeInstanceOf(Promise);
  await wait;
  expect(creating.stats().commands).toBe(stream === views ? 2 : 1);
  busy.run(work(3).submission);
  const impatient = newReplay(gpu.device);
  impatient.run(stream.submission);
  for (const replay of [...replays, impatient]) replay.destroy();
});

test('a call that waits to begin ends with its room', async () => {
  await settled();
  const [busy, creating, waiting] = [newReplay(gpu.device), newReplay(gpu.device), newReplay(gpu.device)];
  busy.run(work(2).submission);
  const wait = creating.start(views.submission);
  const begun = expect(waiting.start(work(2).submission)).rejects.toThrow(/^NL_ROOM_ENDED/);
  waiting.destroy();
  await Promise.all([wait, begun]);
  for (const replay of [busy, creating]) replay.destroy();
});

test('a call that waits for its own work is watched meanwhile', async () => {
  await settled();
  const submitted = vi.spyOn(DeviceWatch.of(gpu.device), 'submitted');
  const replay = newReplay(gpu.device);
  const wait = replay.start(work(2).command('createSampler', sampler(2)).submission);
  expect(wait).toBeInstanceOf(Promise);
  expect(submitted).toHaveBeenCalledTimes(1);
  await wait;
  expect(submitted).toHaveBeenCalledTimes(1);
  submitted.mockRestore();
  replay.destroy();
});

test('a GPU is not destroyed while it works or hangs, because this thread would wait for it', async () => {
  const { watch, end } = manual();
  expect(watch.works).toBe(false);
  watch.submitted(workOwner(), 60_000);
  expect(watch.works).toBe(true);
  end();
  await vi.waitFor(() => expect(watch.works).toBe(false));
  watch.giveUp();
  expect(watch.works).toBe(true);

  const opened = await openTestGpu('null');
  const destroy = vi.spyOn(opened.device, 'destroy');
  DeviceWatch.of(opened.device).giveUp();
  await opened.close();
  expect(destroy).not.toHaveBeenCalled();
});
