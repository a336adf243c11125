// Video over poor networks to Chromium: delay that the network adds, freezes, use of the link, quality, and changes of the rate.
import type { Browser } from 'playwright-core';
import { startBrowser } from '../e2e/host.ts';
import { type Bench, benchmark, percentile } from './harness.ts';
import type { PathOptions } from './path/proxy.ts';
import { Scene } from './path/scene.ts';
import { qualities, type Result, stream } from './path/stream.ts';

const SECONDS = Number(process.env.PATH_SECONDS ?? 120);
/** Only rows whose names contain this text. */
const ONLY = process.env.PATH_ROWS ?? '';
const WIDTH = 640;
const HEIGHT = 360;
/** The first seconds show how a stream starts, and are not part of the delays. */
const START_MS = 10_000;
const FREEZE_MS = 100;
const MBIT = 1_000_000;
/** Rates that a row changes to, each for a third of the row. */
const STEPS = [20, 2, 20];

interface Row {
  name: string;
  path: Partial<PathOptions>;
  mbit?: number;
  goals?: { addedP95?: number; used?: number; freezes?: number };
}

const LOSSY = { delayMs: 15, jitterMs: 10 };
const ROWS: Row[] = [
  { name: 'no limit', path: {} },
  ...[1, 3, 5, 10].map((percent) => ({
    name: `${percent} % loss`,
    path: { ...LOSSY, loss: percent / 100 },
    ...(percent <= 5 ? { goals: { freezes: 0 } } : {}),
  })),
  ...[5, 2, 1].map((mbit) => ({
    name: `${mbit} Mbit/s`,
    mbit,
    path: { delayMs: 15, bitsPerSecond: () => mbit * MBIT },
    ...(mbit === 5 ? { goals: { addedP95: 40, used: 0.7 } } : {}),
  })),
  { name: '20-2-20 Mbit/s', path: { delayMs: 15, bitsPerSecond: steps } },
];

function steps(atMs: number): number {
  return (STEPS[Math.max(0, Math.min(2, Math.floor((3 * atMs) / (SECONDS * 1000))))] ?? 20) * MBIT;
}

const sum = (values: readonly (number | undefined)[]): number => values.reduce<number>((a, b) => a + (b ?? 0), 0);

/** Returns the bits per second between two times, of bytes that are counted every 100 ms. */
function rateOf(bytes: readonly number[], fromMs: number, toMs: number): number {
  const slots = bytes.slice(Math.round(fromMs / 100), Math.round(toMs / 100));
  return (sum(slots) * 80) / slots.length;
}

/** Returns the delivered bits per second between two times. */
function used({ delivered }: Result, fromMs: number, toMs: number): number {
  return rateOf(delivered, fromMs, toMs);
}

/** Delays of the pictures shown between two times, from taking a picture to showing it. */
function delays({ shown, takenMs }: Result, fromMs: number, toMs: number): number[] {
  return shown.flatMap(({ number, atMs }) => {
    const taken = takenMs[number];
    return taken === undefined || taken < fromMs || taken >= toMs ? [] : [atMs - taken];
  });
}

/** Delay of the row without limits, which every other row is compared with. */
let idleMs = 0;

async function run(bench: Bench, browser: Browser, row: Row): Promise<void> {
  const path: PathOptions = {
    bitsPerSecond: () => Number.POSITIVE_INFINITY,
    queueMs: 200,
    delayMs: 0,
    jitterMs: 0,
    loss: 0,
    seed: 1,
    ...row.path,
  };
  const result = await stream(browser, { path, width: WIDTH, height: HEIGHT, seconds: SECONDS });
  const { name, goals } = row;
  const endMs = SECONDS * 1000;
  const all = delays(result, START_MS, endMs);
  if (row.name === 'no limit') idleMs = percentile(Float64Array.from(all).sort(), 50);
  const added = all.map((ms) => ms - idleMs - path.delayMs);
  const { p95 } = bench.figure(`${name}: delay added`, 'ms', added);
  bench.figure(
    `${name}: delay added at the start`,
    'ms',
    delays(result, 0, START_MS).map((ms) => ms - idleMs - path.delayMs),
  );
  const later = result.shown.filter(({ atMs }) => atMs > 1000 && atMs < endMs);
  const gaps = later.slice(1).map(({ atMs }, index) => atMs - (later[index]?.atMs ?? 0));
  const freezes = gaps.filter((ms) => ms > FREEZE_MS).length;
  bench.value(`${name}: freezes of more than ${FREEZE_MS} ms`, '', freezes);
  bench.value(`${name}: longest gap`, 'ms', Math.max(...gaps));
  bench.value(`${name}: pictures shown`, '1/s', (later.length * 1000) / (endMs - 1000));
  bench.value(`${name}: delivered`, 'Mbit/s', used(result, START_MS, endMs) / MBIT);
  bench.figure(`${name}: PSNR`, 'dB', qualities(result, new Scene(WIDTH, HEIGHT)));
  const share = row.mbit === undefined ? undefined : used(result, START_MS, endMs) / (row.mbit * MBIT);
  if (share !== undefined) bench.value(`${name}: share of the link`, '', share);
  if (row.path.bitsPerSecond === steps) changes(bench, name, result);
  if (goals?.addedP95)
    bench.goal(`${name}: delay added P95`, { direction: 'at most', limit: goals.addedP95, value: p95, unit: 'ms' });
  if (goals?.used && share !== undefined)
    bench.goal(`${name}: share of the link`, { direction: 'at least', limit: goals.used, value: share, unit: '' });
  if (goals?.freezes !== undefined)
    bench.goal(`${name}: freezes`, { direction: 'at most', limit: goals.freezes, value: freezes, unit: '' });
}

/** Reports how fast the rate followed the link. */
function changes(bench: Bench, name: string, result: Result): void {
  const third = (SECONDS * 1000) / 3;
  let downMs = Number.POSITIVE_INFINITY;
  for (let from = third; from < 2 * third && downMs === Number.POSITIVE_INFINITY; from += 100)
    if (rateOf(result.offered, from, from + 300) <= 1.1 * steps(third)) downMs = from - third;
  const before = used(result, third - 5000, third);
  let upMs = Number.POSITIVE_INFINITY;
  for (let from = 2 * third; from < 3 * third - 1000 && upMs === Number.POSITIVE_INFINITY; from += 100)
    if (used(result, from, from + 500) >= 0.9 * before) upMs = from + 500 - 2 * third;
  const slow = delays(result, third, 2 * third).map((ms) => ms - idleMs);
  bench.figure(`${name}: delay added and one way while the link is slow`, 'ms', slow);
  bench.value(`${name}: until the host sends no more than the slow link carries`, 'ms', Math.min(downMs, third));
  bench.value(`${name}: until 90 % of the earlier rate`, 'ms', Math.min(upMs, third));
  bench.goal(`${name}: down`, { direction: 'at most', limit: 500, value: downMs, unit: 'ms' });
  bench.goal(`${name}: up`, { direction: 'at most', limit: 5000, value: upMs, unit: 'ms' });
}

await benchmark('path', async (bench) => {
  const browser = await startBrowser();
  try {
    bench.machine({ browser: browser.version() });
    for (const row of ROWS) if (row.name === 'no limit' || row.name.includes(ONLY)) await run(bench, browser, row);
  } finally {
    await browser.close();
  }
});
