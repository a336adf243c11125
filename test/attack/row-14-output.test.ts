import { afterEach, expect, it } from 'vitest';
import { sleep } from '../wait.ts';
import { type Arena, startArena } from './arena.ts';
import { goodGame } from './games.ts';
import { countPictures, operatorUrl } from './watch.ts';

/** Long enough for a host to write to its log, and to end if it cannot. */
const AFTER_MS = 3000;

let arena: Arena | undefined;
afterEach(async () => {
  await arena?.close();
  arena = undefined;
});

it('a host whose readers of stdout and stderr have gone plays on, and lets in another player', async () => {
  arena = await startArena({ other: goodGame() });
  const { host, player } = arena;
  const health = new URL('healthz', operatorUrl(host));
  host.process.stdout?.destroy();
  host.process.stderr?.destroy();
  const peer = await arena.join('other').catch(() => undefined);
  const pictures = countPictures(player);
  // A player who leaves is a line in the log.
  peer?.close();
  await sleep(AFTER_MS);
  expect([host.process.exitCode, host.process.signalCode]).toEqual([null, null]);
  expect(peer).toBeDefined();
  expect(pictures.stop().count).toBeGreaterThan(0);
  expect((await fetch(health)).status).toBe(200);
});
