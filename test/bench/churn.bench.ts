// Creates and removes two hundred pods one after another: the time of each, and whether anything remains.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildModules } from '../../host/play/modules.ts';
import { left, poll, SANDBOX_IMAGE, startRig } from '../k3s/containerd.ts';
import { ready, startGame } from '../k3s/game.ts';
import { importGame } from '../k3s/image.ts';
import { benchmark } from './harness.ts';

const ROUNDS = 200;
const POOL = 2;
const root = join(import.meta.dirname, '../..');

await benchmark('churn', async (bench) => {
  await buildModules(['latency']);
  const rig = await startRig({ poolSize: POOL });
  try {
    const image = await importGame(rig, 'latency', readFileSync(join(root, 'build/latency.wasm')));
    await rig.ctr('-n', 'k8s.io', 'images', 'tag', image, SANDBOX_IMAGE);
    const pool = () => poll(() => rig.warm().length === POOL, 'the pool is not refilled', 30_000);
    const round = async () => {
      const { pod, container } = await startGame(rig, image);
      await ready(rig, container);
      await rig.cri.removePod(pod);
    };
    const descriptors = () => readdirSync(`/proc/${rig.keeperPid()}/fd`).length;
    // The first round creates what remains by design: folders, the compiled game, and connections of containerd.
    await round();
    await pool();
    const before = rig.inventory();
    const open = descriptors();
    const rounds: number[] = [];
    for (let count = 0; count < ROUNDS; count++) {
      const begun = performance.now();
      await round();
      rounds.push(performance.now() - begun);
    }
    await pool();
    await poll(() => left(rig, before).length === 0, '').catch(() => {});
    bench.figure('from RunPodSandbox to its removal, without waiting for the pool', 'ms', rounds);
    for (const entry of left(rig, before)) bench.note(`  left: ${entry}`);
    bench.value("keeper's descriptors, growth", '1', descriptors() - open);
    bench.goal('processes, mounts, sockets, files and cgroups that remain', {
      direction: 'at most',
      limit: 0,
      value: left(rig, before).length,
      unit: '',
    });
  } finally {
    await rig.close();
  }
});
