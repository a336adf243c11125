import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createAssetPack } from '../../assets/folder.ts';
import { readConfig } from '../../host/base/config.ts';
import type { Engine } from '../../host/engine/engine.ts';
import { CommandReplay, type CommandStream, type Surface } from '../../host/gpu/replay.ts';
import { createAnimometer, modes, type Options } from '../golden/examples/animometer.ts';

/** Pictures are small, so that the CPU's part counts and not the GPU's. */
export const SIZE = 64;
export const WARM_UP = 20;
const TICK_RATE = 120;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/**
 * Frees what a run has left. Bind groups end when they are collected, and their memory is free for reuse once the queue has
 * passed them. A software adapter has a memory mapping for each, and Linux allows a process 65,530.
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

/** Where the module runs. */
export interface Home {
  /** Path of animometer.wasm. */
  module: string;
  engine: Engine;
  device: GPUDevice;
}

/** Loads the module in a mode. */
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

/** Microseconds of each frame. */
export interface Samples {
  script: number[];
  encode: number[];
  replay: number[];
  whole: number[];
}

export interface TimeOptions extends Options {
  surface: Surface;
  rounds: number;
  /** Stops before the next frame when this returns true; at least one frame is timed. */
  late?(): boolean;
}

/** Times the module and the TypeScript program frame by frame in turn. The GPU is done before the next one begins. */
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
    // They take turns at being first, so that neither always finds the caches that the other has left.
    for (const run of n % 2 === 0 ? [runScript, runGuest] : [runGuest, runScript]) await run();
    if (n < 0) continue;
    for (const name of ['script', 'encode', 'replay'] as const) samples[name].push(now[name] * 1000);
    samples.whole.push((now.encode + now.replay) * 1000);
  }
  await guest.close();
  port.destroy();
  return samples;
}

/** A texture for the pictures. */
export function createSurface(device: GPUDevice): Surface {
  const usage = GPUTextureUsage.RENDER_ATTACHMENT;
  const texture = device.createTexture({ size: [SIZE, SIZE], format: 'rgba8unorm', usage });
  return { texture, view: texture.createView() };
}
