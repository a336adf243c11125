/** Command streams for fuzzing: mostly right, by the contract's tables, and then a little wrong. The same for the same seed. */
import type { Call } from './encode.ts';
import { frame } from './frame.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import { World } from './world.ts';

export interface StreamOptions {
  /** Whether a GPU really does the work: it is given none without end. */
  tame: boolean;
}

const RIGHT_PERCENT = 20;
const CALLS_MAX = 24;

/** What a module submits in the calls of its life. */
export function makeCalls(seed: number, { tame }: StreamOptions): readonly Call[] {
  const random = new Random(seed);
  const world = new World(random, tame);
  const count = 1 + random.below(CALLS_MAX);
  const calls: Call[] = [];
  for (let n = 0; n < count; n++) {
    const render = random.percent(70);
    calls.push({ render, items: frame(world, render) });
  }
  return random.percent(RIGHT_PERCENT) ? calls : mutate(random, calls);
}
