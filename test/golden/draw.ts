import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../../host/base/config.ts';
import { renderSource } from '../../host/cli/render.ts';
import { openSource } from '../../host/play/source.ts';
import { compare, type Difference, difference } from './compare.ts';
import { readImage, writeImage } from './picture.ts';
import { callsOf, type Scene, SESSION, SIZE, type Tolerance } from './scenes.ts';

const folder = import.meta.dirname;
/** The folder to which tests write the pictures that they draw, and the differences from the kept ones. */
export const out = join(folder, '../../build/golden');

export function goldenPath({ name }: Scene): string {
  return join(folder, `${name}.png`);
}

/** Draws a scene on WasmEdge and Dawn, as `npm start -- render` does. Returns the path of the PNG. */
export async function draw(scene: Scene): Promise<string> {
  const { seed, seats, tickRate } = SESSION;
  const settings = { SEED: String(seed), MAX_PLAYERS: String(seats), TICK_RATE: String(tickRate) };
  const config = readConfig({ ...process.env, LOG_LEVEL: 'error', ...settings });
  const source = await openSource({ what: scene.game, config, announce: () => {} });
  source.calls = callsOf(scene);
  const path = join(out, `${scene.name}.png`);
  await renderSource(source, { config, out: path, ...SIZE, fps: 60, frames: 1, at: scene.at });
  return path;
}

export interface Verdict extends Difference {
  fits: boolean;
  /** Says how the pictures differ and which files to look at; '' if they fit. */
  message: string;
}

/** Compares a scene's drawn picture with the kept one. If they differ too much, writes their difference to a file. */
export async function judge(scene: Scene, drawn: string, tolerance: Tolerance): Promise<Verdict> {
  const golden = goldenPath(scene);
  if (!existsSync(golden)) throw new Error(`there is no ${golden} yet; run node test/golden/update.ts ${scene.name}`);
  const [wanted, actual] = await Promise.all([readImage(golden), readImage(readFileSync(drawn))]);
  const apart = compare(actual, wanted);
  const fits = apart.meanDiff <= tolerance.meanDiff && apart.differing <= tolerance.differing;
  if (fits) return { ...apart, fits, message: '' };
  const shown = join(out, `${scene.name}-difference.png`);
  await mkdir(out, { recursive: true });
  await writeFile(shown, await writeImage(difference(actual, wanted)));
  const message = [
    `${scene.name} is not as ${golden} has it:`,
    `mean ${apart.meanDiff.toFixed(3)} (at most ${tolerance.meanDiff}),`,
    `${(apart.differing * 100).toFixed(2)} % of the pixels (at most ${tolerance.differing * 100} %);`,
    `look at ${drawn} and ${shown}; where it is right, node test/golden/update.ts ${scene.name}`,
  ].join(' ');
  return { ...apart, fits, message };
}
