import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createAssetPack } from '../../assets/folder.ts';
import { readConfig } from '../../host/base/config.ts';
import type { Engine } from '../../host/engine/engine.ts';
import { CommandReplay, type CommandStream, type Surface } from '../../host/gpu/replay.ts';
import { createAnimometer, modes, type Options } from '../golden/examples/animometer.ts';

/**
 * Width and height of the pictures in pixels. They are small, so that the time of the CPU dominates and not that of the GPU.
 */
export const SIZE = 64;
export const WARM_UP = 20;
const TICK_RATE = 120;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/**
 * Frees the GPU objects that a measurement has left. A bind group ends when it is garbage-collected, and its memory is free
 * for reuse when the queue has finished the work submitted before. A software adapter has a memory mapping for each bind
 * group, and Linux allows a process 65,530.
 */
export async function collect(device: GPUDevice): Promise<void> {
  for (let n = 0; n < 3; n++) {
    gc();
    await setImmediate();
    device.queue.submit([device.createCommandEncoder().finish()]);
    await device.queue.onSubmittedWorkDone();
  }
}

const limits = readConfig({});
const ignore = { log: () => {}, reply: () => {}, write: () => {}, asset: () => undefined };

/** The module that is measured, and the engine and GPU device on which it runs. */
export interface Home {
  /** Path of animometer.wasm. */
  module: string;
  engine: Engine;
  device: GPUDevice;
}

/** Loads the game `animometer`, which draws `count` triangles in one of its modes, and prepares the replay of its commands. */
export async function loadGuest({ module, engine, device }: Home, { mode, count }: Options) {
  const choice = new Uint8Array(Uint32Array.of(modes.indexOf(mode), count).buffer);
  const assets = createAssetPack([{ name: 'options', bytes: choice }]);
  const options = { limits, seed: 1, tickRate: TICK_RATE, seats: 1, assets, log: ignore.log };
  const instance = await engine.load(readFileSync(module), options);
  const replay = new CommandReplay({ device, limits, ...ignore });
  replay.run(instance.initial);
  return {
    tick: async (n: number) => replay.run(await instance.tick(n)),
    render: () => instance.render(0, SIZE, SIZE),
    replay: (commands: CommandStream, surface: Surface) => replay.run(commands, surface),
    async close() {
      replay.destroy();
      await instance.close();
    },
  };
}

/** Times of each frame, in microseconds. */
export interface Samples {
  script: number[];
  encode: number[];
  replay: number[];
  whole: number[];
}

export interface TimeOptions extends Options {
  surface: Surface;
  rounds: number;
  /** The measurement stops before the next frame when this returns true, but times at least one frame. */
  late?(): boolean;
}

/**
 * Times frames of the module and of the same program in TypeScript in turn. Each begins after the GPU has finished the one
 * before.
 */
export async function time(home: Home, options: TimeOptions): Promise<Samples> {
  const { device } = home;
  const { mode, count, surface, rounds, late = () => false } = options;
  const port = createAnimometer(device, { mode, count });
  const guest = await loadGuest(home, { mode, count });
  const samples: Samples = { script: [], encode: [], replay: [], whole: [] };
  for (let n = -WARM_UP; n < rounds && !(n > 0 && late()); n++) {
    await guest.tick(n + WARM_UP);
    const now = { script: 0, encode: 0, replay: 0 };
    const runScript = async () => {
      const start = performance.now();
      port.frame(surface.view, { tick: n + WARM_UP, tickRate: TICK_RATE, width: SIZE, height: SIZE });
      now.script = performance.now() - start;
      await device.queue.onSubmittedWorkDone();
    };
    const runGuest = async () => {
      const start = performance.now();
      const commands = await guest.render();
      const encoded = performance.now();
      guest.replay(commands, surface);
      const replayed = performance.now();
      now.encode = encoded - start;
      now.replay = replayed - encoded;
      await device.queue.onSubmittedWorkDone();
    };
    // The module and the TypeScript program take turns at being first, because the second profits from caches that the first
    // has filled.
    for (const run of n % 2 === 0 ? [runScript, runGuest] : [runGuest, runScript]) await run();
    if (n < 0) continue;
    for (const name of ['script', 'encode', 'replay'] as const) samples[name].push(now[name] * 1000);
    samples.whole.push((now.encode + now.replay) * 1000);
  }
  await guest.close();
  port.destroy();
  return samples;
}

/** Creates a texture into which the measured frames are drawn. */
export function createSurface(device: GPUDevice): Surface {
  const usage = GPUTextureUsage.RENDER_ATTACHMENT;
  const texture = device.createTexture({ size: [SIZE, SIZE], format: 'rgba8unorm', usage });
  return { texture, view: texture.createView() };
}
