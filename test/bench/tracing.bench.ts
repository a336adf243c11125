// The cost of traces and metrics: latency with the usual settings and a scrape each second, and with everything traced, against a host that traces nothing.
import { type HostProcess, startHostProcess } from '../e2e/host.ts';
import { startTraceReceiver } from '../observe/tracing/receiver.ts';
import { sleep } from '../wait.ts';
import { benchmark } from './harness.ts';
import { MeasuredPlayer } from './measured-player.ts';
import { numberFrom } from './switches.ts';

const SECONDS = numberFrom('BENCH_SECONDS', 180, 1);
/** The hosts take turns, so that whatever else changes on the machine meets both. */
const TURNS = numberFrom('BENCH_TURNS', 12, 1);
const QUERY = '?size=640x360&fps=60';
const SETTLE_MS = 1000;
const SCRAPE_MS = 1000;
/** More pictures than a host sends between two requests for traces. */
const FRAMES = 200;
const PERCENT_MAX = 1;

/** How a host is traced. Without `isTraced` it is not scraped either. */
interface HostKind {
  isTraced?: boolean;
  percent?: string;
  /** Number of pictures to trace in each second. */
  frames?: number;
}

interface Measured {
  latencies: number[];
  cpuPercent: number[];
}

/** Plays on a host for one turn. @param watch is called each second */
async function play(host: HostProcess, into: Measured, watch: () => Promise<void>): Promise<void> {
  const player = new MeasuredPlayer();
  try {
    await player.join(host.url, QUERY);
    await watch();
    await sleep(SETTLE_MS);
    const { cpuMs } = await host.status();
    const begun = performance.now();
    player.take();
    for (let left = (SECONDS / TURNS) * 1000; left > 0; left -= SCRAPE_MS) {
      await watch();
      await sleep(Math.min(left, SCRAPE_MS));
    }
    into.latencies.push(...player.take());
    into.cpuPercent.push((100 * ((await host.status()).cpuMs - cpuMs)) / (performance.now() - begun));
  } finally {
    player.close();
  }
}

const HOSTS: Record<string, HostKind> = {
  off: {},
  usual: { isTraced: true },
  everything: { isTraced: true, percent: '100', frames: FRAMES },
};

await benchmark('tracing', async (bench) => {
  const receiver = await startTraceReceiver();
  const hosts = await Promise.all(
    Object.entries(HOSTS).map(async ([name, { isTraced, percent, frames }]) => {
      const host = await startHostProcess(['build/latency.wasm'], {
        ...(isTraced ? { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url } : {}),
        ...(percent ? { TRACE_PERCENT: percent } : {}),
      });
      const measured: Measured = { latencies: [], cpuPercent: [] };
      const watch = async () => {
        if (frames) await fetch(new URL(`trace/frames?frames=${frames}`, host.operatorUrl), { method: 'POST' });
        if (isTraced) await (await fetch(new URL('metrics', host.operatorUrl))).text();
      };
      return { name, host, measured, watch };
    }),
  );
  try {
    for (let turn = 0; turn < TURNS; turn++)
      for (const { host, measured, watch } of hosts) await play(host, measured, watch);
    bench.note(`${receiver.spans.length} spans received`);
    const p99 = hosts.map(({ name, measured: { latencies, cpuPercent } }) => {
      bench.figure(`processor time of the host, traces and scrapes ${name}`, '% of a core', cpuPercent);
      return bench.figure(`latency, traces and scrapes ${name}`, 'ms', latencies).p99;
    });
    const [off = Number.NaN, usual = Number.NaN, everything = Number.NaN] = p99;
    const more = (value: number) => 100 * (value / off - 1);
    bench.value('P99 of the latency with everything traced, more', '%', more(everything));
    bench.goal('P99 of the latency with the usual settings and a scrape each second', {
      direction: 'at most',
      limit: PERCENT_MAX,
      value: more(usual),
      unit: '% more',
    });
  } finally {
    await Promise.all(hosts.map(({ host }) => host.stop()));
    await receiver.close();
  }
  // The peers' library keeps threads running.
  setTimeout(() => process.exit(), 1000).unref();
});
