import { afterEach, expect, test } from 'vitest';
import { startHostProcess } from '../e2e/host.ts';
import { type Arena, startArena } from './arena.ts';
import { environment, moduleItems, places, runCorpus, shaderItems } from './corpus.ts';
import { SHADERS } from './shaders.ts';

/*
 * A few modules and shaders of the corpus that `npm run test:hostile` runs as a whole on an installed host. They run in a
 * host process of this checkout, beside a game with a player. No time is measured here.
 */

const PLACES = 3;
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
  const items = [...moduleItems(), ...shaderItems(SHADERS)].filter(({ name }) => NAMES.includes(name));
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
  expect(arena.player.notices.map(({ kind }) => kind)).toEqual(['joined']);
  expect([killed, stayed, arena.host.process.exitCode]).toEqual([false, true, null]);
});
