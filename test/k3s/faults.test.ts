import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildModules } from '../../host/play/modules.ts';
import { good } from '../engine/modules.ts';
import { Peer, until } from '../stream/peer.ts';
import { expectNothingLeft, poll, type Rig, SANDBOX_IMAGE, startRig } from './containerd.ts';
import { exited, ready, startContainer, startGame } from './game.ts';
import { importGame } from './image.ts';

const POOL_SIZE = 2;
const PODS = 5;
const CONTAINERS_PER_POD = 10;

let rig: Rig;
let latency: string;

beforeAll(async () => {
  await buildModules(['latency']);
  rig = await startRig({ poolSize: POOL_SIZE });
  latency = await importGame(rig, 'latency', readFileSync(join(import.meta.dirname, '../../build/latency.wasm')));
  await rig.ctr('-n', 'k8s.io', 'images', 'tag', latency, SANDBOX_IMAGE);
});

afterAll(() => rig?.close());

const poolIsFull = () => poll(() => rig.warm().length === POOL_SIZE, 'the pool of waiting hosts is not refilled');

/** Imports a game that no node has compiled before. */
const importNewGame = (name: string) =>
  importGame(rig, name, good({ fields: `(data (i32.const 8192) "${name} ${process.pid} ${Date.now()}")` }));

const keeperLog = () => readFileSync(join(rig.runDir, 'log/keeper.log'), 'utf8');
const entries = () => readdirSync(rig.cacheDir).filter((name) => name.endsWith('.native'));

it('a damaged entry of the compile cache never runs, and is replaced', async () => {
  const before = entries();
  const image = await importNewGame('damaged');
  const first = await startGame(rig, image);
  await ready(rig, first.container);
  await rig.cri.removePod(first.pod);
  const name = await poll(() => entries().find((entry) => !before.includes(entry)) ?? false, 'nothing is stored');
  const path = join(rig.cacheDir, name);
  const whole = readFileSync(path);
  const damaged = Buffer.from(whole);
  damaged.writeUInt8(damaged.readUInt8(damaged.length - 1) ^ 1, damaged.length - 1);
  writeFileSync(path, damaged);

  const second = await startGame(rig, image);
  await ready(rig, second.container);
  expect(keeperLog()).toMatch(/damaged, or was not made with this cache's key: compiling the module again/);
  // Compiling a module again gives the same code.
  await poll(() => readFileSync(path).equals(whole), 'the damaged entry stays');
  await rig.cri.removePod(second.pod);
});

it("a game runs although the disk of the compile cache is full, and the node's keeper process logs that", async () => {
  const image = await importNewGame('full');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k,mode=700', 'full', rig.cacheDir]);
  try {
    const { pod, container } = await startGame(rig, image);
    await ready(rig, container);
    expect(entries()).toEqual([]);
    await rig.cri.removePod(pod);
    await poll(() => keeperLog().includes('cannot be stored'), 'the keeper logs nothing');
  } finally {
    execFileSync('umount', ['-l', rig.cacheDir]);
  }
});

it('players stay connected while their game runs out of memory, ends and is replaced', async () => {
  const memory = '(memory (export "memory") 1)';
  // The game takes 1 MiB in each tick, so that no call takes long while the kernel looks for memory.
  const grow = '(memory.fill (i32.shl (memory.grow (i32.const 16)) (i32.const 16)) (i32.const 1) (i32.const 1048576))';
  const hungry = await importGame(
    rig,
    'hungry',
    good({
      memory,
      // The game uses more and more memory from one second after a player has joined.
      fields: '(global $ticks (mut i32) (i32.const 0))',
      join: '(global.set $ticks (i32.const 1))',
      tick: `
        (if (global.get $ticks) (then (global.set $ticks (i32.add (global.get $ticks) (i32.const 1)))))
        (if (i32.ge_u (global.get $ticks) (i32.const 120)) (then ${grow}))`,
    }),
  );
  const { pod, container, port, url } = await startGame(rig, hungry, { memoryBytes: 64 * 2 ** 20 });
  await ready(rig, container);
  const peer = new Peer();
  await peer.join(url, { query: '?size=320x180&fps=30' });
  expect(await exited(rig, container)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  expect(await rig.cri.podState(pod)).toBe('SANDBOX_READY');
  await until(() => peer.notices.at(-1)?.kind === 'paused', 'the notice "paused"');
  await rig.cri.remove(container);
  const { pictures } = peer;
  await startContainer(rig, { pod, image: latency, port, attempt: 1 });
  await until(() => peer.notices.at(-1)?.kind === 'joined', 'the notice "joined"');
  await until(() => peer.pictures > pictures + 10, 'pictures of the next container');
  expect(peer.peerState).toBe('connected');
  peer.close();
  await rig.cri.removePod(pod);
});

it(`${PODS * CONTAINERS_PER_POD} containers in ${PODS} pods leave no process, mount, socket, cgroup or file`, async () => {
  await poolIsFull();
  const before = rig.inventory();
  const descriptors = readdirSync(`/proc/${rig.keeperPid()}/fd`).length;
  for (let round = 0; round < PODS; round++) {
    const { pod, port, ...first } = await startGame(rig, latency);
    let { container } = first;
    for (let attempt = 1; attempt < CONTAINERS_PER_POD; attempt++) {
      await rig.cri.stop(container);
      await rig.cri.remove(container);
      container = await startContainer(rig, { pod, image: latency, port, attempt });
    }
    await rig.cri.removePod(pod);
  }
  await poolIsFull();
  await expectNothingLeft(rig, before);
  // The keeper has a few more while the pool prepares a host, but not one for each pod.
  const now = () => readdirSync(`/proc/${rig.keeperPid()}/fd`).length;
  await poll(() => now() < descriptors + PODS, 'the keeper has descriptors left');
});
