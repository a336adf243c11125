import { join } from 'node:path';
import type { Gpu } from '../../../host/gpu/dawn.ts';
import { createReplayFor } from '../../../host/play/launch.ts';
import { Readback } from '../../../host/video/readback.ts';
import { BUILD, createLaunch, open, readGame, TICK_RATE } from '../game.ts';
import type { Reporter } from '../report.ts';
import { SIZES, type Size } from '../sizes.ts';

const STEP_SECONDS = 8;
const MEASURED_MS = 5000;
const FPS = 60;
const READBACKS = 60;

export async function run(report: Reporter): Promise<void> {
  const gpu = await open();
  for (const size of SIZES) if (report.fits(size.name, STEP_SECONDS)) await measure(gpu, size, report);
}

/** Draws frames of the game `arena` one after another, each read back before the next one begins, and measures their time. */
async function measure(gpu: Gpu, { name, width, height }: Size, report: Reporter): Promise<void> {
  const launcher = createLaunch({ gpu, playable: readGame(join(BUILD, 'arena')) });
  const instance = await launcher.createInstance();
  const replay = createReplayFor(instance, launcher);
  const gpuMs: number[] = [];
  replay.observe({ onGpu: (ms) => gpuMs.push(ms) });
  const readback = new Readback({ device: gpu.device, width, height });
  const surface = { texture: readback.texture, view: readback.texture.createView() };
  await replay.start(instance.initial);
  await replay.start(await instance.join(0));
  let tick = 0;
  const draw = async (): Promise<void> => {
    for (let n = 0; n < TICK_RATE / FPS; n++) await replay.start(await instance.tick(tick++));
    await replay.start(await instance.render(0, width, height), surface);
  };
  const read = async (): Promise<void> => (await readback.read())?.release();
  for (let n = 0; n < FPS / 2; n++) {
    await draw();
    await read();
  }
  gpuMs.length = 0;
  const frames: number[] = [];
  for (const end = performance.now() + MEASURED_MS; performance.now() < end; ) {
    const begun = performance.now();
    await draw();
    await read();
    frames.push(performance.now() - begun);
  }
  report.figure(`${name}: two ticks, render, replay, convert and read back`, 'ms', frames);
  report.figure(`${name}: GPU time of a render (timestamps)`, 'ms', gpuMs);
  const readbacks: number[] = [];
  await gpu.device.queue.onSubmittedWorkDone();
  for (let n = 0; n < READBACKS && report.secondsLeft > 1; n++) {
    const begun = performance.now();
    await read();
    readbacks.push(performance.now() - begun);
  }
  report.figure(`${name}: convert and read back alone`, 'ms', readbacks);
  readback.destroy();
  replay.destroy();
  await instance.close();
}
