// Checks that the same seed and input give identical commands on WasmEdge's compiled code, its interpreter and V8.
import { type ChildProcess, fork } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../../host/base/config.ts';
import type { Engine } from '../../host/engine/engine.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { buildModules } from '../../host/play/modules.ts';
import { digest } from '../../host/session/format.ts';
import { SessionHash } from '../../host/session/hash.ts';
import { replay } from '../../host/session/replay.ts';
import { cacheDir, compile } from '../session/compile.ts';
import { numbers } from '../session/numbers.ts';
import { script } from '../session/script.ts';
import { type Bench, benchmark } from './harness.ts';
import { numberFrom } from './switches.ts';

const SEEDS = numberFrom('DETERMINISM_SEEDS', 1000, 1);
const SECONDS = 10;
const TICK_RATE = 120;
const SEATS = 4;
const PROCESSES = 2;
/**
 * Number of seeds of the arena for the interpreter, which takes 10 s for each of its sessions, so that all seeds would take
 * hours.
 */
const SLOW_SEEDS = Math.ceil(SEEDS / 10);

type EngineName = Engine['name'];

interface Job {
  game: string;
  engine: EngineName;
  seed: number;
}

interface Outcome extends Job {
  hash: string;
  ms: number;
  calls: number;
  bytes: number;
}

const COMPARED: readonly { game: string; seeds: Record<EngineName, number> }[] = [
  { game: 'numbers', seeds: { wasmedge: SEEDS, javascript: SEEDS, 'wasmedge-interpreter': SEEDS } },
  { game: 'triangle', seeds: { wasmedge: SEEDS, javascript: SEEDS, 'wasmedge-interpreter': SEEDS } },
  { game: 'arena', seeds: { wasmedge: SEEDS, javascript: SEEDS, 'wasmedge-interpreter': SLOW_SEEDS } },
];

const engines: Record<EngineName, Engine> = {
  wasmedge: createWasmEdgeEngine({ cacheDir, cacheBytesMax: 2 ** 30 }),
  'wasmedge-interpreter': createWasmEdgeEngine({ cacheDir, cacheBytesMax: 2 ** 30, interpreter: true }),
  javascript: createJavaScriptEngine(),
};
const limits = readConfig({ CALL_MS_MAX: '60000', INIT_MS_MAX: '60000' });
const assets = new Uint8Array();

const build = join(import.meta.dirname, '../../build');

function modulePath(game: string): string {
  return join(build, `bench/${game}.wasm`);
}

/** Copies the compiled games, so that a build during the benchmark changes nothing. */
async function prepare(): Promise<void> {
  const [built] = await Promise.all([buildModules(['arena', 'triangle']), compile('numbers', numbers)]);
  for (const { name, path } of built) copyFileSync(path, modulePath(name));
}

/** Plays one scripted session of a game on one engine, and hashes the commands that the game submits. */
async function play({ game, engine, seed }: Job): Promise<Outcome> {
  const begun = performance.now();
  const module = new Uint8Array(readFileSync(modulePath(game)));
  const header = {
    name: game,
    module: await digest(module),
    assets: await digest(assets),
    seed,
    tickRate: TICK_RATE,
    seats: SEATS,
  };
  const hash = new SessionHash();
  let [calls, bytes] = [0, 0];
  await replay(
    { header, calls: [...script({ seed, ticks: SECONDS * TICK_RATE, seats: SEATS })], complete: true },
    {
      engine: engines[engine],
      module,
      assets,
      limits,
      log: () => {},
      onSubmission(submission) {
        hash.add(submission);
        calls++;
        bytes += submission.commands.byteLength + submission.data.byteLength;
      },
    },
  );
  return { game, engine, seed, hash: hash.digest(), ms: performance.now() - begun, calls, bytes };
}

/** Plays sessions in a few processes, each one session at a time. After SIGINT it starts no more sessions. */
async function playAll(jobs: readonly Job[], note: (line: string) => void): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  process.once('SIGINT', () => {
    note(`stopped: only ${outcomes.length} of ${jobs.length} sessions are compared`);
    next = jobs.length;
  });
  const work = (child: ChildProcess) =>
    new Promise<void>((resolve, reject) => {
      const give = () => {
        const job = jobs[next++];
        if (job) child.send(job);
        else child.disconnect();
      };
      child.on('message', (message: Outcome | { error: string }) => {
        if ('error' in message) return reject(new Error(message.error));
        outcomes.push(message);
        if (outcomes.length % 500 === 0) note(`${outcomes.length} of ${jobs.length} sessions`);
        give();
      });
      child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a process ended with ${code}`))));
      give();
    });
  await Promise.all(Array.from({ length: PROCESSES }, () => work(fork(import.meta.filename))));
  return outcomes;
}

async function main(bench: Bench): Promise<void> {
  await prepare();
  const jobs = COMPARED.flatMap(({ game, seeds }) =>
    Object.entries(seeds).flatMap(([engine, count]) =>
      Array.from({ length: count }, (_, seed): Job => ({ game, engine: engine as EngineName, seed: seed + 1 })),
    ),
  );
  const begun = performance.now();
  const outcomes = await playAll(inOrder(jobs), bench.note);
  for (const { game, seeds } of COMPARED) report(bench, game, seeds, outcomes);
  bench.value('sessions', 'sessions', outcomes.length);
  bench.value('bytes compared', 'MB', outcomes.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6);
  bench.value('time', 's', (performance.now() - begun) / 1000);
}

/** Sorts sessions by seed, so that a run that is stopped has played each seed on all engines. Slow sessions come last. */
function inOrder(jobs: readonly Job[]): Job[] {
  const slow = ({ game, engine }: Job) => Number(game === 'arena' && engine === 'wasmedge-interpreter');
  return jobs.toSorted((a, b) => slow(a) - slow(b) || a.seed - b.seed);
}

function report(bench: Bench, game: string, seeds: Record<EngineName, number>, all: readonly Outcome[]): void {
  const outcomes = all.filter((outcome) => outcome.game === game);
  const hashes = Map.groupBy(outcomes, ({ seed }) => seed);
  const different = [...hashes].filter(([, same]) => new Set(same.map(({ hash }) => hash)).size > 1);
  for (const [seed, same] of different)
    bench.note(`${game}, seed ${seed}: ${same.map(({ engine, hash }) => `${engine} ${hash.slice(0, 12)}`).join(', ')}`);
  for (const engine of Object.keys(seeds) as EngineName[]) {
    const own = outcomes.filter((outcome) => outcome.engine === engine);
    if (own.length === 0) continue;
    bench.figure(
      `${game}: ${SECONDS} s on ${engine}`,
      'ms',
      own.map(({ ms }) => ms),
    );
  }
  const engineCounts = [...hashes.values()].map((same) => same.length);
  bench.value(`${game}: seeds on all three engines`, 'seeds', engineCounts.filter((count) => count === 3).length);
  bench.value(`${game}: seeds on two`, 'seeds', engineCounts.filter((count) => count === 2).length);
  bench.value(`${game}: different hashes`, 'seeds', new Set(outcomes.map(({ hash }) => hash)).size);
  bench.goal(`${game}: seeds that differ between engines`, {
    direction: 'at most',
    limit: 0,
    value: different.length,
    unit: 'seeds',
  });
}

if (process.send) {
  // The terminal sends SIGINT to all processes; only the parent handles it.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit());
  const reply = (message: Outcome | { error: string }) => process.send?.(message);
  process.on('message', (job: Job) => {
    play(job).then(reply, (error: Error) =>
      reply({ error: `${job.game}, seed ${job.seed}, ${job.engine}: ${error.message}` }),
    );
  });
} else {
  await benchmark('determinism', main);
  process.exit();
}
