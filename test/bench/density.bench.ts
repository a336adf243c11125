// Starts twenty pods on one node: the time of each start, and the memory of each process.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildModules } from '../../host/play/modules.ts';
import { at } from '../at.ts';
import { poll, SANDBOX_IMAGE, startRig } from '../k3s/containerd.ts';
import { importGame } from '../k3s/image.ts';
import { hostOf } from '../pod/run-folder.ts';
import { Peer, until } from '../stream/peer.ts';
import { sleep } from '../wait.ts';
import { benchmark } from './harness.ts';
import { type Memory, memoryOf } from './processes.ts';

const PODS = 20;
const POOL = 2;
const PORT = 18_200;
const PSS_MIB_MAX = 150;
const root = join(import.meta.dirname, '../..');

function sum(a: Memory, b: Memory): Memory {
  return { rss: a.rss + b.rss, pss: a.pss + b.pss, private: a.private + b.private };
}

await benchmark('density', async (bench) => {
  await buildModules(['arena']);
  const rig = await startRig({ poolSize: POOL });
  try {
    const image = await importGame(rig, 'arena', readFileSync(join(root, 'build/arena.wasm')));
    await rig.ctr('-n', 'k8s.io', 'images', 'tag', image, SANDBOX_IMAGE);
    const starts: number[] = [];
    const pods: { host: number; guest: number; port: number }[] = [];
    const pidOf = async (call: string, request: object): Promise<number> => {
      const { info } = await rig.cri.call<{ info: { info: string } }>(call, { ...request, verbose: true });
      return JSON.parse(info.info).pid;
    };
    for (let number = 0; number < PODS; number++) {
      const port = PORT + number;
      const begun = performance.now();
      const podSandboxId = await rig.cri.runPod({ name: `density-${number}` });
      const containerId = await rig.cri.create(podSandboxId, {
        name: 'game',
        image,
        env: { PORT: String(port), OPERATOR_PORT: '0' },
      });
      await rig.cri.start(containerId);
      await poll(async () => (await rig.cri.exec(containerId, 'health')).exitCode === 0, 'not ready');
      starts.push(performance.now() - begun);
      const host = hostOf(await pidOf('podSandboxStatus', { podSandboxId }));
      const guest = await pidOf('containerStatus', { containerId });
      pods.push({ host, guest, port });
    }
    bench.figure('RunPodSandbox to ready, one after another as fast as they come', 'ms', starts);
    await poll(() => rig.warm().length === POOL, 'the pool is not refilled');
    await sleep(3000);
    const all = (pick: (memory: Memory) => number, who: 'host' | 'guest') =>
      pods.map((pod) => pick(memoryOf(pod[who])));
    for (const who of ['host', 'guest'] as const) {
      bench.figure(
        `${who}, without players: RSS`,
        'MiB',
        all(({ rss }) => rss, who),
      );
      bench.figure(
        `${who}, without players: PSS`,
        'MiB',
        all(({ pss }) => pss, who),
      );
      bench.figure(
        `${who}, without players: private`,
        'MiB',
        all((memory) => memory.private, who),
      );
    }
    const first = at(pods, 0);
    const player = new Peer();
    await player.join(`http://127.0.0.1:${first.port}/`, { query: '?size=640x360&fps=60' });
    await until(() => player.pictures > 300, 'pictures');
    const whole = sum(memoryOf(first.host), memoryOf(first.guest));
    bench.value('pod with one player at 640x360, host and guest: RSS', 'MiB', whole.rss);
    bench.value('pod with one player at 640x360, host and guest: PSS', 'MiB', whole.pss);
    bench.value('pod with one player at 640x360, host and guest: private', 'MiB', whole.private);
    const keeper = memoryOf(rig.keeperPid());
    bench.value('keeper: PSS', 'MiB', keeper.pss);
    const waiting = rig.warm().map((pid) => memoryOf(hostOf(pid)).pss);
    bench.figure('host in the pool: PSS', 'MiB', waiting);
    player.close();
    bench.goal('PSS of a pod with one player', {
      direction: 'at most',
      limit: PSS_MIB_MAX,
      value: whole.pss,
      unit: 'MiB',
    });
  } finally {
    await rig.close();
  }
});
