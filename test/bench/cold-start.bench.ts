// Start of a pod on containerd: warm pool, empty pool, and the same host as an ordinary container under runc.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildModules } from '../../host/build.ts';
import { good } from '../engine/modules.ts';
import { poll, type Rig, startRig } from '../k3s/containerd.ts';
import { importGame, importProgram, SANDBOX_IMAGE } from '../k3s/image.ts';
import { Peer, sleep } from '../stream/peer.ts';
import { type Bench, benchmark } from './harness.ts';

const STARTS = 50;
/** Ordinary starts cost a second each. */
const ORDINARY_STARTS = 50;
const PORT = 18_080;
const root = join(import.meta.dirname, '../..');
const now = () => performance.timeOrigin + performance.now();

interface ColdStart {
  /** Milliseconds since 1970. */
  createdAt: number;
  loadedMs: number;
  firstTickMs: number;
  readyMs: number;
  firstFrameMs: number;
}

async function pods(bench: Bench, rig: Rig, kind: string, image: string): Promise<{ tick: number; client: number }> {
  const samples = new Map<string, number[]>();
  const add = (name: string, value: number) => samples.set(name, [...(samples.get(name) ?? []), value]);
  const warm = rig.warm().length;
  for (let start = 0; start <= STARTS; start++) {
    await poll(() => rig.warm().length >= warm, 'the pool is not refilled');
    await sleep(warm > 0 ? 400 : 100);
    const asked = now();
    const pod = await rig.cri.runPod({ name: `${kind.replaceAll(' ', '-')}-${start}` });
    const ran = now();
    const container = await rig.cri.create(pod, { name: 'game', image, env: { PORT: String(PORT) } });
    await rig.cri.start(container);
    const started = now();
    const peer = new Peer();
    await poll(() => peer.join(`http://127.0.0.1:${PORT}/`, { query: '?size=640x360&fps=60' }), 'no seat', 5000);
    const { coldStart } = await poll(async () => {
      const status = JSON.parse((await rig.cri.exec(container, 'status')).stdout.toString()) as {
        coldStart: ColdStart;
      };
      return status.coldStart.firstFrameMs !== undefined && status;
    }, 'no picture');
    peer.close();
    await rig.cri.removePod(pod);
    // The first one compiles, and finds everything cold.
    if (start === 0) continue;
    const tickAt = coldStart.createdAt + coldStart.firstTickMs;
    add('Create received to loaded', coldStart.loadedMs);
    add('Create received to first tick', coldStart.firstTickMs);
    add('Create received to ready for players', coldStart.readyMs);
    add('Create received to first encoded frame at a player', coldStart.firstFrameMs);
    add('RunPodSandbox', ran - asked);
    add('CreateContainer + StartContainer', started - ran);
    add("client's Create to first tick", tickAt - ran);
    add('RunPodSandbox to first tick', tickAt - asked);
  }
  const figures = [...samples].map(([name, values]) => bench.figure(`${kind}: ${name}`, 'ms', values));
  const of = (name: string) => figures.find((figure) => figure.name === `${kind}: ${name}`)!;
  return { tick: of('Create received to first tick').p99, client: of("client's Create to first tick").p50 };
}

/** The host on the machine's own files, as an overlay, from the call of `ctr run` to the line that it listens. */
async function ordinary(bench: Bench, rig: Rig): Promise<number> {
  const [upper, work, files] = ['upper', 'work', 'rootfs'].map((name) => join(rig.folder, name));
  for (const folder of [upper, work, files]) mkdirSync(folder);
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=/,upperdir=${upper},workdir=${work}`, files]);
  const samples: number[] = [];
  for (let start = 0; start <= ORDINARY_STARTS; start++) {
    const id = `ordinary${start}`;
    const [program, args] = rig.ctrCommand(
      'run',
      '--rm',
      '--net-host',
      '--rootfs',
      '--cwd',
      root,
      '--env',
      'PORT=0',
      '--env',
      `PATH=${process.env.PATH}`,
      '--env',
      'HOME=/root',
      files,
      id,
      join(root, 'node_modules/.bin/node'),
      'host/main.ts',
      'build/arena.wasm',
    );
    const begun = now();
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const listening = new Promise<number>((resolve, reject) => {
      child.stdout.on('data', (chunk) => {
        output += chunk;
        if (output.includes('Play at')) resolve(now() - begun);
      });
      child.stderr.on('data', (chunk) => {
        output += chunk;
      });
      child.on('exit', () => reject(new Error(output)));
    });
    const took = await listening;
    if (start > 0) samples.push(took);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await rig.ctr('task', 'kill', '-s', 'SIGKILL', id);
    await ended;
    await sleep(100);
  }
  execFileSync('umount', [files]);
  return bench.figure('ordinary container: ctr run to the line that it listens', 'ms', samples).p50;
}

/** From the call of `ctr run --rm` to its end, in turns. */
async function whole(bench: Bench, rig: Rig): Promise<void> {
  const source = join(rig.folder, 'nothing.cc');
  writeFileSync(source, 'int main() {}\n');
  execFileSync('c++', ['-static', '-Os', '-s', source, '-o', join(rig.folder, 'nothing')]);
  const native = await importProgram(rig, 'nothing', readFileSync(join(rig.folder, 'nothing')));
  const game = await importGame(rig, 'brief', good({ tick: '(call $exit (i32.const 0))' }));
  const samples: Record<string, number[]> = { 'io.containerd.runc.v2': [], 'io.containerd.wasmedge.v1': [] };
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
        isGame ? game : native,
        `whole${start}`,
      );
      if (start > 0) values.push(now() - begun);
    }
  const [runc, wasmedge] = Object.entries(samples).map(([runtime, values]) =>
    bench.figure(`ctr run --rm, ${runtime}`, 'ms', values),
  );
  bench.goal("whole ctr run, a share of runc's with a static program", {
    direction: 'at most',
    limit: 1,
    value: wasmedge.p50 / runc.p50,
    unit: '',
  });
}

async function prepare(rig: Rig): Promise<string> {
  const image = await importGame(rig, 'arena', readFileSync(join(root, 'build/arena.wasm')));
  await rig.ctr('-n', 'k8s.io', 'images', 'tag', image, SANDBOX_IMAGE);
  return image;
}

await benchmark('cold-start', async (bench) => {
  await buildModules(['arena']);
  const warm = await startRig({ poolSize: 2 });
  let figures: { tick: number; client: number };
  let baseline: number;
  try {
    figures = await pods(bench, warm, 'warm pool', await prepare(warm));
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
    value: figures.tick,
    unit: 'ms',
  });
  const times = baseline / figures.client;
  bench.goal("client's Create to first tick, times faster than the ordinary container", {
    direction: 'at least',
    limit: 12,
    value: times,
    unit: '',
  });
});
