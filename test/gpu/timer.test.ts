import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { eventually } from '../wait.ts';
import { Stream } from './document.ts';
import { black, newReplay, openTestGpu, Picture, redPipeline } from './fixture.ts';

/** One render in this many is timed. */
const RENDERS = 31;

let gpu: Gpu;
beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
});
afterAll(() => gpu.close());

/** A replay whose renders fill a large picture, and the GPU times that it reports. */
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

test('one render in thirty-one is timed, and its time is counted for all of them', async () => {
  const { times, replay, render } = stage();
  expect(gpu.device.features.has('timestamp-query')).toBe(true);
  const begun = performance.now();
  for (let n = 1; n < RENDERS; n++) render();
  await gpu.device.queue.onSubmittedWorkDone();
  expect(times).toEqual([]);
  render();
  await eventually(() => expect(times).toHaveLength(1));
  const wall = performance.now() - begun;
  // All renders are alike, so the estimate is about as long as the time that all of them took.
  expect(times[0]).toBeGreaterThan(0.05 * wall);
  expect(times[0]).toBeLessThan(10 * wall);
  for (let n = 0; n < RENDERS; n++) render();
  await eventually(() => expect(times).toHaveLength(2));
  replay.destroy();
});

test('renders go on while a result is on its way, and no time is reported after the end', async () => {
  const { times, replay, render } = stage();
  for (let n = 0; n < 2 * RENDERS; n++) render();
  replay.destroy();
  await gpu.device.queue.onSubmittedWorkDone();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(times).toEqual([]);
});
