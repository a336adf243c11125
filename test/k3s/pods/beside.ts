import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { tar } from '../../../oci/tar.ts';
import { poll } from '../containerd.ts';
import { exited, ready } from '../game.ts';
import { importGame, importLayers } from '../image.ts';
import { LOGGER } from './asset-logger.ts';
import { latency, rig } from './rig.ts';

/** Folders of the node from which a container without files of its own gets a shell. */
const SYSTEM = ['/usr', '/bin', '/lib', '/lib64'];

/** An image with no file. */
let empty: string;
/** A game that logs the content of an asset. */
let logger: string;

beforeAll(async () => {
  empty = await importLayers(rig, 'empty', { layers: [tar([])], entrypoint: '/bin/sh' });
  logger = await importGame(rig, 'logger', LOGGER);
});

/** Makes a volume where the kubelet keeps those of a pod; returns its path. */
function volumeOf(pod: string, kind: string, name: string): string {
  const path = join(rig.folder, 'kubelet/pods', pod, 'volumes', `kubernetes.io~${kind}`, name);
  mkdirSync(path, { recursive: true });
  return path;
}

function shell(name: string, script: string, mounts: { containerPath: string; hostPath: string }[] = []) {
  return { name, image: empty, command: ['/bin/sh', '-c', script], mounts: [...SYSTEM, ...mounts] };
}

it('ordinary containers run in the pod of a game, share its network and its volumes, and do not outlive it', async () => {
  const name = 'beside';
  const volume = volumeOf(name, 'empty-dir', 'data');
  const pod = await rig.cri.runPod({ name, hostNetwork: false });
  const init = await rig.cri.create(
    pod,
    shell('init', 'echo -n "from init" > /data/proof; echo done', [{ containerPath: '/data', hostPath: volume }]),
  );
  await rig.cri.start(init);
  expect(await exited(rig, init)).toMatchObject({ exitCode: 0, reason: 'Completed' });
  const game = await rig.cri.create(pod, {
    name: 'game',
    image: logger,
    mounts: [{ containerPath: '/assets', hostPath: volume }],
  });
  const sidecar = await rig.cri.create(pod, shell('sidecar', 'hostname; cat /proc/net/tcp6; echo end; exec sleep 600'));
  await rig.cri.start(game);
  await ready(rig, game);
  await rig.cri.start(sidecar);
  await poll(() => rig.cri.log(pod, 'game').join().includes('from init'), 'the game does not see the volume');
  const said = await poll(() => {
    const lines = rig.cri.log(pod, 'sidecar');
    return lines.at(-1) === 'end' && lines;
  }, 'the sidecar says nothing');
  expect(said[0]).toBe(name);
  // Port 9464, at which the host answers operators.
  expect(said.join('\n')).toMatch(/:24F8 /);
  const { stdout } = await rig.cri.exec(sidecar, '/bin/sh', '-c', 'echo inside');
  expect(stdout.toString()).toBe('inside\n');
  expect((await rig.cri.exec(game, 'players')).stdout.toString()).toBe('0\n');
  await rig.cri.removePod(pod);
});

it('a ConfigMap over an asset reaches the game, and a folder of the node does not', async () => {
  const name = 'configured';
  const volume = volumeOf(name, 'configmap', 'settings');
  writeFileSync(join(volume, 'proof'), 'from a ConfigMap');
  // For a subPath, the kubelet mounts the file over an empty one, when hosts that wait have their mounts already.
  const subPath = join(rig.folder, 'kubelet/pods', name, 'volume-subpaths/settings/game/0');
  mkdirSync(join(subPath, '..'), { recursive: true });
  writeFileSync(subPath, '');
  execFileSync('mount', ['--bind', join(volume, 'proof'), subPath]);
  const pod = await rig.cri.runPod({ name });
  const create = (attempt: number, hostPath: string, containerPath = '/assets/proof') =>
    rig.cri.create(pod, {
      name: 'game',
      image: logger,
      env: { PORT: '0', OPERATOR_PORT: '0' },
      mounts: [{ containerPath, hostPath }],
      attempt,
    });
  const game = await create(0, subPath);
  await rig.cri.start(game);
  await poll(() => rig.cri.log(pod, 'game').join().includes('from a ConfigMap'), 'the game does not see the ConfigMap');
  await rig.cri.stop(game);
  await rig.cri.remove(game);
  await expect(rig.cri.start(await create(1, '/etc/hostname'))).rejects.toThrow(
    /NL_POD.*the volume \/etc\/hostname is not one that the kubelet keeps for this pod/,
  );
  await expect(rig.cri.start(await create(2, volume, '/data'))).rejects.toThrow(
    /NL_POD.*volumeMounts: a game has no files, so the volume at \/data would have no effect/,
  );
  await rig.cri.removePod(pod);
  execFileSync('umount', [subPath]);
});

it('a game that gets arguments does not start, and says that it takes none', async () => {
  const pod = await rig.cri.runPod({ name: 'arguments' });
  const container = await rig.cri.create(pod, { name: 'game', image: latency, args: ['--map', 'night'] });
  await expect(rig.cri.start(container)).rejects.toThrow(/NL_POD.*args: a game takes no arguments/);
  await rig.cri.removePod(pod);
});
