import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildModules } from '../../host/play/modules.ts';
import { good } from '../engine/modules.ts';
import { Peer, until } from '../stream/peer.ts';
import { expectNothingLeft, poll, type Rig, SANDBOX_IMAGE, startRig } from './containerd.ts';
import { exited, ready, startContainer, startGame } from './game.ts';
import { importGame } from './image.ts';

const POOL = 2;
const PODS = 5;
const CONTAINERS_PER_POD = 10;
/** An entry of the compile cache: a name, the SHA-256 of the code, the code. */
const HASH_BYTES = 32;

let rig: Rig;
let latency: string;

beforeAll(async () => {
  await buildModules(['latency']);
  rig = await startRig({ poolSize: POOL });
  latency = await importGame(rig, 'latency', readFileSync(join(import.meta.dirname, '../../build/latency.wasm')));
  await rig.ctr('-n', 'k8s.io', 'images', 'tag', latency, SANDBOX_IMAGE);
});

afterAll(() => rig?.close());

const pool = () => poll(() => rig.warm().length === POOL, 'the pool is not refilled', 30_000);

/** A game that nothing on this node has compiled before. */
const fresh = (name: string) =>
  importGame(rig, name, good({ fields: `(data (i32.const 8192) "${name} ${process.pid} ${Date.now()}")` }));

const entries = () => readdirSync(rig.cacheDir).filter((name) => name.endsWith('.native'));

it('an object of the cache that is damaged is compiled again, and never run', async () => {
  const before = entries();
  const image = await fresh('damaged');
  const first = await startGame(rig, image);
  await ready(rig, first.container);
  await rig.cri.removePod(first.pod);
  const name = await poll(() => entries().find((entry) => !before.includes(entry)) ?? false, 'nothing is kept');
  const path = join(rig.cacheDir, name);
  const whole = readFileSync(path);
  const damaged = Buffer.from(whole);
  damaged[damaged.length - 1] ^= 1;
  writeFileSync(path, damaged);

  const second = await startGame(rig, image);
  await ready(rig, second.container);
  expect(rig.cri.log(second.pod, 'game').join('\n')).toMatch(/damaged: compiling again/);
  const again = await poll(() => {
    const entry = readFileSync(path);
    return !entry.equals(damaged) && entry;
  }, 'the damaged object stays');
  const header = whole.length - whole.subarray(whole.indexOf(hashOf(whole))).length;
  expect(again.subarray(header, header + HASH_BYTES)).toEqual(hashOf(again));
  await rig.cri.removePod(second.pod);

  /** The hash where the code begins that it is of. */
  function hashOf(entry: Buffer): Buffer {
    for (let at = 0; at < 64; at++) {
      const hash = createHash('sha256')
        .update(entry.subarray(at + HASH_BYTES))
        .digest();
      if (hash.equals(entry.subarray(at, at + HASH_BYTES))) return hash;
    }
    throw new Error('no hash of its code in the entry');
  }
});

it('a full disk under the cache: the game is compiled and runs, and the keeper says that nothing is kept', async () => {
  const image = await fresh('full');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k,mode=700', 'full', rig.cacheDir]);
  try {
    const { pod, container } = await startGame(rig, image);
    await ready(rig, container);
    expect(entries()).toEqual([]);
    await rig.cri.removePod(pod);
    const keeperLog = () => readFileSync(join(rig.runDir, 'log/keeper.log'), 'utf8');
    await poll(() => keeperLog().includes('cannot be kept'), 'the keeper says nothing');
  } finally {
    execFileSync('umount', ['-l', rig.cacheDir]);
  }
});

it('players stay connected while their game, out of memory, is ended and comes back', async () => {
  const memory = '(memory (export "memory") 1)';
  const grow =
    '(drop (memory.grow (i32.const 2047))) (memory.fill (i32.const 65536) (i32.const 1) (i32.const 134086656))';
  const hungry = await importGame(
    rig,
    'hungry',
    good({ memory, tick: `(if (i32.eq (local.get 0) (i32.const 600)) (then ${grow}))` }),
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

it(`${PODS * CONTAINERS_PER_POD} containers made and removed in ${PODS} pods leave no process, mount, socket, cgroup or file`, async () => {
  await pool();
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
  await pool();
  await expectNothingLeft(rig, before);
  await poll(
    () => readdirSync(`/proc/${rig.keeperPid()}/fd`).length <= descriptors,
    'descriptors of the keeper are left',
  );
});
