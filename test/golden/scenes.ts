import { idle } from '../../host/session/film.ts';
import type { Call } from '../../host/session/format.ts';
import { script } from '../session/script.ts';

/** A scene of a game, whose picture is kept in this folder for tests to compare with. */
export interface Scene {
  name: string;
  game: string;
  /** When the picture is taken, in seconds of the game's time. */
  at: number;
  /** Whether players join, press keys, move and leave. Otherwise one player only looks on. */
  played: boolean;
}

export const scenes: readonly Scene[] = [
  { name: 'triangle', game: 'triangle', at: 1, played: false },
  { name: 'arena', game: 'arena', at: 3, played: false },
  { name: 'arena-played', game: 'arena', at: 6, played: true },
];

export const SIZE = { width: 320, height: 180 };
export const SESSION = { seed: 7, seats: 4, tickRate: 120 };

/** The calls that the game of a scene receives, up to the scene's picture and beyond it. */
export function callsOf({ at, played }: Scene): Iterable<Call> {
  const { seed, seats, tickRate } = SESSION;
  return played ? script({ seed, seats, ticks: (at + 1) * tickRate * 2 }) : idle();
}

/** How much pictures that a GPU driver draws may differ from the kept ones. See Difference. */
export interface Tolerance {
  driver: RegExp;
  meanDiff: number;
  differing: number;
}

/** The first tolerance whose `driver` fits the adapter counts. The kept pictures were drawn by llvmpipe of Mesa 25. */
const tolerances: readonly Tolerance[] = [
  // On a processor with another vector width, llvmpipe draws single pixels of an edge differently.
  { driver: /llvmpipe: Mesa 25\./, meanDiff: 0.02, differing: 0.005 },
  { driver: /llvmpipe/, meanDiff: 0.2, differing: 0.15 },
  { driver: /SwiftShader/, meanDiff: 0.2, differing: 0.15 },
  { driver: /NVIDIA|AMD|RADV|Intel/, meanDiff: 1, differing: 0.4 },
];
const UNKNOWN: Tolerance = { driver: /./, meanDiff: 2, differing: 0.5 };

/** Returns the tolerance for a GPU adapter. `known` is false if no driver in the table fits its description. */
export function toleranceOf(description: string): Tolerance & { known: boolean } {
  const found = tolerances.find(({ driver }) => driver.test(description));
  return { ...(found ?? UNKNOWN), known: found !== undefined };
}
