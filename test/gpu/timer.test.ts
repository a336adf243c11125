import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { Stream } from './document.ts';
import { black, newReplay, openTestGpu, Picture, redPipeline } from './fixture.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

/** One render in this many is timed. */
const RENDERS = 31;

let gpu: Gpu;
beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
});
afterAll(() => gpu.close());

/** A replay whose renders fill a large picture, and what its timer has told. */
function stage() {
  const times: number[] = [];
  const replay = newReplay(gpu.device);
  replay.observe({ onGpu: (ms, renders) => void times.push(ms * renders) });
  const picture = new Picture(gpu.device, 2048);
  replay.run(redPipeline().submission);
  const render = () => {
    const stream = new Stream()
      .command('beginRenderPass', { colorAttachments: [{ ...black, view: 1 }] })
      .command('setPipeline', { pipeline: 2 })
      .command('draw', { vertexCount: 3, instanceCount: 20 })
      .command('endRenderPass')
      .command('submit');
    replay.run(stream.submission, picture);
  };
  return { times, replay, render };
}

test('one render in thirty-one is timed, and stands for all of them', async () => {
  const { times, replay, render } = stage();
  expect(gpu.device.features.has('timestamp-query')).toBe(true);
  const begun = performance.now();
  for (let n = 1; n < RENDERS; n++) render();
  await gpu.device.queue.onSubmittedWorkDone();
  expect(times).toEqual([]);
  render();
  await vi.waitFor(() => expect(times).toHaveLength(1), { timeout: 10_000 });
  const wall = performance.now() - begun;
  // As the renders are alike, the estimate has the size of the time that all have taken.
  expect(times[0]).toBeGreaterThan(0.05 * wall);
  expect(times[0]).toBeLessThan(10 * wall);
  for (let n = 0; n < RENDERS; n++) render();
  await vi.waitFor(() => expect(times).toHaveLength(2), { timeout: 10_000 });
  replay.destroy();
});

test('renders go on while a result is on its way, and nothing comes after the end', async () => {
  const { times, replay, render } = stage();
  for (let n = 0; n < 2 * RENDERS; n++) render();
  replay.destroy();
  await gpu.device.queue.onSubmittedWorkDone();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(times).toEqual([]);
});
