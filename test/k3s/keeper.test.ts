import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildModules } from '../../host/play/modules.ts';
import { good } from '../engine/modules.ts';
import { hostOf } from '../pod/run-folder.ts';
import { Peer, until } from '../stream/peer.ts';
import { expectNothingLeft, FILL_MS_MAX, poll, type Rig, SANDBOX_IMAGE, startRig } from './containerd.ts';
import { exited, ready, startContainer, startGame, supervisorOf } from './game.ts';
import { importGame } from './image.ts';

const POOL_SIZE = 2;
/** Longest time that a host may go without responding, as the keeper counts it: the limit, and one look late. */
const SILENT_S_MAX = 7;
/** How many functions the module of a slow compilation has, each with a different body. */
const FUNCTIONS = 1500;
const QUIET_PORT = 23_990;

let folder: string;
let rig: Rig;
let latency: string;

beforeAll(async () => {
  await buildModules(['latency']);
  // A host sees the files of this checkout and few others, and is not root once it serves a pod.
  folder = mkdtempSync(join(import.meta.dirname, '../../build/hang-'));
  chmodSync(folder, 0o755);
  plantLoop();
  rig = await startRig({ poolSize: POOL_SIZE, env: { NEARLIGHT_SETTINGS: join(folder, 'node.env') } });
  latency = await importGame(rig, 'latency', readFileSync(join(import.meta.dirname, '../../build/latency.wasm')));
  await rig.ctr('-n', 'k8s.io', 'images', 'tag', latency, SANDBOX_IMAGE);
});

afterAll(async () => {
  await rig?.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/**
 * Makes each host that the keeper starts loop without end once a file with the process id of its supervisor exists. That takes the place of a fault
 * in a library. The keeper keeps NODE_OPTIONS from its hosts, so a program in the place of nice(1), with which it starts them,
 * gives them this option.
 */
function plantLoop(): void {
  const program = join(folder, 'hang.mjs');
  const loop = `while (existsSync(${JSON.stringify(join(folder, 'loop.'))} + process.env.NEARLIGHT_HOST?.split(' ')[0]));`;
  writeFileSync(program, `import { existsSync } from 'node:fs';\nsetInterval(() => { ${loop} }, 50).unref();\n`);
  const path = process.env.PATH;
  const script = `#!/bin/sh\nexport PATH='${path}' NODE_OPTIONS=--import=${program}\nexec nice "$@"\n`;
  writeFileSync(join(folder, 'nice'), script, { mode: 0o755 });
  vi.stubEnv('PATH', `${folder}:${path}`);
}

const keeperLog = () => readFileSync(join(rig.runDir, 'log/keeper.log'), 'utf8');
const killsLogged = () => keeperLog().match(/it is killed/g)?.length ?? 0;
const poolIsFull = () => poll(() => rig.warm().length === POOL_SIZE, 'the pool of waiting hosts is not refilled');

describe.each<[string, string, (pid: number) => unknown]>([
  [
    'is stopped, and its supervisor, too',
    'stopped',
    (pid) => [hostOf(pid), pid].map((id) => process.kill(id, 'SIGSTOP')),
  ],
  ['is in an endless loop', 'busy', (pid) => writeFileSync(join(folder, `loop.${pid}`), '')],
])('a host that %s', (_, reason, hang) => {
  it('is killed, its pod is reported as ended and starts again, and a pod beside it plays on', async () => {
    await poolIsFull();
    const before = rig.inventory();
    const killsBefore = killsLogged();
    const victim = await startGame(rig, latency);
    const other = await startGame(rig, latency);
    const peer = new Peer();
    for (const { container } of [victim, other]) await ready(rig, container);
    await peer.join(other.url, { query: '?size=320x180&fps=30' });
    await until(() => peer.pictures > 10, 'pictures');

    const pid = await supervisorOf(rig, victim.pod);
    hang(pid);
    const startMs = performance.now();
    // The kubelet stops a container whose liveness probe fails.
    const stopping = rig.cri.stop(victim.container, 1).catch(() => {});
    expect(await exited(rig, victim.container)).toMatchObject({ exitCode: expect.any(Number) });
    await stopping;
    const stoppedMs = performance.now();
    await poll(async () => (await rig.cri.podState(victim.pod)) === 'SANDBOX_NOTREADY', 'the sandbox is still ready');
    const endedMs = performance.now();
    await rig.cri.removePod(victim.pod);
    const next = await startGame(rig, latency);
    await ready(rig, next.container);
    const readyMs = performance.now();
    process.stdout.write(
      `a host that is ${reason}: ended after ${((endedMs - startMs) / 1000).toFixed(1)} s, stopped after ${((stoppedMs - startMs) / 1000).toFixed(1)} s, ready again after ${((readyMs - startMs) / 1000).toFixed(1)} s\n`,
    );
    const line = new RegExp(`host process ${pid} has not responded for ([\\d.]+) s and is ${reason}: it is killed`);
    expect(Number(line.exec(keeperLog())?.[1])).toBeLessThanOrEqual(SILENT_S_MAX);

    const { pictures } = peer;
    await until(() => peer.pictures > pictures + 10, 'pictures of the pod beside it');
    expect([peer.peerState, peer.notices.map(({ kind }) => kind)]).toEqual(['connected', ['joined']]);
    peer.close();
    for (const { pod } of [other, next]) await rig.cri.removePod(pod);
    await poolIsFull();
    await expectNothingLeft(rig, before);
    expect(killsLogged() - killsBefore).toBe(1);
  });
});

/** A module that takes long to compile: functions of pure arithmetic, no two alike. */
function slow(seed: number): Uint8Array {
  const step = (n: number) =>
    `(i32.add (i32.mul (local.get 0) (i32.const ${seed + n})) (i32.rotl (local.get 0) (i32.const ${n % 31})))`;
  const body = (n: number) =>
    `(local.set 0 ${step(n)}) (local.set 0 ${step(n + 7)}) (local.set 0 ${step(n + 13)}) (local.get 0)`;
  const functions = Array.from({ length: FUNCTIONS }, (_, n) => `(func $f${n} (param i32) (result i32) ${body(n)})`);
  const table = `(table funcref (elem ${functions.map((_, n) => `$f${n}`).join(' ')}))`;
  return good({ fields: `${functions.join('\n')}\n${table}` });
}

it('a stranger who has three large modules compiled does not delay the small module of another namespace', async () => {
  const now = Date.now() % 1e6;
  const modules = [1, 2, 3].map((n) => slow(now + n));
  const large = [];
  for (const [n, module] of modules.entries()) large.push(await importGame(rig, `large${n}`, module));
  const small = await importGame(rig, 'small', good({ fields: `(global i32 (i32.const ${now}))` }));
  // The start of the pod is not what is measured.
  const pod = await rig.cri.runPod({ name: 'small', namespace: 'quiet' });
  await poolIsFull();
  let pending = large.length;
  const startMs = performance.now();
  const loud = large.map((image) => startGame(rig, image, { namespace: 'loud' }).finally(() => pending--));
  // All three are on their way, and the first has the compiler.
  await poll(() => keeperLog().includes(`compiling ${modules[0]?.length} bytes`) || pending < 3, 'nothing is compiled');
  await startContainer(rig, { pod, image: small, port: QUIET_PORT });
  const quietMs = performance.now() - startMs;
  expect(pending).toBeGreaterThan(0);
  const games = await Promise.all(loud);
  const loudMs = performance.now() - startMs;
  process.stdout.write(
    `three modules of ${modules[0]?.length} bytes took ${(loudMs / 1000).toFixed(1)} s, the small one beside them ${(quietMs / 1000).toFixed(1)} s\n`,
  );
  for (const { pod: id } of [...games, { pod }]) await rig.cri.removePod(id);
}, 400_000);

it('a pod reports the CPU time of its compilation, and the keeper that of each namespace', async () => {
  const image = await importGame(rig, 'billed', good({ fields: `(global i32 (i32.const ${Date.now() | 0}))` }));
  const first = await startGame(rig, image, { namespace: 'billed' });
  await ready(rig, first.container);
  const status = async (container: string) =>
    JSON.parse((await rig.cri.exec(container, 'status')).stdout.toString()) as { compileCpuMs: number };
  expect((await status(first.container)).compileCpuMs).toBeGreaterThan(0);
  const second = await startGame(rig, image, { namespace: 'billed' });
  await ready(rig, second.container);
  expect((await status(second.container)).compileCpuMs).toBe(0);
  for (const { pod } of [first, second]) await rig.cri.removePod(pod);
});

it('new settings of the node reach the hosts that wait for pods, without a restart, and a pod that runs plays on', async () => {
  await poolIsFull();
  const old = rig.warm();
  const running = await startGame(rig, latency);
  await ready(rig, running.container);
  const peer = new Peer();
  await peer.join(running.url, { query: '?size=320x180&fps=30' });
  await until(() => peer.pictures > 10, 'pictures');
  const keeper = rig.keeperPid();
  writeFileSync(join(folder, 'node.env'), '# for this node\nNEARLIGHT_POOL_SIZE=1\nNEARLIGHT_UDP_PORTS=32000-32999\n');
  const isRenewed = () => rig.warm().length === 1 && !rig.warm().some((pid) => old.includes(pid));
  await poll(
    () => keeperLog().includes('node.env has changed') && isRenewed(),
    'the hosts are not replaced',
    FILL_MS_MAX,
  );
  expect(rig.keeperPid()).toBe(keeper);

  const pod = await rig.cri.runPod({ name: 'renewed', hostNetwork: false });
  const container = await rig.cri.create(pod, { name: 'game', image: latency });
  await rig.cri.start(container);
  await ready(rig, container);
  const other = new Peer();
  await other.join(`http://${await rig.cri.podAddress(pod)}:8080/`, { query: '?size=320x180&fps=30' });
  expect(other.answer).toMatch(/127\.0\.0\.1 32\d{3} typ/);
  const { pictures } = peer;
  await until(() => peer.pictures > pictures + 10, 'pictures of the pod that ran before');
  expect([peer.peerState, peer.notices.map(({ kind }) => kind)]).toEqual(['connected', ['joined']]);
  for (const each of [peer, other]) each.close();
  for (const id of [running.pod, pod]) await rig.cri.removePod(id);
});
