// The latency of two players, from an input to the picture that shows it, while a third one sends 10,000 messages per second.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type HostProcess, startHostProcess } from '../e2e/host.ts';
import { sleep } from '../wait.ts';
import { type Bench, benchmark, percentile } from './harness.ts';
import { MeasuredPlayer } from './measured-player.ts';
import { numberFrom } from './switches.ts';

const SECONDS = numberFrom('BENCH_SECONDS', 30, 1);
/** Calm and attack take turns, so that whatever else changes on the machine meets both. */
const TURNS = numberFrom('BENCH_TURNS', 4, 1);
const QUERY = '?size=320x180&fps=60';
const PLAYERS = 2;
const SETTLE_MS = 1000;
const SHIFT_MS_MAX = 2;

const ATTACKS = {
  'channel-states': 'pointer on data channels',
  'channel-keys': 'keys on data channels',
  'socket-states': 'pointer on a WebSocket',
  'socket-keys': 'keys on a WebSocket',
};

async function attack(host: HostProcess, kind: string): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, '../e2e/stranger.ts'), [kind, host.url]);
  await once(child, 'message');
  return child;
}

/** Latencies, and the processor time of the host as a share of one core. */
interface Measured {
  latencies: number[];
  cpuPercent: number[];
}

async function measure(host: HostProcess, players: readonly MeasuredPlayer[], into: Measured): Promise<void> {
  await sleep(SETTLE_MS);
  const { cpuMs } = await host.status();
  const begun = performance.now();
  for (const player of players) player.take();
  await sleep((SECONDS / TURNS) * 1000);
  into.latencies.push(...players.flatMap((player) => player.take()));
  into.cpuPercent.push((100 * ((await host.status()).cpuMs - cpuMs)) / (performance.now() - begun));
}

async function run(bench: Bench, kind: string, name: string): Promise<void> {
  const host = await startHostProcess(['build/latency.wasm'], { MAX_PLAYERS: '4' });
  const players = Array.from({ length: PLAYERS }, () => new MeasuredPlayer());
  try {
    for (const player of players) await player.join(host.url, QUERY);
    const calm: Measured = { latencies: [], cpuPercent: [] };
    const attacked: Measured = { latencies: [], cpuPercent: [] };
    let sent = 0;
    for (let turn = 0; turn < TURNS; turn++) {
      await measure(host, players, calm);
      const child = await attack(host, kind);
      let count = 0;
      child.on('message', (found) => (count = Number(found)));
      await measure(host, players, attacked);
      sent += count;
      child.disconnect();
      await once(child, 'exit');
    }
    const metrics = await (await fetch(new URL('metrics', host.operatorUrl))).text();
    const ended = /^nearlight_pages_dismissed_total\{code="NL_INPUT_RATE"\} (\d+)$/m.exec(metrics)?.[1] ?? '0';
    bench.note(`${name}: ${sent} messages sent, the connection ended ${ended} times`);
    for (const [when, { latencies, cpuPercent }] of Object.entries({ before: calm, during: attacked })) {
      bench.figure(`${name}: latency ${when}`, 'ms', latencies);
      bench.figure(`${name}: processor time of the host ${when}`, '% of a core', cpuPercent);
    }
    const p99 = ({ latencies }: Measured) => {
      const sorted = latencies.toSorted((one, other) => one - other);
      return percentile(sorted, 99);
    };
    const value = p99(attacked) - p99(calm);
    bench.goal(`${name}: P99 of the others`, { direction: 'at most', limit: SHIFT_MS_MAX, value, unit: 'ms more' });
  } finally {
    for (const player of players) player.close();
    await host.stop();
  }
}

await benchmark('traffic', async (bench) => {
  for (const [kind, name] of Object.entries(ATTACKS)) await run(bench, kind, name);
  // The peers' library keeps threads running.
  setTimeout(() => process.exit(), 1000).unref();
});
