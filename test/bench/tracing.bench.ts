// The cost of traces and metrics: latency with everything traced and scraped each second, against a host that traces nothing.
import { type HostProcess, startHostProcess } from '../e2e/host.ts';
import { startTraceReceiver } from '../observe/tracing/receiver.ts';
import { sleep } from '../wait.ts';
import { benchmark, percentile } from './harness.ts';
import { MeasuredPlayer } from './measured-player.ts';
import { numberFrom } from './switches.ts';

const SECONDS = numberFrom('BENCH_SECONDS', 60, 1);
/** The two hosts take turns, so that whatever else changes on the machine meets both. */
const TURNS = numberFrom('BENCH_TURNS', 6, 1);
const QUERY = '?size=640x360&fps=60';
const SETTLE_MS = 1000;
const SCRAPE_MS = 1000;
/** More pictures than a host sends between two requests for traces. */
const FRAMES = 200;
const PERCENT_MAX = 1;

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

await benchmark('tracing', async (bench) => {
  const receiver = await startTraceReceiver();
  const modules = ['build/latency.wasm'];
  const [off, on] = await Promise.all([
    startHostProcess(modules, {}),
    startHostProcess(modules, { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, TRACE_PERCENT: '100' }),
  ]);
  const without: Measured = { latencies: [], cpuPercent: [] };
  const traced: Measured = { latencies: [], cpuPercent: [] };
  const watch = async () => {
    await fetch(new URL(`trace/frames?frames=${FRAMES}`, on.operatorUrl), { method: 'POST' });
    await (await fetch(new URL('metrics', on.operatorUrl))).text();
  };
  try {
    for (let turn = 0; turn < TURNS; turn++) {
      await play(off, without, async () => {});
      await play(on, traced, watch);
    }
    const metrics = await (await fetch(new URL('metrics', on.operatorUrl))).text();
    const dropped = /^nearlight_trace_spans_total\{outcome="dropped"\} (\d+)$/m.exec(metrics)?.[1];
    bench.note(`${receiver.spans.length} spans received, ${dropped} dropped`);
    for (const [how, { latencies, cpuPercent }] of Object.entries({ off: without, on: traced })) {
      bench.figure(`latency, traces and scrapes ${how}`, 'ms', latencies);
      bench.figure(`processor time of the host, traces and scrapes ${how}`, '% of a core', cpuPercent);
    }
    const p99 = ({ latencies }: Measured) =>
      percentile(
        latencies.toSorted((one, other) => one - other),
        99,
      );
    const value = 100 * (p99(traced) / p99(without) - 1);
    bench.goal('P99 of the latency with traces and scrapes', {
      direction: 'at most',
      limit: PERCENT_MAX,
      value,
      unit: '% more',
    });
  } finally {
    await Promise.all([off.stop(), on.stop()]);
    await receiver.close();
  }
  // The peers' library keeps threads running.
  setTimeout(() => process.exit(), 1000).unref();
});
