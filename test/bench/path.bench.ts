// Video over poor networks to Chromium, sent by the host, by libdatachannel and by Chromium: delay that the network adds, freezes, use of the link, quality, and changes of the rate.
import type { Browser } from 'playwright-core';
import { startBrowser } from '../e2e/host.ts';
import { type Bench, benchmark, percentile } from './harness.ts';
import { delays, rateOf } from './path/figures.ts';
import type { PathOptions } from './path/proxy.ts';
import { Scene } from './path/scene.ts';
import { qualities, type Result, SENDERS, type Sender, stream } from './path/stream.ts';
import { isOn, namesFrom, numberFrom } from './switches.ts';

const SECONDS = numberFrom('PATH_SECONDS', 120, 11);
/** Senders to measure; "chromium,libdatachannel" leaves out the host's own. */
const CHOSEN = namesFrom('PATH_SENDERS', SENDERS);
/** Without repair packets, a page gets everything twice on a path with loss. */
const REPAIRS = isOn('PATH_REPAIRS');
const WIDTH = 640;
const HEIGHT = 360;
/** The first seconds show how a stream starts, and are not part of the delays. */
const START_MS = 10_000;
const THIRD_MS = (SECONDS * 1000) / 3;
const FREEZE_MS = 100;
const MBIT = 1_000_000;

interface Row {
  name: string;
  path: Partial<PathOptions>;
  mbit?: number;
  /** Mbit/s of the link in the first and last third, and in the second. */
  steps?: readonly [number, number];
  goals?: { addedP95?: number; used?: number; freezes?: number };
}

const LOSSY = { delayMs: 15, jitterMs: 10 };
const lossy = (percent: number, seed: number): Row => ({
  name: `${percent} % loss`,
  path: { ...LOSSY, loss: percent / 100, seed },
  ...(percent <= 5 ? { goals: { freezes: 0 } } : {}),
});
const narrow = (mbit: number, seed: number): Row => ({
  name: `${mbit} Mbit/s`,
  mbit,
  path: { delayMs: 15, bitsPerSecond: () => mbit * MBIT, seed },
  ...(mbit >= 4 ? { goals: { addedP95: 40, used: 0.7 } } : {}),
});
const stepped = (steps: readonly [number, number], seed: number): Row => ({
  name: `${steps[0]}-${steps[1]}-${steps[0]} Mbit/s`,
  steps,
  path: {
    delayMs: 15,
    seed,
    bitsPerSecond: (atMs) => steps[atMs >= THIRD_MS && atMs < 2 * THIRD_MS ? 1 : 0] * MBIT,
  },
});
/** A long path, on which a packet that the page asks for comes too late. */
const distant = (mbit?: number): Row => ({
  name: `3 % loss and 200 ms${mbit === undefined ? '' : ` and ${mbit} Mbit/s`}`,
  path: {
    delayMs: 100,
    loss: 0.03,
    seed: 1,
    ...(mbit === undefined ? {} : { bitsPerSecond: () => mbit * MBIT }),
  },
  ...(mbit === undefined ? {} : { mbit }),
});
/** The row without limits, which every other row of a sender is compared with, so it is always measured. */
const UNLIMITED = 'no limit';
/** The first half of the rows was there while the rate control was tuned. The second half was not looked at until then. */
const ROWS: Row[] = [
  { name: UNLIMITED, path: {} },
  ...[1, 3, 5, 10].map((percent) => lossy(percent, 1)),
  ...[5, 2, 1].map((mbit) => narrow(mbit, 1)),
  stepped([20, 2], 1),
  distant(),
  distant(3),
];
const UNSEEN: Row[] = [
  ...[2, 4, 7].map((percent) => lossy(percent, 2)),
  ...[4, 3, 1.5].map((mbit) => narrow(mbit, 2)),
  stepped([12, 3], 2),
].map((row) => ({ ...row, name: `unseen: ${row.name}` }));
/** Only rows with these names. */
const ONLY = namesFrom(
  'PATH_ROWS',
  [...ROWS, ...UNSEEN].map(({ name }) => name),
);

/** Returns the delivered bits per second between two times. */
function used({ delivered }: Result, fromMs: number, toMs: number): number {
  return rateOf(delivered, fromMs, toMs);
}

/** Delay of each sender in the row without limits, which every other row of that sender is compared with. */
const idleDelays = new Map<Sender, number>();

async function run(bench: Bench, browser: Browser, { sender, ...row }: Row & { sender: Sender }): Promise<void> {
  const path: PathOptions = {
    bitsPerSecond: () => Number.POSITIVE_INFINITY,
    queueMs: 200,
    delayMs: 0,
    jitterMs: 0,
    loss: 0,
    seed: 1,
    ...row.path,
  };
  const result = await stream(browser, {
    sender,
    path,
    width: WIDTH,
    height: HEIGHT,
    seconds: SECONDS,
    repairs: REPAIRS,
  });
  const goals = sender === 'nearlight' ? row.goals : undefined;
  const name = `${sender}, ${row.name}`;
  const endMs = SECONDS * 1000;
  const all = delays(result, START_MS, endMs);
  if (row.name === UNLIMITED) idleDelays.set(sender, percentile(Float64Array.from(all).sort(), 50));
  const idleMs = idleDelays.get(sender) ?? 0;
  bench.figure(`${name}: from taking a picture to showing it`, 'ms', all);
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
  if (row.steps) changes(bench, { name, result, steps: row.steps, idleMs, hasGoals: sender === 'nearlight' });
  if (goals?.addedP95)
    bench.goal(`${name}: delay added P95`, { direction: 'at most', limit: goals.addedP95, value: p95, unit: 'ms' });
  if (goals?.used && share !== undefined)
    bench.goal(`${name}: share of the link`, { direction: 'at least', limit: goals.used, value: share, unit: '' });
  if (goals?.freezes !== undefined)
    bench.goal(`${name}: freezes`, { direction: 'at most', limit: goals.freezes, value: freezes, unit: '' });
}

interface Changes {
  name: string;
  result: Result;
  steps: readonly [number, number];
  idleMs: number;
  hasGoals: boolean;
}

/** Reports how fast the rate followed the link. */
function changes(bench: Bench, { name, result, steps, idleMs, hasGoals }: Changes): void {
  let downMs = Number.POSITIVE_INFINITY;
  for (let from = THIRD_MS; from < 2 * THIRD_MS && downMs === Number.POSITIVE_INFINITY; from += 100)
    if (rateOf(result.offered, from, from + 300) <= 1.1 * steps[1] * MBIT) downMs = from - THIRD_MS;
  const before = used(result, THIRD_MS - 5000, THIRD_MS);
  let upMs = Number.POSITIVE_INFINITY;
  for (let from = 2 * THIRD_MS; from < 3 * THIRD_MS - 1000 && upMs === Number.POSITIVE_INFINITY; from += 100)
    if (used(result, from, from + 500) >= 0.9 * before) upMs = from + 500 - 2 * THIRD_MS;
  const slow = delays(result, THIRD_MS, 2 * THIRD_MS).map((ms) => ms - idleMs);
  bench.figure(`${name}: delay added and one way while the link is slow`, 'ms', slow);
  bench.value(`${name}: until the host sends no more than the slow link carries`, 'ms', Math.min(downMs, THIRD_MS));
  bench.value(`${name}: until 90 % of the earlier rate`, 'ms', Math.min(upMs, THIRD_MS));
  if (!hasGoals) return;
  bench.goal(`${name}: down`, { direction: 'at most', limit: 500, value: downMs, unit: 'ms' });
  bench.goal(`${name}: up`, { direction: 'at most', limit: 5000, value: upMs, unit: 'ms' });
}

await benchmark('path', async (bench) => {
  const browser = await startBrowser();
  try {
    bench.machine({ browser: browser.version() });
    for (const row of [...ROWS, ...UNSEEN])
      for (const sender of CHOSEN)
        if (row.name === UNLIMITED || ONLY.includes(row.name)) await run(bench, browser, { ...row, sender });
  } finally {
    await browser.close();
  }
});
