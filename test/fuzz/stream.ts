/**
 * Generates the calls of a module, which are valid. In most cases, it then puts a few faults into them. The same seed makes
 * the same calls.
 */

import { Random } from '../random.ts';
import type { Call } from './encode.ts';
import { frame } from './frame.ts';
import { mutate } from './mutate.ts';
import { World } from './world.ts';

export interface StreamOptions {
  /** If true, no call gives the GPU endless work. Needed on backends that execute the work. */
  tame: boolean;
}

/** Percentage of generated modules whose calls stay without faults. */
const VALID_PERCENT = 20;
const CALLS_MAX = 24;

/** Generates all calls of a module. */
export function makeCalls(seed: number, { tame }: StreamOptions): readonly Call[] {
  const random = new Random(seed);
  const world = new World(random, tame);
  const count = 1 + random.below(CALLS_MAX);
  const calls: Call[] = [];
  for (let n = 0; n < count; n++) {
    const render = random.percent(70);
    calls.push({ render, items: frame(world, render) });
  }
  return random.percent(VALID_PERCENT) ? calls : mutate(random, calls);
}
