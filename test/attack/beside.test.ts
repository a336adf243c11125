import { afterEach, expect, test } from 'vitest';
import { startHostProcess } from '../e2e/host.ts';
import { WAIT_MS_MAX } from '../wait.ts';
import { type Arena, startArena } from './arena.ts';
import { environment, moduleItems, places, runCorpus, shaderItems } from './corpus.ts';
import { SHADERS } from './shaders.ts';

/*
 * A few modules and shaders of the corpus that `npm run test:hostile` runs as a whole on an installed host. They run in a
 * host process of this checkout, beside a game with a player. No time is measured here.
 */

const PLACES = 3;
/** A second of the game's time is enough for shaders that are refused or end by themselves, and short on a crowded machine. */
const SHADER_TICKS = 60;
const BYTES_MAX = 2 * 2 ** 30;
const NAMES = [
  'submit: outside linear memory',
  'MEMORY_BYTES_MAX: a memory that grows',
  'a pass: that does not end',
  'shader: a constant of structs nested 12 deep',
  'shader: 8 nested loops of a constant length',
];

let arena: Arena | undefined;
afterEach(async () => {
  await arena?.close();
  arena = undefined;
});

test('hostile modules and shaders end with a code, and the host and the player beside them go on', async () => {
  const items = [...moduleItems(), ...shaderItems(SHADERS, SHADER_TICKS)]
    .filter(({ name }) => NAMES.includes(name))
    .map((item) => ({ ...item, msMax: WAIT_MS_MAX }));
  expect(items.length).toBe(NAMES.length);
  arena = await startArena(places(PLACES), environment, startHostProcess);
  const { entries, killed, stayed } = await runCorpus(arena, {
    items,
    places: PLACES,
    beforeMs: 0,
    bytesMax: BYTES_MAX,
  });
  for (const { name, end, tried } of entries)
    expect([end, tried], name).toEqual([expect.stringMatching(/NL_\w+/), true]);
  const { pictures } = arena.player;
  await expect.poll(() => arena?.player.pictures).toBeGreaterThan(pictures);
  // A crowded machine may change the size of the player's picture, which comes with another notice of the same kind.
  expect([...new Set(arena.player.notices.map(({ kind }) => kind))]).toEqual(['joined']);
  expect([killed, stayed, arena.host.process.exitCode]).toEqual([false, true, null]);
});
