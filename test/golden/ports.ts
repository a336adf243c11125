import { readConfig } from '../../host/base/config.ts';
import type { Engine } from '../../host/engine/engine.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { createReplayFor, Launch, type Playable } from '../../host/play/launch.ts';
import { readPixels } from '../../host/video/snapshot.ts';
import type { Image } from './compare.ts';
import type { Frame, Render } from './examples/port.ts';

/** The example games that are also written in TypeScript on WebGPU itself, to compare their pictures. */
export const PORTS: Record<string, () => Promise<{ render: Render }>> = {
  animometer: () => import('./examples/animometer.ts'),
  blur: () => import('./examples/blur.ts'),
  boids: () => import('./examples/boids.ts'),
  bundles: () => import('./examples/bundles.ts'),
  cube: () => import('./examples/cube.ts'),
  deferred: () => import('./examples/deferred.ts'),
  instancing: () => import('./examples/instancing.ts'),
  msaa: () => import('./examples/msaa.ts'),
  shadow: () => import('./examples/shadow.ts'),
  skin: () => import('./examples/skin.ts'),
  triangle: () => import('./examples/triangle.ts'),
};

/**
 * Greatest differences of an example's picture from that of its TypeScript port, in channel values from 0 to 255. Both run the
 * same shaders, so only the CPU's rounding differs.
 */
export const MAX_DIFF = 2;
export const MEAN_DIFF = 0.01;

const TICK_RATE = 120;

export const FRAMES: readonly Frame[] = [
  { tick: 90, width: 480, height: 270, tickRate: TICK_RATE },
  { tick: 500, width: 200, height: 320, tickRate: TICK_RATE },
];

/** Plays a module up to the frame's tick with one player, and draws that player's picture into `texture`. */
export async function playInto(
  texture: GPUTexture,
  options: { playable: Playable; frame: Pick<Frame, 'tick'>; engine: Engine; gpu: Gpu },
): Promise<void> {
  const { playable, frame, engine, gpu } = options;
  const log = (_: string, message: string) => process.stderr.write(`${playable.name}: ${message}\n`);
  const session = { seed: 1, tickRate: TICK_RATE, seats: 1 };
  const launcher = new Launch({ playable, engine, gpu, config: readConfig({}), session, log });
  const game = await launcher.createInstance();
  const replay = createReplayFor(game, launcher);
  replay.run(game.initial);
  replay.run(await game.join(0));
  for (let tick = 0; tick <= frame.tick; tick++) replay.run(await game.tick(tick));
  const submission = await game.render(0, texture.width, texture.height);
  replay.run(submission, { texture, view: texture.createView() });
  await gpu.device.queue.onSubmittedWorkDone();
  replay.destroy();
  await game.close();
}

/** Reads an rgba8unorm texture back. */
export async function readTexture(device: GPUDevice, texture: GPUTexture): Promise<Image> {
  const { width, height, rgba, bytesPerRow } = await readPixels(device, texture);
  const pixels = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++)
    pixels.set(rgba.subarray(y * bytesPerRow, y * bytesPerRow + width * 4), y * width * 4);
  return { width, height, pixels };
}

/** Counts the different colours of a picture. A picture of a single colour would prove nothing. */
export function countColours({ pixels }: Image): number {
  return new Set(new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4)).size;
}
