// Time of thousands of draws: a module and its replay, compared with the same program in TypeScript on Dawn.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createAssetPack } from '../../assets/folder.ts';
import { readConfig } from '../../host/base/config.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { openGpu } from '../../host/gpu/dawn.ts';
import { CommandReplay, type CommandStream, type Surface } from '../../host/gpu/replay.ts';
import { createAnimometer, type Mode, modes, type Options } from '../golden/examples/animometer.ts';
import { cacheDir } from '../session/compile.ts';
import { type Bench, benchmark } from './harness.ts';
import { idleDevice } from './idle.ts';

const SIZE = 64;
const COUNTS = { 1000: 200, 5000: 80, 20000: 30 };
const WARM_UP = 20;
const CHECKS = 100;
const DIRECT_MAX = 1.05;
const OTHERS_MAX = 0.35;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/**
 * Collects bind groups, and waits until the queue no longer uses their memory. A software adapter has a memory mapping for
 * each bind group, and Linux allows a process 65,530 mappings.
 */
async function collect(device: GPUDevice): Promise<void> {
  for (let n = 0; n < 3; n++) {
    gc();
    await setImmediate();
    device.queue.submit([device.createCommandEncoder().finish()]);
    await device.queue.onSubmittedWorkDone();
  }
}

const root = join(import.meta.dirname, '../..');
const limits = readConfig();
const ignore = { log: () => {}, reply: () => {}, write: () => {}, asset: () => undefined };

/** Loads the module in a mode, with functions for each part of a frame's work. */
async function loadGuest(device: GPUDevice, { mode, count }: Options) {
  const module = readFileSync(join(root, 'build/animometer.wasm'));
  const choice = new Uint8Array(Uint32Array.of(modes.indexOf(mode), count).buffer);
  const assets = createAssetPack([{ name: 'options', bytes: choice }]);
  const options = { limits, seed: 1, tickRate: 120, seats: 1, assets, log: ignore.log };
  const instance = await createWasmEdgeEngine({ cacheDir }).load(module, options);
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

/** Measures a frame's replay on a device that does nothing, so the time is that of reading and checking. In microseconds. */
async function timeCheck(options: Options): Promise<number[]> {
  const device = idleDevice();
  const guest = await loadGuest(device, options);
  const samples: number[] = [];
  for (let n = -WARM_UP; n < CHECKS; n++) {
    await guest.tick(n + WARM_UP);
    const commands = await guest.render();
    const start = performance.now();
    guest.replay(commands, {} as Surface);
    if (n >= 0) samples.push((performance.now() - start) * 1000);
  }
  await guest.close();
  return samples;
}

interface Samples {
  script: number[];
  encode: number[];
  replay: number[];
  whole: number[];
}

/** Measures both programs in alternation, in microseconds. The GPU finishes each frame before the next begins. */
async function time(device: GPUDevice, surface: Surface, mode: Mode, count: number, rounds: number): Promise<Samples> {
  const port = createAnimometer(device, { mode, count });
  const guest = await loadGuest(device, { mode, count });
  const samples: Samples = { script: [], encode: [], replay: [], whole: [] };
  for (let n = -WARM_UP; n < rounds; n++) {
    await guest.tick(n + WARM_UP);
    const now = { script: 0, encode: 0, replay: 0 };
    const runScript = async () => {
      const start = performance.now();
      port.frame(surface.view, { tick: n + WARM_UP, tickRate: 120, width: SIZE, height: SIZE });
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
    // They take turns at being first, so that neither always has the other's caches.
    for (const run of n % 2 === 0 ? [runScript, runGuest] : [runGuest, runScript]) await run();
    if (n < 0) continue;
    for (const name of ['script', 'encode', 'replay'] as const) samples[name].push(now[name] * 1000);
    samples.whole.push((now.encode + now.replay) * 1000);
  }
  await guest.close();
  port.destroy();
  return samples;
}

function report(bench: Bench, mode: Mode, count: number, samples: Samples): { script: number; whole: number } {
  const name = `${count} triangles, ${mode}`;
  const script = bench.figure(`${name}: TypeScript on Dawn`, 'us', samples.script);
  const whole = bench.figure(`${name}: module, render and replay`, 'us', samples.whole);
  bench.figure('  including: render, across the process boundary', 'us', samples.encode);
  bench.figure('  including: replay on Dawn', 'us', samples.replay);
  return { script: script.p50, whole: whole.p50 };
}

await benchmark('animometer', async (bench) => {
  const gpu = await openGpu({ hardwareRequired: false, log: () => {} });
  bench.machine({ adapter: gpu.adapter.description });
  const texture = gpu.device.createTexture({
    size: [SIZE, SIZE],
    format: 'rgba8unorm',
    usage: GPUTextureUsage.RENDER_ATTACHMENT,
  });
  const surface = { texture, view: texture.createView() };
  for (const [key, rounds] of Object.entries(COUNTS)) {
    const count = Number(key);
    let direct = 0;
    for (const mode of modes) {
      const medians = report(bench, mode, count, await time(gpu.device, surface, mode, count, rounds));
      await collect(gpu.device);
      if (mode === 'direct') direct = medians.script;
      // A scene that changes in every frame cannot use a bundle, so it is compared with TypeScript that makes the same changes.
      const base = mode === 'changing' ? medians.script : direct;
      const limit = mode === 'direct' || mode === 'changing' ? DIRECT_MAX : OTHERS_MAX;
      const label = `${count} triangles: the module's ${mode} to direct TypeScript`;
      bench.goal(label, { direction: 'at most', limit, value: medians.whole / base, unit: 'times' });
    }
  }
  gpu.close();
  // This comes last, because V8 makes calls slower when it has seen two kinds of device.
  for (const key of Object.keys(COUNTS)) {
    for (const mode of modes) {
      const samples = await timeCheck({ mode, count: Number(key) });
      bench.figure(`${key} triangles, ${mode}: check and decode alone`, 'us', samples);
    }
  }
});
