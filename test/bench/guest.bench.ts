// Time of the same computation on WasmEdge's compiled code, its interpreter and V8, and of a call across the process boundary.

import { systemClock } from '../../host/base/clock.ts';
import { milli } from '../../host/base/time.ts';
import type { Instance } from '../../host/engine/engine.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { cacheDir, compile, load } from '../session/compile.ts';
import { benchmark } from './harness.ts';

const TICK_MS = 1000 / 120;
const TICKS = 2400;
const ADDED_MS_MAX = 0.2;

/**
 * Source of a game whose tick does nothing. Its render of width n takes n steps of 1,000 bodies, each with a 4x4 matrix
 * product.
 */
const source = `
import { Game, mat4, play, Random } from '@nearlight/sdk';
export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

const BODIES = 1000;
const NEIGHBOURS = 16;

class Kernel extends Game {
  private x: StaticArray<f32> = new StaticArray<f32>(BODIES * 3);
  private v: StaticArray<f32> = new StaticArray<f32>(BODIES * 3);
  private view: StaticArray<f32> = mat4.create();
  private model: StaticArray<f32> = mat4.create();
  private product: StaticArray<f32> = mat4.create();
  sum: f32 = 0;

  init(seed: u64, _tickRate: u32, _seats: u32): void {
    const random = new Random(seed);
    for (let i = 0; i < BODIES * 3; i++) unchecked((this.x[i] = random.range(-10, 10)));
    mat4.rotationY(0.3, this.view);
  }

  render(_seat: i32, steps: u32, _height: u32): void {
    for (let step: u32 = 0; step < steps; step++) this.step();
  }

  private step(): void {
    const x = this.x;
    const v = this.v;
    for (let i = 0; i < BODIES; i++) {
      const at = i * 3;
      let fx: f32 = 0;
      let fy: f32 = 0;
      let fz: f32 = 0;
      for (let n = 1; n <= NEIGHBOURS; n++) {
        const other = ((i + n * 7) % BODIES) * 3;
        const dx = unchecked(x[other] - x[at]);
        const dy = unchecked(x[other + 1] - x[at + 1]);
        const dz = unchecked(x[other + 2] - x[at + 2]);
        const near: f32 = dx * dx + dy * dy + dz * dz + <f32>0.05;
        const force: f32 = <f32>1 / (near * sqrt<f32>(near));
        fx += dx * force;
        fy += dy * force;
        fz += dz * force;
      }
      unchecked((v[at] = v[at] * <f32>0.99 + fx * <f32>0.001));
      unchecked((v[at + 1] = v[at + 1] * <f32>0.99 + fy * <f32>0.001));
      unchecked((v[at + 2] = v[at + 2] * <f32>0.99 + fz * <f32>0.001));
      unchecked((x[at] += v[at]));
      unchecked((x[at + 1] += v[at + 1]));
      unchecked((x[at + 2] += v[at + 2]));
      mat4.translation(unchecked(x[at]), unchecked(x[at + 1]), unchecked(x[at + 2]), this.model);
      mat4.multiply(this.view, this.model, this.product);
      this.sum += unchecked(this.product[12]);
    }
  }
}

play(new Kernel());
`;

/**
 * Times steps of simulated bodies. Returns the milliseconds of each step; a call makes many, so that the call itself does not
 * count.
 */
async function timeSteps(instance: Instance, { calls, steps }: { calls: number; steps: number }): Promise<number[]> {
  for (let call = 0; call < 5; call++) await instance.render(0, steps, 1);
  const samples: number[] = [];
  for (let call = 0; call < calls; call++) {
    const begun = performance.now();
    await instance.render(0, steps, 1);
    samples.push((performance.now() - begun) / steps);
  }
  return samples;
}

/** Returns the milliseconds of empty ticks. They come at the rate of a played game, so that caches are as cold as in one. */
async function timeTicks(instance: Instance): Promise<number[]> {
  const samples: number[] = [];
  const start = systemClock.now();
  for (let tick = 0; tick < TICKS; tick++) {
    await systemClock.until(milli(start + tick * TICK_MS));
    const begun = performance.now();
    await instance.tick(tick);
    samples.push(performance.now() - begun);
  }
  return samples;
}

await benchmark('guest', async (bench) => {
  const module = await compile('kernel', source);
  bench.value('module', 'bytes', module.byteLength);
  const compiled = await load(createWasmEdgeEngine({ cacheDir }), module);
  const v8 = await load(createJavaScriptEngine(), module);
  const interpreted = await load(createWasmEdgeEngine({ cacheDir, interpreter: true }), module, { callMsMax: 60_000 });
  const aot = bench.figure(
    '1,000 bodies: WasmEdge, compiled',
    'ms',
    await timeSteps(compiled, { calls: 100, steps: 50 }),
  );
  const js = bench.figure('1,000 bodies: V8', 'ms', await timeSteps(v8, { calls: 100, steps: 50 }));
  const slow = bench.figure(
    '1,000 bodies: WasmEdge, interpreter',
    'ms',
    await timeSteps(interpreted, { calls: 20, steps: 1 }),
  );
  bench.value('compiled / V8', 'ratio', aot.p50 / js.p50);
  bench.value('interpreter / compiled', 'ratio', slow.p50 / aot.p50);
  const ticks = await timeTicks(compiled);
  const { p99 } = bench.figure('empty tick across the process boundary, 120 Hz', 'ms', ticks);
  bench.figure('empty tick in V8, same thread, 120 Hz', 'ms', await timeTicks(v8));
  bench.goal('a tick across the boundary, P99', { direction: 'at most', limit: ADDED_MS_MAX, value: p99, unit: 'ms' });
  await Promise.all([compiled.close(), v8.close(), interpreted.close()]);
});
