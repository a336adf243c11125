// Time to start a pod on containerd: with a warm pool, an empty pool, and as an ordinary container under runc.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { runtimeFolder } from '../../host/base/installed.ts';
import { buildModules } from '../../host/play/modules.ts';
import { at } from '../at.ts';
import { good } from '../engine/modules.ts';
import { poll, type Rig, SANDBOX_NAME, startRig } from '../k3s/containerd.ts';
import { importGame, importProgram } from '../k3s/image.ts';
import { Peer, until } from '../stream/peer.ts';
import { sleep } from '../wait.ts';
import { type Bench, benchmark, type Figure } from './harness.ts';
import { numberFrom } from './switches.ts';

const STARTS = numberFrom('BENCH_STARTS', 50, 1);
const PORT = 18_080;
const root = join(import.meta.dirname, '../..');
const now = () => performance.timeOrigin + performance.now();

interface ColdStart {
  /** When the request to create the container arrived, in milliseconds since 1970. */
  createdAt: number;
  loadedMs: number;
  firstTickMs: number;
  readyMs: number;
  firstFrameMs: number;
}

/** Collects measurements in milliseconds under their names. */
class Samples {
  readonly #all = new Map<string, number[]>();

  add(name: string, value: number): void {
    this.#all.set(name, [...(this.#all.get(name) ?? []), value]);
  }

  /** Reports a figure for each measurement. Returns a function that finds a figure by name. */
  report(bench: Bench, kind: string): (name: string) => Figure {
    const figures = new Map(
      [...this.#all].map(([name, values]) => [name, bench.figure(`${kind}: ${name}`, 'ms', values)]),
    );
    return (name) => must(figures.get(name), `figure "${name}"`);
  }
}

async function pods(bench: Bench, rig: Rig, kind: string, image: string): Promise<(name: string) => Figure> {
  const samples = new Samples();
  const add = (name: string, value: number) => samples.add(name, value);
  const warm = rig.warm().length;
  for (let start = 0; start <= STARTS; start++) {
    await poll(() => rig.warm().length >= warm, 'the pool is not refilled');
    await sleep(warm > 0 ? 400 : 100);
    const asked = now();
    const pod = await rig.cri.runPod({ name: `${kind.replaceAll(' ', '-')}-${start}` });
    const ran = now();
    const container = await rig.cri.create(pod, {
      name: 'game',
      image,
      env: { PORT: String(PORT), OPERATOR_PORT: '0' },
    });
    await rig.cri.start(container);
    const started = now();
    const seen = await firstPicture();
    const { coldStart } = await poll(async () => {
      const status = JSON.parse((await rig.cri.exec(container, 'status')).stdout.toString()) as {
        coldStart: ColdStart;
      };
      return status.coldStart.firstFrameMs !== undefined && status;
    }, 'no picture');
    await rig.cri.removePod(pod);
    // The first start compiles the game and has cold caches, so it is left out.
    if (start === 0) continue;
    const tickAt = coldStart.createdAt + coldStart.firstTickMs;
    add('Create received to loaded', coldStart.loadedMs);
    add('Create received to first tick', coldStart.firstTickMs);
    add('Create received to ready for players', coldStart.readyMs);
    add('Create received to first encoded frame at a player', coldStart.firstFrameMs);
    add('RunPodSandbox', ran - asked);
    add('CreateContainer + StartContainer', started - ran);
    add("client's Create to first tick", tickAt - ran);
    add("client's Create to ready for players", coldStart.createdAt + coldStart.readyMs - ran);
    add("client's Create to first picture at a player", seen - ran);
    add('RunPodSandbox to first tick', tickAt - asked);
  }
  return samples.report(bench, kind);
}

/** Joins the game in the pod as soon as possible. Returns the time at which its first picture was complete. */
async function firstPicture(): Promise<number> {
  const peer = new Peer();
  await poll(() => peer.join(`http://127.0.0.1:${PORT}/`, { query: '?size=640x360&fps=60' }), 'no seat', 5000);
  await until(() => peer.pictures > 0, 'a picture');
  const seen = now();
  peer.close();
  return seen;
}

/** Measures the same host as an ordinary container. The CRI starts it under runc, with the machine's own programs. */
async function ordinary(bench: Bench, rig: Rig): Promise<number> {
  const cache = join(rig.folder, 'ordinary');
  mkdirSync(cache);
  const runtime = runtimeFolder();
  const image = await importProgram(rig, 'ordinary', new Uint8Array());
  const samples = new Samples();
  for (let start = 0; start <= STARTS; start++) {
    await sleep(400);
    const asked = now();
    const pod = await rig.cri.runPod({ name: `ordinary-${start}`, handler: 'runc' });
    const ran = now();
    const container = await rig.cri.create(pod, {
      name: 'game',
      image,
      command: [join(root, 'node_modules/.bin/node'), 'host/cli/main.ts', 'build/arena.wasm'],
      folder: root,
      env: {
        PORT: String(PORT),
        OPERATOR_PORT: '0',
        PATH: must(process.env.PATH, 'search path'),
        HOME: cache,
        CACHE_DIR: cache,
        NEARLIGHT_RUNTIME: runtime,
      },
      mounts: ['/usr', '/etc/alternatives', '/bin', '/lib', '/lib64', root, cache, runtime],
    });
    await rig.cri.start(container);
    const started = now();
    const log = rig.cri.logPath(pod, 'game');
    const listens = await poll(
      () => loggedAt(log, 'Play at'),
      () => `it does not listen:\n${readFileSync(log, 'utf8')}`,
    );
    const seen = await firstPicture();
    await rig.cri.removePod(pod);
    if (start === 0) continue;
    samples.add('RunPodSandbox', ran - asked);
    samples.add('CreateContainer + StartContainer', started - ran);
    samples.add("client's Create to ready for players", listens - ran);
    samples.add("client's Create to first picture at a player", seen - ran);
    samples.add('RunPodSandbox to ready for players', listens - asked);
  }
  return samples.report(bench, 'ordinary container')("client's Create to ready for players").p50;
}

/** Returns when containerd received a line of a container's log, in milliseconds since 1970; false if it has not yet. */
function loggedAt(path: string, text: string): number | false {
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .find((entry) => entry.includes(text));
  return line !== undefined && Date.parse(at(line.split(' '), 0));
}

/** Measures `ctr run --rm` from call to end, alternating between the runtimes. */
async function whole(bench: Bench, rig: Rig): Promise<void> {
  const native = await importProgram(rig, 'nothing', compile(rig, 'int main() {}\n'));
  const game = await importGame(rig, 'brief', good({ tick: '(call $exit (i32.const 0))' }));
  const samples = { 'io.containerd.runc.v2': [] as number[], 'io.containerd.wasmedge.v1': [] as number[] };
  const warm = rig.warm().length;
  for (let start = 0; start <= STARTS; start++)
    for (const [runtime, values] of Object.entries(samples)) {
      const isGame = runtime.includes('wasmedge');
      if (isGame) await poll(() => rig.warm().length >= warm, 'the pool is not refilled');
      await sleep(isGame ? 400 : 100);
      const begun = now();
      await rig.ctr(
        'run',
        '--rm',
        '--net-host',
        '--runtime',
        runtime,
        '--env',
        'PORT=0',
        '--env',
        'OPERATOR_PORT=0',
        '--env',
        'ADMISSION=open',
        isGame ? game : native,
        `whole${start}`,
      );
      if (start > 0) values.push(now() - begun);
    }
  const report = (runtime: keyof typeof samples) => bench.figure(`ctr run --rm, ${runtime}`, 'ms', samples[runtime]);
  const runc = report('io.containerd.runc.v2');
  const wasmedge = report('io.containerd.wasmedge.v1');
  bench.goal("whole ctr run, a share of runc's with a static program", {
    direction: 'at most',
    limit: 1,
    value: wasmedge.p50 / runc.p50,
    unit: '',
  });
}

/** Compiles a static C++ program. */
function compile(rig: Rig, text: string): Buffer {
  const source = join(rig.folder, 'program.cc');
  const program = join(rig.folder, 'program');
  writeFileSync(source, text);
  execFileSync('c++', ['-static', '-Os', '-s', source, '-o', program]);
  return readFileSync(program);
}

async function prepare(rig: Rig): Promise<string> {
  const image = await importGame(rig, 'arena', readFileSync(join(root, 'build/arena.wasm')));
  // The sandbox of a pod under runc runs a program. The sandbox of Nearlight needs an image too, but does not run it.
  await importProgram(rig, SANDBOX_NAME, compile(rig, '#include <unistd.h>\nint main() { pause(); }\n'));
  return image;
}

await benchmark('cold-start', async (bench) => {
  await buildModules(['arena']);
  const warm = await startRig({ poolSize: 2 });
  let game: (name: string) => Figure;
  let baseline: number;
  try {
    game = await pods(bench, warm, 'warm pool', await prepare(warm));
    await whole(bench, warm);
    baseline = await ordinary(bench, warm);
  } finally {
    await warm.close();
  }
  const empty = await startRig({ poolSize: 0 });
  try {
    await pods(bench, empty, 'empty pool', await prepare(empty));
  } finally {
    await empty.close();
  }
  bench.goal('Create received to first tick, P99', {
    direction: 'at most',
    limit: 10,
    value: game('Create received to first tick').p99,
    unit: 'ms',
  });
  for (const moment of ['first tick', 'ready for players'])
    bench.goal(`client's Create to ${moment}, times faster than the ordinary container is ready for players, P50`, {
      direction: 'at least',
      limit: 12,
      value: baseline / game(`client's Create to ${moment}`).p50,
      unit: '',
    });
});
