// From a key to the picture that shows it in Chromium, at several sizes and rates, with the server's stages and CPU.
import type { Browser, Page } from 'playwright-core';
import { must } from '../../host/base/assert.ts';
import { type HostProcess, type HostStatus, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { type Bench, benchmark } from './harness.ts';
import { type Probe, playArena, probeLatency } from './probe.ts';
import { cpuSeconds } from './processes.ts';

const SECONDS = 70;
/**
 * Time before the measurement begins. In the first ten seconds at 1280x720, Chromium shows one picture in ten three frames
 * late. After that it shows none late.
 */
const WARM_UP_SECONDS = 12;
const STAGES = ['readbackMs', 'encodeMs', 'sendMs', 'inputToSendMs'];

interface Run {
  game: 'latency' | 'arena';
  size: string;
  fps: number;
  goals?: { fps?: number; p50: number; p99: number; p99_9: number };
}

const RUNS: Run[] = [
  { game: 'latency', size: '640x360', fps: 60, goals: { fps: 58, p50: 18, p99: 34, p99_9: 45 } },
  { game: 'latency', size: '640x360', fps: 120 },
  { game: 'latency', size: '1280x720', fps: 60, goals: { p50: 23, p99: 40, p99_9: 55 } },
  { game: 'arena', size: '640x360', fps: 60, goals: { p50: 26, p99: 45, p99_9: 60 } },
  { game: 'arena', size: '1280x720', fps: 60 },
];

type Figures = Record<string, { p50: number; p95: number; p99: number }>;

function stages(bench: Bench, name: string, { rooms }: HostStatus, game: string): void {
  const room = must(
    rooms.find((entry) => entry.name === game),
    `room "${game}"`,
  );
  const view = room.views[0] as unknown as Figures;
  for (const stage of ['tickMs', 'renderMs', 'replayMs', 'tickLateMs'])
    bench.value(`${name}: ${stage} P50`, 'ms', must((room as unknown as Figures)[stage], stage).p50);
  for (const stage of STAGES) {
    const { p50, p99 } = must(view[stage], stage);
    bench.value(`${name}: ${stage} P50`, 'ms', p50);
    bench.value(`${name}: ${stage} P99`, 'ms', p99);
  }
}

async function run(
  bench: Bench,
  { host, browser, game, size, fps: wanted, goals }: Run & { host: HostProcess; browser: Browser },
): Promise<void> {
  const name = `${game} ${size} at ${wanted}`;
  const page = await openGame(browser, `${host.url}?game=${game}&size=${size}&fps=${wanted}`);
  await page.locator('#play').click();
  const measure: (page: Page, seconds: number) => Promise<Probe> = game === 'latency' ? probeLatency : playArena;
  await measure(page, WARM_UP_SECONDS);
  const pid = must(host.process.pid, 'process id');
  const server = cpuSeconds(pid);
  const client = cpuSeconds(process.pid, [pid]);
  const probe = await measure(page, SECONDS);
  const cpu = (before: number, after: number): number => ((after - before) / probe.seconds) * 100;
  const { p50, p99, p99_9, max } = bench.figure(`${name}: input to picture`, 'ms', probe.callbackMs);
  if (probe.displayMs.length > 0) bench.figure(`${name}: input to expected display`, 'ms', probe.displayMs);
  const fps = probe.pictures / probe.seconds;
  bench.value(`${name}: pictures shown`, '1/s', fps);
  bench.value(`${name}: CPU of host and guest`, '% of a core', cpu(server, cpuSeconds(pid)));
  bench.value(`${name}: CPU of Chromium`, '% of a core', cpu(client, cpuSeconds(process.pid, [pid])));
  stages(bench, name, await host.status(), game);
  await page.close();
  if (!goals) return;
  const atMost = { direction: 'at most', unit: 'ms' } as const;
  if (goals.fps)
    bench.goal(`${name}: pictures shown`, { direction: 'at least', limit: goals.fps, value: fps, unit: '1/s' });
  bench.goal(`${name}: P50`, { ...atMost, limit: goals.p50, value: p50 });
  bench.goal(`${name}: P99`, { ...atMost, limit: goals.p99, value: p99 });
  bench.goal(`${name}: P99.9`, { ...atMost, limit: goals.p99_9, value: p99_9 ?? max });
}

await benchmark('latency', async (bench) => {
  const host = await startHostProcess(['build/latency.wasm', 'build/arena.wasm']);
  const browser = await startBrowser();
  try {
    bench.machine({
      gpu: JSON.stringify(((await host.status()) as unknown as { gpu: unknown }).gpu),
      browser: browser.version(),
    });
    for (const entry of RUNS) await run(bench, { ...entry, host, browser });
  } finally {
    await browser.close();
    await host.stop();
  }
});
