// One room with 1, 2, 4 and 10 players: pictures a second for each, latency of one of them, CPU of the host.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { must } from '../../host/base/assert.ts';
import { at } from '../at.ts';
import { type HostProcess, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { type Bench, benchmark } from './harness.ts';
import { playArena } from './probe.ts';
import { cpuSeconds } from './processes.ts';
import { numberFrom } from './switches.ts';

const COUNTS = [1, 2, 4, 10];
const SIZE = '640x360';
const FPS = 60;
const WARM_UP_SECONDS = 5;
const SECONDS = numberFrom('PLAYERS_SECONDS', 30, 1);
/** The rates of the players of one room differ by at most this factor. */
const APART_MAX = 1.1;
/** The latency of ten players is at most that of one by this many milliseconds, beside the longer time between two pictures. */
const ADDED_MS_MAX = 50;

/** Alone, one player's latency P50 and pictures a second, which those of more players are compared with. */
interface Alone {
  p50: number;
  fps: number;
}

async function run(
  bench: Bench,
  { host, browser, count, alone }: { host: HostProcess; browser: Browser; count: number; alone: Alone | undefined },
): Promise<Alone> {
  const name = `${count} ${count === 1 ? 'player' : 'players'}`;
  const query = `?size=${SIZE}&fps=${FPS}`;
  const page = await openGame(browser, `${host.url}${query}`);
  await page.locator('#play').click();
  // The other players take their video without decoding it, which leaves the processor to the host.
  const crowd = fork(join(import.meta.dirname, 'crowd.ts'), [host.url, query, String(count - 1)]);
  const next = async (): Promise<number[]> => {
    const ended = once(crowd, 'exit').then(() => Promise.reject(new Error('the players without a page have ended')));
    return (await Promise.race([once(crowd, 'message'), ended]))[0];
  };
  try {
    await next();
    await playArena(page, WARM_UP_SECONDS);
    const pid = must(host.process.pid, 'process id');
    const before = cpuSeconds(pid);
    crowd.send('count');
    const counted = next();
    const probe = await playArena(page, SECONDS);
    crowd.send('count');
    await counted;
    const others = await next();
    const cpu = ((cpuSeconds(pid) - before) / probe.seconds) * 100;
    const rates = [probe.pictures, ...others].map((pictures) => pictures / probe.seconds);
    const { p50 } = bench.figure(`${name}: input to picture`, 'ms', probe.callbackMs);
    bench.figure(`${name}: pictures a second and player`, '1/s', rates);
    bench.value(`${name}: CPU of host and guest`, '% of a core', cpu);
    bench.value(`${name}: CPU of a player`, '% of a core', cpu / count);
    const fps = at(rates, 0);
    if (alone) {
      const apart = Math.max(...rates) / Math.min(...rates);
      bench.goal(`${name}: the highest rate to the lowest`, {
        direction: 'at most',
        limit: APART_MAX,
        value: apart,
        unit: '',
      });
      const limit = alone.p50 + (1000 / fps - 1000 / alone.fps) + ADDED_MS_MAX;
      bench.goal(`${name}: latency P50`, { direction: 'at most', limit, value: p50, unit: 'ms' });
    }
    return { p50, fps };
  } finally {
    crowd.kill();
    await page.close();
  }
}

await benchmark('players', async (bench) => {
  const browser = await startBrowser();
  try {
    bench.machine({ browser: browser.version() });
    let alone: Alone | undefined;
    for (const count of COUNTS) {
      // Players who leave without a word keep their seats for a while, so each number of players has a host of its own.
      const host = await startHostProcess(['build/arena.wasm'], { MAX_PLAYERS: String(count) });
      try {
        const result = await run(bench, { host, browser, count, alone });
        alone ??= result;
      } finally {
        await host.stop();
      }
    }
  } finally {
    await browser.close();
  }
});
