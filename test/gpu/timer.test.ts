import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { eventually } from '../wait.ts';
import { Stream } from './document.ts';
import { black, newReplay, openTestGpu, Picture, redPipeline } from './fixture.ts';

/** The GPU time of one render in this many is measured. */
const RENDERS = 31;

let gpu: Gpu;
beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
});
afterAll(() => gpu.close());

/** Makes a replay whose renders fill a large picture, and collects the GPU times that it reports. */
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

/** Collects, for each render whose GPU time is measured, the milliseconds between its two timestamps. */
function readbacks(): number[] {
  const spans: number[] = [];
  const create = gpu.device.createBuffer.bind(gpu.device);
  vi.spyOn(gpu.device, 'createBuffer').mockImplementation((descriptor) => {
    const buffer = create(descriptor);
    if (descriptor.label !== 'gpu time readback') return buffer;
    const read = buffer.getMappedRange.bind(buffer);
    buffer.getMappedRange = (...range) => {
      const bytes = read(...range);
      const [begin = 0n, end = 0n] = new BigUint64Array(bytes);
      spans.push(Number(end - begin) / 1e6);
      return bytes;
    };
    return buffer;
  });
  return spans;
}

test('the GPU time of one render in thirty-one is measured, and counted for all of them', async () => {
  const spans = readbacks();
  const { times, replay, render } = stage();
  expect(gpu.device.features.has('timestamp-query')).toBe(true);
  for (let n = 1; n < RENDERS; n++) render();
  await gpu.device.queue.onSubmittedWorkDone();
  expect(times).toEqual([]);
  render();
  await eventually(() => expect(times).toHaveLength(1));
  expect(spans).toHaveLength(1);
  expect(spans[0]).toBeGreaterThan(0);
  expect(times).toEqual([must(spans[0], 'timed render') * RENDERS]);
  for (let n = 0; n < RENDERS; n++) render();
  await eventually(() => expect(times).toHaveLength(2));
  replay.destroy();
  vi.restoreAllMocks();
});

test('renders go on while a GPU time is read back, and none is reported after the replay is destroyed', async () => {
  const { times, replay, render } = stage();
  for (let n = 0; n < 2 * RENDERS; n++) render();
  replay.destroy();
  await gpu.device.queue.onSubmittedWorkDone();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(times).toEqual([]);
});
