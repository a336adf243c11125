import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModules } from '../../host/play/modules.ts';
import { good } from '../engine/modules.ts';
import { Peer, until } from '../stream/peer.ts';
import { sleep } from '../wait.ts';
import { expectNothingLeft, poll, type Rig, SANDBOX_IMAGE, startRig } from './containerd.ts';
import { exited, ready, startGame } from './game.ts';
import { importGame, importProgram } from './image.ts';

const root = join(import.meta.dirname, '../..');
const file = (name: string) => readFileSync(join(root, `build/${name}.wasm`));
/** WAT of a tick that does something once, after so many ticks. */
const after = (ticks: number, what: string) => `(if (i32.eq (local.get 0) (i32.const ${ticks})) (then ${what}))`;

let rig: Rig;
const images: Record<string, string> = {};

beforeAll(async () => {
  await buildModules();
  rig = await startRig({ poolSize: 2 });
  const modules: Record<string, Uint8Array> = {
    arena: file('arena'),
    latency: file('latency'),
    over: good({ tick: after(30, '(call $exit (i32.const 0))') }),
    failed: good({ tick: after(30, '(call $exit (i32.const 42))') }),
    trap: good({ tick: after(30, '(unreachable)') }),
    early: good({ tick: after(0, '(unreachable)') }),
    // 128 MiB, a store to each page.
    hungry: good({
      memory: '(memory (export "memory") 1)',
      tick: after(
        60,
        `(drop (memory.grow (i32.const 2047))) (memory.fill (i32.const 65536) (i32.const 1) (i32.const 134086656))`,
      ),
    }),
  };
  for (const [name, module] of Object.entries(modules)) images[name] = await importGame(rig, name, module);
  images.elf = await importProgram(rig, 'elf', readFileSync('/bin/true').subarray(0, 4096));
  images.text = await importProgram(rig, 'text', Buffer.from('hello'));
  await rig.ctr('-n', 'k8s.io', 'images', 'tag', images.latency, SANDBOX_IMAGE);
});

afterAll(() => rig?.close());

async function statusOf(container: string) {
  return JSON.parse((await rig.cri.exec(container, 'status')).stdout.toString());
}

/** A container without a sandbox, on the node's network at a free port. */
function runDetached(image: string, id: string) {
  return rig.ctr('run', '-d', '--net-host', '--runtime', 'io.containerd.wasmedge.v1', '--env', 'PORT=0', image, id);
}

describe('ctr run', () => {
  it('runs a game, lets a signal end it, and leaves nothing behind', async () => {
    const before = rig.inventory();
    await runDetached(images.arena, 'one');
    expect((await rig.ctr('task', 'ls')).stdout).toMatch(/one\s+\d+\s+RUNNING/);
    await rig.ctr('task', 'kill', 'one');
    await poll(async () => (await rig.ctr('task', 'ls')).stdout.includes('STOPPED'), 'it does not stop');
    await rig.ctr('task', 'rm', 'one');
    await rig.ctr('container', 'rm', 'one');
    await poll(() => rig.warm().length === 2, 'the pool is not refilled');
    await expectNothingLeft(rig, before);
  });

  it.each([
    ['over', 0],
    ['failed', 42],
    ['trap', 20],
  ])('gives the status of a game that ends itself: %s, %i', async (name, status) => {
    const run = rig.ctr(
      'run',
      '--rm',
      '--net-host',
      '--runtime',
      'io.containerd.wasmedge.v1',
      '--env',
      'PORT=0',
      images[name],
      name,
    );
    const code = await run.then(
      () => 0,
      (error) => error.code,
    );
    expect(code).toBe(status);
  });

  it('has a network of its own without --net-host', async () => {
    await rig.ctr('run', '-d', '--runtime', 'io.containerd.wasmedge.v1', images.latency, 'alone');
    await poll(
      async () =>
        (await rig.ctr('task', 'exec', '--exec-id', `h${Math.random()}`, 'alone', 'health')).stdout === 'ready\n',
      'not ready',
    );
    await expect(fetch('http://127.0.0.1:8080/')).rejects.toThrow();
    await rig.ctr('task', 'rm', '-f', 'alone');
    await rig.ctr('container', 'rm', 'alone');
  });
});

describe('a pod', () => {
  it('plays, answers exec, reports, logs, and goes without a trace', async () => {
    await poll(() => rig.warm().length === 2, 'the pool is not refilled');
    const before = rig.inventory();
    const { pod, container, url } = await startGame(rig, images.arena, { env: { MAX_PLAYERS: '3', TICK_RATE: '60' } });
    await ready(rig, container);
    const peer = new Peer();
    expect(await peer.join(url, { query: '?size=320x180&fps=60' })).toMatchObject({ seats: 3, game: 'game' });
    await until(() => peer.pictures > 20, 'pictures');
    expect((await rig.cri.exec(container, 'players')).stdout.toString()).toBe('1\n');
    const status = await statusOf(container);
    expect(status.rooms[0]).toMatchObject({ players: 1, seats: 3 });
    for (const name of ['loadedMs', 'firstTickMs', 'readyMs', 'firstFrameMs'])
      expect(status.coldStart[name]).toBeGreaterThan(0);

    const { stdout } = await rig.cri.exec(container, 'snapshot', '160x90');
    expect(stdout.subarray(0, 8)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]));
    expect([stdout.readUInt32BE(16), stdout.readUInt32BE(20)]).toEqual([160, 90]);
    writeFileSync(join(root, 'build/pod.png'), (await rig.cri.exec(container, 'snapshot', '640x360')).stdout);
    expect((await rig.cri.exec(container, 'snapshot', '8x8')).exitCode).toBe(2);
    const shell = await rig.cri.exec(container, '/bin/sh', '-c', 'id');
    expect([shell.exitCode, shell.stderr.toString()]).toEqual([
      127,
      expect.stringContaining('there is: status, players'),
    ]);

    await poll(async () => {
      const { stats } = await rig.cri.call<{
        stats: { cpu: { usageCoreNanoSeconds: { value: number } }; memory: { usageBytes: { value: number } } };
      }>('containerStats', { containerId: container });
      return stats.cpu.usageCoreNanoSeconds.value > 0 && stats.memory.usageBytes.value > 0;
    }, 'no stats');
    const lines = rig.cri.log(pod, 'game').map((line) => JSON.parse(line));
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'info', message: expect.stringContaining('playing at port') }),
    );

    await rig.cri.stop(container);
    expect(await rig.cri.status(container)).toMatchObject({
      state: 'CONTAINER_EXITED',
      exitCode: 0,
      reason: 'Completed',
    });
    expect(await rig.cri.podState(pod)).toBe('SANDBOX_READY');
    await rig.cri.removePod(pod);
    expect((await peer.ended()).code).toBe('NL_SHUTDOWN');
    peer.close();
    await poll(() => rig.warm().length === 2, 'the pool is not refilled');
    await expectNothingLeft(rig, before);
  });

  it('is reached over a CNI bridge, and asks the name server of its pod', async () => {
    const pod = await rig.cri.runPod({ name: 'bridged', hostNetwork: false });
    const container = await rig.cri.create(pod, { name: 'game', image: images.latency });
    await rig.cri.start(container);
    await ready(rig, container);
    const address = await rig.cri.podAddress(pod);
    expect((await fetch(`http://${address}:8080/status`)).status).toBe(200);
    await expect(fetch('http://127.0.0.1:8080/status')).rejects.toThrow();
    // Its pictures come through the node's own port: nothing else of the node's network leads there.
    const peer = new Peer();
    await peer.join(`http://${address}:8080/`, {
      query: '?size=320x180&fps=30',
      edit: (sdp) => sdp.replace(/^a=candidate:.*\r\n/gm, (line) => (/ 31\d{3} typ/.test(line) ? line : '')),
    });
    await until(() => peer.pictures > 10, 'pictures');
    expect(peer.answer).toMatch(/127\.0\.0\.1 31\d{3} typ/);
    peer.close();
    const { info } = await rig.cri.call<{ info: { info: string } }>('podSandboxStatus', {
      podSandboxId: pod,
      verbose: true,
    });
    const { pid } = JSON.parse(info.info);
    expect(readFileSync(`/proc/${pid}/root/etc/resolv.conf`, 'utf8')).toContain('192.0.2.53');
    expect(readFileSync('/etc/resolv.conf', 'utf8')).not.toContain('192.0.2.53');
    await rig.cri.removePod(pod);
  });

  it.each([
    ['over', 0, 'Completed', ''],
    ['failed', 42, 'Error', ''],
    ['trap', 20, 'Error', 'NL_GUEST_TRAP'],
    ['early', 20, 'Error', 'NL_GUEST_TRAP'],
  ])('reports how a game ends: %s, %i', async (name, exitCode, reason, message) => {
    const { pod, container } = await startGame(rig, images[name]);
    expect(await exited(rig, container)).toMatchObject({ exitCode, reason });
    expect(await rig.cri.podState(pod)).toBe('SANDBOX_READY');
    if (message) expect(rig.cri.log(pod, 'game').join('\n')).toContain(message);
    await rig.cri.removePod(pod);
  });

  it.each([
    ['elf', {}, 'an ordinary program; this RuntimeClass runs games'],
    ['text', {}, '/program is no WebAssembly module'],
    ['latency', { TICK_RATE: 'fast' }, 'TICK_RATE=fast is not a whole number'],
    ['latency', { GPU_ENABLED: 'true' }, 'NL_NO_GPU'],
  ])('says why it does not start: %s %j', async (name, env: Record<string, string>, message) => {
    const pod = await rig.cri.runPod({ name: `refused-${name}-${Object.keys(env)}` });
    const container = await rig.cri.create(pod, { name: 'game', image: images[name], env: { PORT: '0', ...env } });
    const starting = rig.cri.start(container);
    // A machine with a GPU runs what asks for one.
    if (!('GPU_ENABLED' in env) || rig.software) await expect(starting).rejects.toThrow(message);
    await rig.cri.removePod(pod);
  });

  it('takes one game, and says so to a second', async () => {
    const { pod, container } = await startGame(rig, images.latency);
    const second = await rig.cri.create(pod, { name: 'second', image: images.latency });
    await expect(rig.cri.start(second)).rejects.toThrow('holds one game, and game runs in it');
    expect((await rig.cri.status(container)).state).toBe('CONTAINER_RUNNING');
    await rig.cri.removePod(pod);
  });

  it('keeps its sandbox when the game is out of memory, which is reported as that', async () => {
    const { pod, container } = await startGame(rig, images.hungry, { memoryBytes: 64 * 2 ** 20 });
    expect(await exited(rig, container)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
    expect(await rig.cri.podState(pod)).toBe('SANDBOX_READY');
    await rig.cri.removePod(pod);
  });

  it('keeps its players while its container is replaced by another image', async () => {
    const { pod, container, url } = await startGame(rig, images.arena);
    const port = new URL(url).port;
    await ready(rig, container);
    const peer = new Peer();
    await peer.join(url, { query: '?size=320x180&fps=60' });
    await until(() => peer.pictures > 5, 'pictures');
    await rig.cri.stop(container);
    await until(() => peer.notices.at(-1)?.kind === 'paused', 'the notice "paused"');
    await rig.cri.remove(container);
    const before = peer.pictures;
    const next = await rig.cri.create(pod, { name: 'game', image: images.latency, env: { PORT: port }, attempt: 1 });
    await rig.cri.start(next);
    await until(() => peer.notices.at(-1)?.kind === 'joined', 'the notice "joined"');
    await until(() => peer.pictures > before + 10, 'pictures of the next game');
    expect(peer.peerState).toBe('connected');
    await rig.cri.removePod(pod);
    peer.close();
  });
});

describe('faults', () => {
  it('containerd killed and started again: the pod goes on, is known, and can be stopped', async () => {
    const { pod, container, url } = await startGame(rig, images.arena);
    await ready(rig, container);
    const peer = new Peer();
    await peer.join(url, { query: '?size=320x180&fps=60' });
    await until(() => peer.pictures > 5, 'pictures');
    await rig.kill();
    const before = peer.pictures;
    await sleep(1000);
    expect(peer.pictures).toBeGreaterThan(before + 20);
    await rig.begin();
    expect((await rig.cri.status(container)).state).toBe('CONTAINER_RUNNING');
    expect(await rig.cri.podState(pod)).toBe('SANDBOX_READY');
    expect((await rig.cri.exec(container, 'players')).stdout.toString()).toBe('1\n');
    await rig.cri.stop(container);
    expect((await rig.cri.status(container)).exitCode).toBe(0);
    await rig.cri.removePod(pod);
    peer.close();
  });

  it('a host killed in one of three pods: the others drop nothing, its end is reported, another takes its place', async () => {
    const games = [
      await startGame(rig, images.latency),
      await startGame(rig, images.latency),
      await startGame(rig, images.latency),
    ];
    const peers: Peer[] = [];
    for (const { container, url } of games.slice(1)) {
      await ready(rig, container);
      const peer = new Peer();
      peers.push(peer);
      await peer.join(url, { query: '?size=320x180&fps=30' });
    }
    for (const peer of peers) await until(() => peer.pictures > 10, 'pictures');
    const sent = async () => {
      const all = await Promise.all(games.slice(1).map(({ container }) => statusOf(container)));
      return all.map((status) => status.rooms[0].views[0].dropped as number);
    };
    const dropped = await sent();
    const { info } = await rig.cri.call<{ info: { info: string } }>('podSandboxStatus', {
      podSandboxId: games[0].pod,
      verbose: true,
    });
    const begun = Date.now();
    process.kill(JSON.parse(info.info).pid, 'SIGKILL');
    await exited(rig, games[0].container);
    await poll(async () => (await rig.cri.podState(games[0].pod)) === 'SANDBOX_NOTREADY', 'the sandbox is still ready');
    await rig.cri.removePod(games[0].pod);
    const next = await startGame(rig, images.latency);
    await ready(rig, next.container);
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect(await sent()).toEqual(dropped);
    for (const { pod } of [...games.slice(1), next]) await rig.cri.removePod(pod);
    for (const peer of peers) peer.close();
  });

  it('the keeper killed: the next pod starts, and the pool is filled again', async () => {
    await poll(() => rig.warm().length === 2, 'the pool is not refilled');
    const keeper = rig.keeperPid();
    process.kill(keeper, 'SIGKILL');
    const { pod } = await startGame(rig, images.latency);
    await poll(() => rig.keeperPid() !== keeper && rig.warm().length === 2, 'no keeper took over');
    await rig.cri.removePod(pod);
  });

  it('more pods at once than hosts wait: all start', async () => {
    const games = await Promise.all(Array.from({ length: 5 }, () => startGame(rig, images.latency)));
    for (const { container, pod } of games) {
      await ready(rig, container);
      await rig.cri.removePod(pod);
    }
  });

  it('a kill while a game is compiled ends it', async () => {
    const fresh = await importGame(
      rig,
      `fresh${Date.now()}`,
      good({ fields: `(global i32 (i32.const ${Date.now() | 0}))` }),
    );
    const creating = runDetached(fresh, 'hasty');
    await sleep(30);
    await rig.ctr('task', 'kill', '-s', 'SIGKILL', 'hasty').catch(() => {});
    await creating.catch(() => {});
    await rig.ctr('task', 'rm', '-f', 'hasty').catch(() => {});
    await rig.ctr('container', 'rm', 'hasty').catch(() => {});
    expect((await rig.ctr('task', 'ls')).stdout).not.toContain('hasty');
  });
});
