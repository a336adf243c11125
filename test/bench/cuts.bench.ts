// Cuts of the line of 0.2 to 30 s while a key is held, below UDP, TCP, TURN and a WebSocket: return of the picture, the key and the seat.
import { cutLine, seatsOf, watchPictures } from '../e2e/cuts.ts';
import type { HostProcess } from '../e2e/host.ts';
import { DOORS, type Door, playThrough } from '../net/doors.ts';
import { STAGES, type Way, wayOf } from '../net/trace.ts';
import { Random } from '../random.ts';
import { sleep } from '../wait.ts';
import { type Bench, benchmark } from './harness.ts';
import { namesFrom, numberFrom } from './switches.ts';

/** Number of cuts of each door. 200 of them take about half an hour. */
const CUTS = numberFrom('CUTS', 200, 1);
/** The doors, all of which are measured at the same time. */
const CHOSEN = namesFrom('CUTS_DOORS', Object.keys(DOORS) as Door[]);
const CUT_MS_MIN = 200;
const CUT_MS_MAX = 30_000;
/** ICE gives a connection up after about this much silence, so that the page needs another one. */
const LONG_MS = 12_000;
/** The first cut comes when the host and the page have settled. */
const SETTLE_MS = 5000;
/** A return of the picture that takes longer is printed. */
const SLOW_MS = 500;
const MIB = 2 ** 20;
const DAY_MS = 86_400_000;

/** Returns when the host noted that the key was released after a time, both on the clock of Date.now(); undefined if it has not. */
function releasedAfter(host: HostProcess, at: number): number | undefined {
  const midnight = at - (at % DAY_MS);
  for (const [, time, what] of host.output().matchAll(/^(\d\d:\d\d:\d\d\.\d{3}) debug .*\b(held|released)$/gm)) {
    let noted = midnight + Date.parse(`1970-01-01T${time}Z`);
    // The log names no day.
    if (noted < at - DAY_MS / 2) noted += DAY_MS;
    if (noted > at + DAY_MS / 2) noted -= DAY_MS;
    if (noted >= at && what === 'released') return noted;
  }
  return undefined;
}

async function measure(bench: Bench, door: Door, seed: number): Promise<void> {
  const playing = await playThrough(door, { module: 'build/latency.wasm', query: '?size=320x180&fps=30' });
  const { host, page, network } = playing;
  try {
    await page.evaluate(watchPictures);
    await page.keyboard.down('KeyW');
    await sleep(SETTLE_MS);
    const rssBytes = (await host.status()).memory.rssBytes;
    const random = new Random(seed);
    const [all, long, acted, held]: number[][] = [[], [], [], []];
    const ways: Way[] = [];
    let [moved, elsewhere, idle, lost] = [0, 0, 0, 0];
    for (let cut = 0; cut < CUTS; cut++) {
      const wantedMs = CUT_MS_MIN * (CUT_MS_MAX / CUT_MS_MIN) ** (random.u32() / 2 ** 32);
      const cutAt = Date.now();
      const found = await cutLine(page, network, wantedMs).catch(() => undefined);
      if (!found) {
        lost++;
        const { state, last } = await page.evaluate(() => {
          const { pictures } = globalThis as unknown as { pictures: { at: number; white: boolean }[] };
          return { state: document.body.dataset.state, last: pictures.at(-1) };
        });
        const shown = last
          ? `the last picture, ${last.white ? 'white' : 'black'}, is ${((Date.now() - last.at) / 1000).toFixed(1)} s old`
          : 'there was no picture';
        bench.note(
          `${door}: cut ${cut} of ${(wantedMs / 1000).toFixed(1)} s: the game did not come back; the page is ${state}, ${shown}, over ${await playing.door()}`,
        );
        continue;
      }
      const { mendedAt, pictureMs, heldMs } = found;
      const way = await wayOf(page, { mendedAt, pictureAt: mendedAt + pictureMs });
      ways.push(way);
      all?.push(pictureMs);
      if (wantedMs >= LONG_MS) long?.push(pictureMs);
      acted?.push(heldMs);
      held?.push(Math.min(wantedMs, (releasedAfter(host, cutAt) ?? Number.POSITIVE_INFINITY) - cutAt));
      await sleep(1500);
      const { taken, seats } = await seatsOf(host);
      if (taken !== 1 || seats.some((seat) => seat !== 0)) moved++;
      if ((await page.evaluate(() => document.body.dataset.state)) !== 'playing') idle++;
      const used = await playing.door();
      if (used !== DOORS[door]) elsewhere++;
      if (pictureMs > SLOW_MS)
        bench.note(
          `${door}: cut ${cut} of ${(wantedMs / 1000).toFixed(1)} s: picture after ${(pictureMs / 1000).toFixed(2)} s, over ${used}: ${way.text}`,
        );
    }
    const growth = (await host.status()).memory.rssBytes - rssBytes;
    report(bench, door, { all, long, acted, held });
    reportWays(bench, door, ways);
    bench.value(`${door}: memory of the host before`, 'MiB', rssBytes / MIB);
    bench.value(`${door}: growth of it`, 'MiB', growth / MIB);
    bench.value(`${door}: connections over another door`, '', elsewhere);
    const none = { direction: 'at most', limit: 0, unit: '' } as const;
    bench.goal(`${door}: cuts after which the player had another seat`, { ...none, value: moved });
    bench.goal(`${door}: cuts after which the page did not play`, { ...none, value: idle + lost });
  } finally {
    await playing.close();
  }
}

function report(
  bench: Bench,
  door: Door,
  samples: Record<'all' | 'long' | 'acted' | 'held', number[] | undefined>,
): void {
  const { all = [], long = [], acted = [], held = [] } = samples;
  if (all.length === 0) return;
  const limit = { direction: 'at most', limit: 500, unit: 'ms' } as const;
  const { p50, p95, max } = bench.figure(`${door}: line's return to picture`, 'ms', all);
  if (long.length > 0) bench.figure(`${door}: the same after cuts of ${LONG_MS / 1000} s and more`, 'ms', long);
  bench.figure(`${door}: line's return to the key acting`, 'ms', acted);
  const longest = bench.figure(`${door}: key held on the host during a cut`, 'ms', held).max;
  bench.goal(`${door}: return to picture, P50`, { ...limit, value: p50 });
  bench.goal(`${door}: return to picture, P95`, { ...limit, value: p95 });
  bench.goal(`${door}: return to picture, longest`, { ...limit, value: max });
  bench.goal(`${door}: held during a cut`, { ...limit, limit: 1000, value: longest });
}

/** Reports where the time went until the picture came over another connection than before the cut. */
function reportWays(bench: Bench, door: Door, ways: readonly Way[]): void {
  bench.value(
    `${door}: pictures over the connection from before the cut`,
    '',
    ways.filter(({ isOld }) => isOld).length,
  );
  for (const stage of STAGES) {
    const times = ways.flatMap(({ isOld, stages }) => (isOld ? [] : (stages[stage] ?? [])));
    if (times.length > 0) bench.figure(`${door}: stage ${stage}`, 'ms', times);
  }
}

await benchmark('cuts', async (bench) => {
  bench.machine({ cuts: CUTS, doors: CHOSEN.join(' ') });
  // The doors share nothing. A cut is mostly waiting.
  const results = await Promise.allSettled(CHOSEN.map((door, index) => measure(bench, door, 7 + index)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
});
