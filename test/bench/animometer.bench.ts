// Time of thousands of draws: a module and its replay, compared with the same program in TypeScript on Dawn.
import { join } from 'node:path';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { openGpu } from '../../host/gpu/dawn.ts';
import type { Surface } from '../../host/gpu/replay.ts';
import { type Mode, modes, type Options } from '../golden/examples/animometer.ts';
import { cacheDir } from '../session/compile.ts';
import { collect, createSurface, loadGuest, type Samples, time, WARM_UP } from './animometer.ts';
import { type Bench, benchmark } from './harness.ts';
import { idleDevice } from './idle.ts';

const COUNTS = { 1000: 200, 5000: 80, 20000: 30 };
const CHECKS = 100;
const DIRECT_MAX = 1.05;
const OTHERS_MAX = 0.35;

const module = join(import.meta.dirname, '../../build/animometer.wasm');
const engine = createWasmEdgeEngine({ cacheDir });

/**
 * Measures the replay of frames on a device that does nothing, so the time is that of reading and checking commands. Returns
 * microseconds.
 */
async function timeCheck(options: Options): Promise<number[]> {
  const device = idleDevice();
  const guest = await loadGuest({ module, engine, device }, options);
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
  const surface = createSurface(gpu.device);
  for (const [key, rounds] of Object.entries(COUNTS)) {
    const count = Number(key);
    let direct = 0;
    for (const mode of modes) {
      const medians = report(
        bench,
        mode,
        count,
        await time({ module, engine, device: gpu.device }, { mode, count, surface, rounds }),
      );
      await collect(gpu.device);
      if (mode === 'direct') direct = medians.script;
      // A scene that changes in every frame cannot use a render bundle, so it is compared with TypeScript that makes the same
      // changes.
      const base = mode === 'changing' ? medians.script : direct;
      const limit = mode === 'direct' || mode === 'changing' ? DIRECT_MAX : OTHERS_MAX;
      const label = `${count} triangles: the module's ${mode} to direct TypeScript`;
      bench.goal(label, { direction: 'at most', limit, value: medians.whole / base, unit: 'times' });
    }
  }
  gpu.close();
  // The device that does nothing comes last, because V8 makes calls slower when it has seen two kinds of device.
  for (const key of Object.keys(COUNTS)) {
    for (const mode of modes) {
      const samples = await timeCheck({ mode, count: Number(key) });
      bench.figure(`${key} triangles, ${mode}: check and decode alone`, 'us', samples);
    }
  }
});
