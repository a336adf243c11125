import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '../../host/base/config.ts';
import { renderSource } from '../../host/cli/render.ts';
import { openSource } from '../../host/play/source.ts';
import { script } from '../session/script.ts';
import { compare, type Difference, difference, readImage, writeImage } from './compare.ts';

const folder = import.meta.dirname;
/** The folder for pictures that are drawn, and for their differences. */
export const out = join(folder, '../../build/golden');

/** A picture that is kept in this folder. */
export interface Scene {
  name: string;
  game: string;
  /** Seconds of the game's time. */
  at: number;
  /** Whether players join, press, move and leave. Otherwise one player only looks on. */
  played: boolean;
}

export const scenes: readonly Scene[] = [
  { name: 'triangle', game: 'triangle', at: 1, played: false },
  { name: 'arena', game: 'arena', at: 3, played: false },
  { name: 'arena-played', game: 'arena', at: 6, played: true },
];

const SIZE = { width: 320, height: 180 };
const SEED = '7';
const SEATS = 4;

/** How much the pictures of a driver may differ from the kept ones. See Difference. */
export interface Tolerance {
  driver: RegExp;
  meanDiff: number;
  differing: number;
}

/** The first one whose `driver` fits counts. The kept pictures were drawn by llvmpipe of Mesa 25. */
const tolerances: readonly Tolerance[] = [
  // Processors with another vector width draw single pixels of an edge differently.
  { driver: /llvmpipe: Mesa 25\./, meanDiff: 0.02, differing: 0.005 },
  { driver: /llvmpipe/, meanDiff: 0.2, differing: 0.15 },
  { driver: /SwiftShader/, meanDiff: 0.2, differing: 0.15 },
  { driver: /NVIDIA|AMD|RADV|Intel/, meanDiff: 1, differing: 0.4 },
];
const UNKNOWN: Tolerance = { driver: /./, meanDiff: 2, differing: 0.5 };

/** The tolerance for an adapter. `known` is false if the table has no line for it. */
export function toleranceOf(description: string): Tolerance & { known: boolean } {
  const found = tolerances.find(({ driver }) => driver.test(description));
  return { ...(found ?? UNKNOWN), known: found !== undefined };
}

export function goldenPath({ name }: Scene): string {
  return join(folder, `${name}.png`);
}

/** Draws a scene on WasmEdge and Dawn, as `npm start -- render` does. Returns the file. */
export async function draw({ name, game, at, played }: Scene): Promise<string> {
  const config = readConfig({ ...process.env, LOG_LEVEL: 'error', SEED, MAX_PLAYERS: String(SEATS), TICK_RATE: '120' });
  const source = await openSource({ what: game, config, announce: () => {} });
  if (played) source.calls = script({ seed: Number(SEED), ticks: (at + 1) * source.tickRate * 2, seats: SEATS });
  const path = join(out, `${name}.png`);
  await renderSource(source, { config, out: path, ...SIZE, fps: 60, frames: 1, at });
  return path;
}

export interface Verdict extends Difference {
  fits: boolean;
  /** Says how the pictures differ and which files to look at; '' if they fit. */
  message: string;
}

/** Compares a drawn picture with the kept one. If they differ too much, writes the difference beside it. */
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
