import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { good } from '../../engine/modules.ts';
import { Peer, until } from '../../stream/peer.ts';
import { sleep } from '../../wait.ts';
import { expectNothingLeft, poll } from '../containerd.ts';
import { exited, ready, startGame, supervisorOf } from '../game.ts';
import { importGame, importProgram } from '../image.ts';
import { latency, moduleOf, poolIsFull, ROOT, rig } from './rig.ts';

const SHELL_NOT_FOUND = 127;
/** WAT that grows the memory by 2 MiB and writes to all of it. */
const TAKE_2_MIB =
  '(memory.fill (i32.shl (memory.grow (i32.const 32)) (i32.const 16)) (i32.const 1) (i32.const 2097152))';
/** WAT that does `what` in the tick with this number, as the body of tick(). */
const after = (ticks: number, what: string) => `(if (i32.eq (local.get 0) (i32.const ${ticks})) (then ${what}))`;

/** Name of the imported image of each game. */
const images = new Map<string, string>();
const imageOf = (name: string) => must(images.get(name), `image ${name}`);

beforeAll(async () => {
  const modules: Record<string, Uint8Array> = {
    arena: moduleOf('arena'),
    over: good({ tick: after(30, '(call $exit (i32.const 0))') }),
    failed: good({ tick: after(30, '(call $exit (i32.const 42))') }),
    trap: good({ tick: after(30, '(unreachable)') }),
    early: good({ tick: after(0, '(unreachable)') }),
    hungry: good({
      memory: '(memory (export "memory") 1)',
      // Takes more memory in each tick, so that no call takes long while the kernel looks for memory. A host makes 120 ticks
      // of a game before anyone plays.
      tick: `(if (i32.ge_u (local.get 0) (i32.const 60)) (then ${TAKE_2_MIB}))`,
    }),
  };
  for (const [name, module] of Object.entries(modules)) images.set(name, await importGame(rig, name, module));
  images.set('latency', latency);
  images.set('elf', await importProgram(rig, 'elf', readFileSync('/bin/true').subarray(0, 4096)));
  images.set('text', await importProgram(rig, 'text', Buffer.from('hello')));
});

/** Options of `ctr run` for games in the node's network. */
const FREE_PORTS = ['--env', 'PORT=0', '--env', 'OPERATOR_PORT=0', '--env', 'ADMISSION=open'];

/** Runs a pod's command `status`; resolves with the JSON that it prints. */
async function statusOf(container: string) {
  return JSON.parse((await rig.cri.exec(container, 'status')).stdout.toString());
}

/** The inodes of the TCP sockets of a process that are in the network of the node. */
function tcpSocketsOfNode(pid: number): string[] {
  const ofNode = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/self/net/${table}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[9]),
  );
  const files = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return files.filter((file) => ofNode.includes(/^socket:\[(\d+)\]$/.exec(file)?.[1] ?? file));
}

/** Runs a container without a sandbox, in the node's network at a free port. */
function runDetached(image: string, id: string) {
  return rig.ctr('run', '-d', '--net-host', '--runtime', 'io.containerd.wasmedge.v1', ...FREE_PORTS, image, id);
}

describe('ctr run', () => {
  it('ctr runs a game until a signal ends it, and leaves nothing behind', async () => {
    const before = rig.inventory();
    await runDetached(imageOf('arena'), 'one');
    expect((await rig.ctr('task', 'ls')).stdout).toMatch(/one\s+\d+\s+RUNNING/);
    await rig.ctr('task', 'kill', 'one');
    await poll(async () => (await rig.ctr('task', 'ls')).stdout.includes('STOPPED'), 'the game does not stop');
    await rig.ctr('task', 'rm', 'one');
    await rig.ctr('container', 'rm', 'one');
    await poolIsFull();
    await expectNothingLeft(rig, before);
  });

  it.each([
    ['over', 0],
    ['failed', 42],
    ['trap', 20],
  ])('ctr exits with the status of the game: %s, %i', async (name, status) => {
    const options = ['--rm', '--net-host', '--runtime', 'io.containerd.wasmedge.v1', ...FREE_PORTS];
    const run = rig.ctr('run', ...options, imageOf(name), name);
    const code = await run.then(
      () => 0,
      (error) => error.code,
    );
    expect(code).toBe(status);
  });

  it('ctr gives a game its own network without --net-host', async () => {
    const options = ['-d', '--runtime', 'io.containerd.wasmedge.v1', '--env', 'ADMISSION=open'];
    await rig.ctr('run', ...options, imageOf('latency'), 'alone');
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
  it('a pod plays a game, runs commands, has statistics and a log, and leaves nothing behind', async () => {
    await poolIsFull();
    const before = rig.inventory();
    const { pod, container, url } = await startGame(rig, imageOf('arena'), {
      env: { MAX_PLAYERS: '3', TICK_RATE: '60', DRAIN_SECONDS_MAX: '0' },
    });
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
    writeFileSync(join(ROOT, 'build/pod.png'), (await rig.cri.exec(container, 'snapshot', '640x360')).stdout);
    expect((await rig.cri.exec(container, 'snapshot', '8x8')).exitCode).toBe(2);
    const shell = await rig.cri.exec(container, '/bin/sh', '-c', 'id');
    expect([shell.exitCode, shell.stderr.toString()]).toEqual([
      SHELL_NOT_FOUND,
      expect.stringContaining('it has: status, players'),
    ]);

    await poll(async () => {
      const { stats } = await rig.cri.call<{
        stats: { cpu: { usageCoreNanoSeconds: { value: number } }; memory: { usageBytes: { value: number } } };
      }>('containerStats', { containerId: container });
      return stats.cpu.usageCoreNanoSeconds.value > 0 && stats.memory.usageBytes.value > 0;
    }, 'no statistics');
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
    expect(await peer.ended()).toMatchObject({ code: 'NL_DRAINING', retry: true });
    peer.close();
    await poolIsFull();
    await expectNothingLeft(rig, before);
  });

  it('a pod can be reached over a CNI bridge, and uses its own name server', async () => {
    const pod = await rig.cri.runPod({ name: 'bridged', hostNetwork: false });
    const container = await rig.cri.create(pod, { name: 'game', image: imageOf('latency') });
    await rig.cri.start(container);
    await ready(rig, container);
    const address = await rig.cri.podAddress(pod);
    expect((await fetch(`http://${address}:8080/`)).status).toBe(200);
    expect((await fetch(`http://${address}:8080/status`)).status).toBe(404);
    for (const path of ['status', 'metrics', 'healthz', 'readyz'])
      expect((await fetch(`http://${address}:9464/${path}`)).status, path).toBe(200);
    // The player gets only the ICE candidate at a port of the node, so the pictures come through the relay there.
    const peer = new Peer();
    await peer.join(`http://${address}:8080/`, {
      query: '?size=320x180&fps=30',
      edit: (sdp) => sdp.replace(/^a=candidate:.*\r\n/gm, (line) => (/ 31\d{3} typ/.test(line) ? line : '')),
    });
    await until(() => peer.pictures > 10, 'pictures');
    expect(peer.answer).toMatch(/127\.0\.0\.1 31\d{3} typ/);
    peer.close();
    const host = await rig.cri.sandboxPid(pod);
    expect(tcpSocketsOfNode(host)).toEqual([]);
    expect(readFileSync(`/proc/${host}/root/etc/resolv.conf`, 'utf8')).toContain('192.0.2.53');
    expect(readFileSync('/etc/resolv.conf', 'utf8')).not.toContain('192.0.2.53');
    await rig.cri.removePod(pod);
  });

  it.each([
    ['over', 0, 'Completed', ''],
    ['failed', 42, 'Error', ''],
    ['trap', 20, 'Error', 'NL_GUEST_TRAP'],
    ['early', 20, 'Error', 'NL_GUEST_TRAP'],
  ])('a pod reports how its game ends: %s, %i', async (name, exitCode, reason, message) => {
    const { pod, container } = await startGame(rig, imageOf(name));
    expect(await exited(rig, container)).toMatchObject({ exitCode, reason });
    expect(await rig.cri.podState(pod)).toBe('SANDBOX_READY');
    if (message) expect(rig.cri.log(pod, 'game').join('\n')).toContain(message);
    expect(rig.cri.log(pod, 'game').join('\n')).toContain(
      `"message":"game has ended with status ${exitCode}","source":"host"`,
    );
    await rig.cri.removePod(pod);
  });

  it.each([
    ['elf', {}, 'an ordinary program; this RuntimeClass runs games'],
    ['text', {}, '/program.wasm is not a WebAssembly module'],
    ['latency', { TICK_RATE: 'fast' }, 'TICK_RATE=fast is not a whole number'],
    ['latency', { GPU_ENABLED: 'true' }, 'NL_NO_GPU'],
    ['latency', { ADMISSION: '' }, 'set ADMISSION=open if that is meant'],
  ])('a pod says why its game does not start: %s %j', async (name, env: Record<string, string>, message) => {
    const pod = await rig.cri.runPod({ name: `refused-${name}-${Object.keys(env)}` });
    const container = await rig.cri.create(pod, {
      name: 'game',
      image: imageOf(name),
      env: { PORT: '0', OPERATOR_PORT: '0', ...env },
    });
    const starting = rig.cri.start(container);
    // On a machine with a GPU, a game that requires a GPU does start.
    if (!('GPU_ENABLED' in env) || rig.software) await expect(starting).rejects.toThrow(message);
    await rig.cri.removePod(pod);
  });

  it('a pod runs one game, and refuses a second one with the reason', async () => {
    const { pod, container } = await startGame(rig, imageOf('latency'));
    const second = await rig.cri.create(pod, { name: 'second', image: imageOf('latency') });
    await expect(rig.cri.start(second)).rejects.toThrow('can run one game, and game is running in this one');
    expect((await rig.cri.status(container)).state).toBe('CONTAINER_RUNNING');
    await rig.cri.removePod(pod);
  });

  it('a pod keeps its sandbox when its game runs out of memory, and reports that', async () => {
    const { pod, container } = await startGame(rig, imageOf('hungry'), { memoryBytes: 64 * 2 ** 20 });
    expect(await exited(rig, container)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
    expect(await rig.cri.podState(pod)).toBe('SANDBOX_READY');
    await rig.cri.removePod(pod);
  });

  it('a pod keeps its players while its container is replaced with another image', async () => {
    const { pod, container, url } = await startGame(rig, imageOf('arena'), { env: { DRAIN_SECONDS_MAX: '0' } });
    const port = new URL(url).port;
    await ready(rig, container);
    const peer = new Peer();
    await peer.join(url, { query: '?size=320x180&fps=60' });
    await until(() => peer.pictures > 5, 'pictures');
    await rig.cri.stop(container);
    await until(() => peer.notices.at(-1)?.kind === 'paused', 'the notice "paused"');
    await rig.cri.remove(container);
    const before = peer.pictures;
    const next = await rig.cri.create(pod, {
      name: 'game',
      image: imageOf('latency'),
      env: { PORT: port, OPERATOR_PORT: '0' },
      attempt: 1,
    });
    await rig.cri.start(next);
    await until(() => peer.notices.at(-1)?.kind === 'joined', 'the notice "joined"');
    await until(() => peer.pictures > before + 10, 'pictures of the next game');
    expect(peer.peerState).toBe('connected');
    await rig.cri.removePod(pod);
    peer.close();
  });
});

describe('after a fault:', () => {
  it('after containerd was killed, it finds the pod still running when it starts again', async () => {
    const { pod, container, url } = await startGame(rig, imageOf('arena'), { env: { DRAIN_SECONDS_MAX: '0' } });
    await ready(rig, container);
    const peer = new Peer();
    await peer.join(url, { query: '?size=320x180&fps=60' });
    await until(() => peer.pictures > 5, 'pictures');
    await rig.kill();
    const before = peer.pictures;
    await until(() => peer.pictures > before + 20, 'pictures without containerd');
    await rig.begin();
    expect((await rig.cri.status(container)).state).toBe('CONTAINER_RUNNING');
    expect(await rig.cri.podState(pod)).toBe('SANDBOX_READY');
    expect((await rig.cri.exec(container, 'players')).stdout.toString()).toBe('1\n');
    await rig.cri.stop(container);
    expect((await rig.cri.status(container)).exitCode).toBe(0);
    await rig.cri.removePod(pod);
    peer.close();
  });

  it('after a host process was killed, its pod is reported as ended and replaced, and two other pods play on', async () => {
    const victim = await startGame(rig, imageOf('latency'));
    const games = [await startGame(rig, imageOf('latency')), await startGame(rig, imageOf('latency'))];
    const peers: Peer[] = [];
    for (const { container, url } of games) {
      await ready(rig, container);
      const peer = new Peer();
      peers.push(peer);
      await peer.join(url, { query: '?size=320x180&fps=30' });
    }
    for (const peer of peers) await until(() => peer.pictures > 10, 'pictures');
    process.kill(await supervisorOf(rig, victim.pod), 'SIGKILL');
    await exited(rig, victim.container);
    await poll(async () => (await rig.cri.podState(victim.pod)) === 'SANDBOX_NOTREADY', 'the sandbox is still ready');
    await rig.cri.removePod(victim.pod);
    const next = await startGame(rig, imageOf('latency'));
    await ready(rig, next.container);
    for (const peer of peers) {
      const { pictures } = peer;
      await until(() => peer.pictures > pictures + 10, 'pictures of the pods beside it');
      expect(peer.peerState).toBe('connected');
      expect(peer.notices.map(({ kind }) => kind)).toEqual(['joined']);
    }
    for (const { pod } of [...games, next]) await rig.cri.removePod(pod);
    for (const peer of peers) peer.close();
  });

  it('after the keeper process was killed, the next pod starts, and so does another keeper', async () => {
    await poolIsFull();
    const keeper = rig.keeperPid();
    process.kill(keeper, 'SIGKILL');
    const { pod } = await startGame(rig, imageOf('latency'));
    await poll(() => rig.keeperPid() !== keeper && rig.warm().length === 2, 'no keeper started');
    await rig.cri.removePod(pod);
  });

  it('five pods start at once, although only two hosts wait for a pod', async () => {
    const games = await Promise.all(Array.from({ length: 5 }, () => startGame(rig, imageOf('latency'))));
    for (const { container, pod } of games) {
      await ready(rig, container);
      await rig.cri.removePod(pod);
    }
  });

  it('a container that is killed while its game compiles has ended', async () => {
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
