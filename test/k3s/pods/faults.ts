import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { good } from '../../engine/modules.ts';
import { Peer, until } from '../../stream/peer.ts';
import { poll } from '../containerd.ts';
import { exited, ready, startContainer, startGame } from '../game.ts';
import { importGame } from '../image.ts';
import { latency, rig } from './rig.ts';

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
    'hungry-later',
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
