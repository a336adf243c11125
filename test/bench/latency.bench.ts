// From a key to the picture that shows it in Chromium, at several sizes and rates, with the seat of each millisecond and CPU.
import type { Browser, Page } from 'playwright-core';
import { must } from '../../host/base/assert.ts';
import { STAGES } from '../../host/base/stages.ts';
import { at } from '../at.ts';
import { type HostProcess, type HostStatus, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { type Bench, benchmark } from './harness.ts';
import { type Probe, playArena, probeLatency } from './probe.ts';
import { cpuSeconds } from './processes.ts';
import { slopeOf, tableOf, unexplained } from './seats.ts';
import { numberFrom } from './switches.ts';

/** With LATENCY_MINUTES, the benchmark looks only for latency that creeps up, and plays for that many minutes. */
const MINUTES = numberFrom('LATENCY_MINUTES', 0);
const SECONDS = numberFrom('LATENCY_SECONDS', 70, 1);
/**
 * Time before the measurement begins. In the first ten seconds at 1280x720, Chromium shows one picture in ten three frames
 * late. After that it shows none late.
 */
const WARM_UP_SECONDS = 12;
const VIEW_FIGURES = ['readbackMs', 'encodeMs', 'sendMs', 'inputToSendMs'];

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
  for (const stage of VIEW_FIGURES) {
    const { p50, p99 } = must(view[stage], stage);
    bench.value(`${name}: ${stage} P50`, 'ms', p50);
    bench.value(`${name}: ${stage} P99`, 'ms', p99);
  }
}

/** Prints in which stage each millisecond passes. */
function seats(bench: Bench, name: string, { probe, game }: { probe: Probe; game: Run['game'] }): void {
  const { explained, callbackMs } = probe;
  // The arena shows no pixel that tells an input, so its latency is what the page itself measures, of which the stages are parts.
  const isInPixels = game === 'latency';
  if (explained.length === 0) throw new Error(`${name}: no picture came with the times of its stages`);
  bench.note(`${name}: the seat of each millisecond, for ${explained.length} of ${callbackMs.length} inputs`);
  for (const line of tableOf(explained, isInPixels ? undefined : 'measured by the page')) bench.note(line);
  for (const [index, stage] of STAGES.entries())
    bench.figure(
      `${name}: stage ${stage}`,
      'ms',
      explained.map(({ stages }) => stages[index] ?? 0),
    );
  if (isInPixels) bench.figure(`${name}: not explained by a stage`, 'ms', unexplained(explained));
}

/** Plays for many minutes, to find out whether the latency creeps up. */
async function creep(bench: Bench, browser: Browser, host: HostProcess, minutes: number): Promise<void> {
  const page = await openGame(browser, `${host.url}?game=latency&size=640x360&fps=60`);
  await page.locator('#play').click();
  await probeLatency(page, WARM_UP_SECONDS);
  const medians: number[] = [];
  for (let minute = 1; minute <= minutes; minute++) {
    const name = `minute ${minute} of ${minutes}: input to picture`;
    const { p50, p99 } = bench.figure(name, 'ms', (await probeLatency(page, 60)).callbackMs);
    medians.push(p50);
    bench.note(`minute ${minute}: P50 ${p50.toFixed(1)} ms, P99 ${p99.toFixed(1)} ms`);
  }
  await page.close();
  if (medians.length < 3) return;
  bench.value('slope of P50', 'ms a minute', slopeOf(medians));
  // Chromium, whose code gets faster while it runs, is not at its best in the first minute.
  const value = at(medians, -1) - at(medians, 1);
  bench.goal('P50 of the last minute above that of the second', { direction: 'at most', limit: 1, value, unit: 'ms' });
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
  seats(bench, name, { probe, game });
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
    if (MINUTES > 0) await creep(bench, browser, host, MINUTES);
    else for (const entry of RUNS) await run(bench, { ...entry, host, browser });
  } finally {
    await browser.close();
    await host.stop();
  }
});
