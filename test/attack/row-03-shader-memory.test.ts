import { afterEach, expect, it } from 'vitest';
import { type Arena, attackRoom, startArena } from './arena.ts';
import { shaderGame } from './games.ts';
import { hugeAssignment } from './shaders.ts';
import { countPictures, guardMemory, residentBytes } from './watch.ts';

/** Nested this deep, the shader took 6 GiB within 17 s. */
const DEPTH = 27;
/** Bytes by which the host and all processes below it may grow. A process that tries a shader may have some of them. */
const GROWTH_BYTES_MAX = 1.5 * 2 ** 30;
const STOP_MS_MAX = 2000;

let arena: Arena | undefined;
afterEach(async () => {
  await arena?.close();
  arena = undefined;
});

it('a shader that takes all memory to compile ends its own room, and the host and the player beside it go on', async () => {
  arena = await startArena({ bad: shaderGame(hugeAssignment(DEPTH)) });
  const { host, player } = arena;
  const pid = Number(host.process.pid);
  const guard = guardMemory(pid, residentBytes(pid) + GROWTH_BYTES_MAX);
  const pictures = countPictures(player);
  const error = await attackRoom(arena, 'bad', 60_000);
  const [seen, memory] = [pictures.stop(), guard.stop()];
  expect(memory.killed).toBe(false);
  expect(host.process.exitCode).toBeNull();
  expect(seen.gapMs).toBeLessThan(STOP_MS_MAX);
  expect(error).toMatch(/NL_/);
});
