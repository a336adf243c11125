import { afterEach, expect, it } from 'vitest';
import { sleep } from '../wait.ts';
import { type Arena, attackRoom, startArena } from './arena.ts';
import { shaderGame } from './games.ts';
import { hugeConstant } from './shaders.ts';
import { countPictures, guardMemory, sampleHealth } from './watch.ts';

/** Nested this deep, the shader stopped the host for a minute. */
const DEPTH = 28;
/** Longest time without a picture or an answer. A stop of the host took ten times as long and more. */
const STOP_MS_MAX = 2000;
const HOST_BYTES_MAX = 3 * 2 ** 30;
/** A room may open again a second after it opened, unless it is closed as a penalty. */
const REOPEN_MS = 1500;

let arena: Arena | undefined;
afterEach(async () => {
  await arena?.close();
  arena = undefined;
});

it('a shader that takes a minute to parse stops neither the player beside it nor /healthz, and its room stays closed', async () => {
  arena = await startArena({ bad: shaderGame(hugeConstant(DEPTH)) });
  const { host, player } = arena;
  const guard = guardMemory(Number(host.process.pid), HOST_BYTES_MAX);
  const [health, pictures] = [sampleHealth(host), countPictures(player)];
  const error = await attackRoom(arena, 'bad');
  await sleep(REOPEN_MS);
  const again = await attackRoom(arena, 'bad');
  const [asked, seen, memory] = [await health.stop(), pictures.stop(), guard.stop()];
  expect(memory.killed).toBe(false);
  expect(asked.maxMs).toBeLessThan(STOP_MS_MAX);
  expect(asked.failures).toBe(0);
  expect(seen.gapMs).toBeLessThan(STOP_MS_MAX);
  expect(error).toMatch(/NL_/);
  expect(again).toMatch(/opens again in \d\d+ s/);
});
