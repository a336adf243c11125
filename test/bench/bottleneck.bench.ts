// A real bottleneck of the kernel (tbf, 5 Mbit/s with 200 ms of queue) beside the one of `path`, with the same pictures: do the figures agree?
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CHROMIUM, startBrowser } from '../e2e/host.ts';
import { Network } from '../net/network.ts';
import { type Bench, benchmark } from './harness.ts';
import type { Task } from './path/behind.ts';
import { delays, rateOf } from './path/figures.ts';
import { type Result, stream } from './path/stream.ts';
import { numberFrom } from './switches.ts';

const SECONDS = numberFrom('PATH_SECONDS', 60, 22);
const MBIT = 1_000_000;
const RATE = 5 * MBIT;
const QUEUE_MS = 200;
/** The first seconds show how a stream starts. */
const START_MS = 10_000;
const FREEZE_MS = 100;
const SCENE = { sender: 'nearlight', width: 640, height: 360 } as const;

/** Streams through a real path, which is narrow or not. */
async function overKernel(seconds: number, isNarrow: boolean): Promise<Result> {
  const network = Network.open();
  try {
    if (isNarrow) await network.limit(RATE, QUEUE_MS);
    const { program: browser, pidFile } = network.pageProgram(CHROMIUM);
    const task: Task = { ...SCENE, seconds, address: network.hostAddress, browser, pidFile };
    const script = join(import.meta.dirname, 'path/behind.ts');
    const [program = '', ...args] = [...network.onHost, process.execPath, script, JSON.stringify(task)];
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const ended = once(child, 'exit').then(() => undefined);
    const [result] = ((await Promise.race([once(child, 'message'), ended])) ?? []) as [Result?];
    if (!result) throw new Error('the sender has failed');
    await ended;
    return result;
  } finally {
    network.close();
  }
}

/** Streams through the tests' own proxy, which is narrow or not. */
async function overProxy(seconds: number, isNarrow: boolean): Promise<Result> {
  const browser = await startBrowser();
  const bitsPerSecond = () => (isNarrow ? RATE : Number.POSITIVE_INFINITY);
  const path = { bitsPerSecond, queueMs: QUEUE_MS, delayMs: 0, jitterMs: 0, loss: 0, seed: 1 };
  try {
    return await stream(browser, { ...SCENE, seconds, path });
  } finally {
    await browser.close();
  }
}

async function measure(bench: Bench, name: string, run: typeof overKernel): Promise<number[]> {
  const endMs = SECONDS * 1000;
  const idle = delays(await run(SECONDS / 2, false), START_MS, endMs / 2).sort((a, b) => a - b);
  const idleMs = idle[idle.length >> 1] ?? 0;
  const result = await run(SECONDS, true);
  const added = delays(result, START_MS, endMs).map((ms) => ms - idleMs);
  const { p50, p95 } = bench.figure(`${name}: delay added`, 'ms', added);
  const later = result.shown.filter(({ atMs }) => atMs > START_MS && atMs < endMs);
  const gaps = later.slice(1).map(({ atMs }, index) => atMs - (later[index]?.atMs ?? 0));
  const share = rateOf(result.delivered, START_MS, endMs) / RATE;
  bench.value(`${name}: without a limit, from taking a picture to showing it`, 'ms', idleMs);
  bench.value(`${name}: freezes of more than ${FREEZE_MS} ms`, '', gaps.filter((ms) => ms > FREEZE_MS).length);
  bench.value(`${name}: longest gap`, 'ms', Math.max(...gaps));
  bench.value(`${name}: share of the link`, '', share);
  bench.goal(`${name}: delay added P95`, { direction: 'at most', limit: 40, value: p95, unit: 'ms' });
  bench.goal(`${name}: share of the link`, { direction: 'at least', limit: 0.7, value: share, unit: '' });
  return [p50, p95, share];
}

await benchmark('bottleneck', async (bench) => {
  bench.machine({ seconds: SECONDS });
  await measure(bench, 'kernel', overKernel);
  await measure(bench, 'proxy', overProxy);
});
