import { join } from 'node:path';
import { createJavaScriptEngine } from '../../../host/engine/javascript.ts';
import { collect, createSurface, time } from '../../bench/animometer.ts';
import { percentile } from '../../bench/harness.ts';
import { modes } from '../../golden/examples/animometer.ts';
import { BUILD, open } from '../game.ts';
import type { Reporter } from '../report.ts';

const ROUNDS: readonly (readonly [count: number, rounds: number])[] = [
  [1000, 200],
  [5000, 80],
  [20_000, 30],
];
/** One number of triangles in one mode is measured only if this much time is left for the part. */
const STEP_SECONDS = 4;

export async function run(report: Reporter): Promise<void> {
  const { device } = await open();
  const home = { module: join(BUILD, 'animometer.wasm'), engine: createJavaScriptEngine(), device };
  const surface = createSurface(device);
  for (const [count, rounds] of ROUNDS)
    for (const mode of modes) {
      const name = `${count} triangles, ${mode}`;
      if (!report.fits(name, STEP_SECONDS)) continue;
      const stopAt = Math.max(0, report.secondsLeft - 2 * STEP_SECONDS);
      const late = () => report.secondsLeft <= stopAt;
      const samples = await time(home, { mode, count, surface, rounds, late });
      report.figure(`${name}: TypeScript on Dawn`, 'us', samples.script);
      report.figure(`${name}: module, render and replay`, 'us', samples.whole);
      report.value(`${name}: module to TypeScript`, 'times', median(samples.whole) / median(samples.script));
      await collect(device);
    }
}

function median(samples: readonly number[]): number {
  return percentile(Float64Array.from(samples).sort(), 50);
}
