// Pressure: bursts of joins, moves, chat and results, an experiment that stops by itself, and a game that hogs a processor.
import { benchmark } from './harness.ts';
import { pressChat } from './pressure/chat.ts';
import { hogProcessor } from './pressure/hog.ts';
import { pressJoins, stopExperiment } from './pressure/joins.ts';
import { pressMoves } from './pressure/moves.ts';
import { pressResults } from './pressure/results.ts';
import { namesFrom, numberFrom } from './switches.ts';

const SECONDS = numberFrom('BENCH_SECONDS', 10, 1);
const PARTS = {
  joins: pressJoins,
  moves: pressMoves,
  chat: pressChat,
  results: pressResults,
  experiment: stopExperiment,
  hog: hogProcessor,
};
const CHOSEN = namesFrom('PRESSURE', Object.keys(PARTS) as (keyof typeof PARTS)[]);

await benchmark('pressure', async (bench) => {
  for (const name of CHOSEN) await PARTS[name](bench, SECONDS);
});
