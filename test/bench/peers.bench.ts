// Games, one and several, streamed by Nearlight beside the same in headless Chromiums that stream their canvas: pictures, CPU, memory, latency.
import { at } from '../at.ts';
import { startBrowser } from '../e2e/host.ts';
import { sleep } from '../wait.ts';
import { type Bench, benchmark } from './harness.ts';
import { startChromium } from './peers/chromium.ts';
import { makeCommand, startNearlight } from './peers/nearlight.ts';
import { askReceived, HEIGHT, type Streamed, WIDTH } from './peers/streamed.ts';
import { probeLatency } from './probe.ts';
import { cpuSeconds, memoryOf, occupiedMib, treeOf } from './processes.ts';
import { numberFrom } from './switches.ts';

/** Number of streams in one process. While two tabs of a Chromium draw in software, a third one waits in vain for a GPU adapter. */
const TABS = 2;
/** Number of streams in processes of their own. */
const STREAMS = 4;
const WARM_UP_SECONDS = 10;
const SECONDS = numberFrom('PEERS_SECONDS', 20, 1);
const SPEED_TIMES = 10;
const MEMORY_SHARE = 0.25;

interface Measured {
  /** Pictures received per second of CPU time. */
  perCore: number;
  /** Memory that one stream occupies. */
  mib: number;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/**
 * Counts the pictures that all pages receive. A smaller picture counts as the share of pixels that it has, because both sides make pictures
 * smaller where the bitrate or the processor does not suffice.
 */
async function count({ pages }: Streamed, seconds: number): Promise<{ pictures: number; seconds: number }> {
  const ask = () => Promise.all(pages.map(askReceived));
  const begun = performance.now();
  let pictures = 0;
  let last = await ask();
  for (let second = 0; second < seconds; second++) {
    await sleep(1000);
    const now = await ask();
    for (const [index, page] of now.entries())
      pictures += ((page.pictures - at(last, index).pictures) * page.width * page.height) / (WIDTH * HEIGHT);
    last = now;
  }
  return { pictures, seconds: (performance.now() - begun) / 1000 };
}

async function measure(bench: Bench, name: string, starting: Promise<Streamed>): Promise<Measured> {
  const streamed = await starting;
  try {
    const { pages, pids, startMs } = streamed;
    await sleep(WARM_UP_SECONDS * 1000);
    const cpu = () => sum(pids.map((pid) => cpuSeconds(pid)));
    const before = cpu();
    const { pictures, seconds } = await count(streamed, SECONDS);
    const used = cpu() - before;
    const processes = pids.flatMap(treeOf);
    const mib = occupiedMib(processes) / pages.length;
    const pssMib = sum(processes.map((pid) => memoryOf(pid).pss)) / pages.length;
    const sizes = (await Promise.all(pages.map(askReceived))).map(({ width, height }) => `${width}x${height}`);
    bench.note(`${name}: ${sizes.join(', ')}`);
    if (pages.length === 1) bench.value(`${name}: start to the first picture`, 'ms', startMs);
    bench.value(`${name}: pictures of a stream`, '1/s', pictures / seconds / pages.length);
    bench.value(`${name}: CPU of all`, '% of a core', (100 * used) / seconds);
    bench.value(`${name}: pictures per second of CPU time`, '1/s', pictures / used);
    bench.value(`${name}: memory of a stream`, 'MiB', mib);
    bench.value(`${name}: memory of a stream, PSS beside the viewers`, 'MiB', pssMib);
    return { perCore: pictures / used, mib };
  } finally {
    await streamed.stop();
  }
}

async function measureLatency(bench: Bench, name: string, starting: Promise<Streamed>): Promise<void> {
  const streamed = await starting;
  try {
    const [page] = streamed.pages;
    if (!page) throw new Error('no page plays the game');
    await probeLatency(page, WARM_UP_SECONDS);
    bench.figure(`${name}: input to picture`, 'ms', (await probeLatency(page, SECONDS)).callbackMs);
  } finally {
    await streamed.stop();
  }
}

/** Measures both sides of one row, and compares them with the goals. */
async function compare(
  bench: Bench,
  row: string,
  { ours, peers }: { ours(): Promise<Streamed>; peers(): Promise<Streamed> },
): Promise<void> {
  const own = await measure(bench, `Nearlight, ${row}`, ours());
  const other = await measure(bench, `Chromium, ${row}`, peers());
  const speed = { direction: 'at least', unit: 'times', limit: SPEED_TIMES } as const;
  const memory = { direction: 'at most', unit: 'of it', limit: MEMORY_SHARE } as const;
  bench.goal(`${row}: pictures per core, beside Chromium`, { ...speed, value: own.perCore / other.perCore });
  bench.goal(`${row}: memory of a stream, beside Chromium`, { ...memory, value: own.mib / other.mib });
}

await benchmark('peers', async (bench) => {
  const command = await makeCommand();
  const viewer = await startBrowser();
  const [arena, latency] = ['renderer/arena/index.ts', 'renderer/examples/latency.ts'];
  try {
    bench.machine({ browser: viewer.version() });
    await compare(bench, '1 stream', {
      ours: () => startNearlight('arena', { command, viewer }),
      peers: () => startChromium(arena, { viewer }),
    });
    await compare(bench, `${TABS} players of one game, or tabs of one browser`, {
      ours: () => startNearlight('arena', { command, viewer, players: TABS }),
      peers: () => startChromium(arena, { viewer, tabs: TABS }),
    });
    await compare(bench, `${STREAMS} hosts, or browsers`, {
      ours: () => startNearlight('arena', { command, viewer, hosts: STREAMS }),
      peers: () => startChromium(arena, { viewer, browsers: STREAMS }),
    });
    await measureLatency(bench, 'Nearlight, latency', startNearlight('latency', { command, viewer }));
    await measureLatency(bench, 'Chromium, latency', startChromium(latency, { viewer }));
  } finally {
    await viewer.close();
  }
});
