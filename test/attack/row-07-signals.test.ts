import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { buildModules } from '../../host/play/modules.ts';
import { poll, type Rig } from '../k3s/containerd.ts';
import { guestOf } from '../k3s/guest.ts';
import { importGame } from '../k3s/image.ts';
import { type Call, reached } from '../k3s/inject.ts';
import { commandLine } from '../process-tree.ts';
import { sleep } from '../wait.ts';
import { readFacts } from './facts.ts';
import { startInstalledRig } from './installed.ts';
import { hostOf } from './pods.ts';

const SIGKILL = 9;
const SIGUSR1 = 10;
/** How long Node takes at most to open its inspector after a signal. */
const INSPECTOR_MS = 1000;
/** A line of /proc/PID/net/tcp for a socket that listens at port 9229, that of Node's inspector. */
const INSPECTOR = /:240D [0-9A-F]+:0000 0A /;

let rig: Rig;
let image: string;
let pods = 0;

beforeAll(async () => {
  await buildModules(['latency']);
  rig = await startInstalledRig();
  image = await importGame(rig, 'signals', readFileSync(join(import.meta.dirname, '../../build/latency.wasm')));
});
afterAll(() => rig?.close());

/** Starts a game in a pod with a network of its own. Resolves with the ids of its host process and its guest process. */
async function start(): Promise<{ host: number; guest: number }> {
  const pod = await rig.cri.runPod({ name: `signals${pods++}`, hostNetwork: false });
  const container = await rig.cri.create(pod, { name: 'game', image });
  await rig.cri.start(container);
  await poll(async () => (await rig.cri.exec(container, 'health')).exitCode === 0, 'the game is not ready');
  return { host: await hostOf(rig, pod), guest: await guestOf(rig, { pod, container }) };
}

const hasInspector = (pid: number) => INSPECTOR.test(readFileSync(`/proc/${pid}/net/tcp`, 'utf8'));

it('a guest process has no user of the node, no capability, and sees none of its processes', async () => {
  const { guest } = await start();
  const { uid, effective, permitted, seccomp, noNewPrivs, ownNamespaces } = readFacts(guest);
  expect(uid).not.toBe(0);
  expect({ seccomp, noNewPrivs }).toEqual({ seccomp: 2, noNewPrivs: true });
  expect([effective, permitted].map((mask) => Number.parseInt(mask, 16))).toEqual([0, 0]);
  for (const name of ['mnt', 'pid', 'net', 'ipc'] as const) expect(ownNamespaces, name).toContain(name);
});

it('code that has taken over a guest process signals no process of the node', async () => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const victim = must(child.pid, 'process to signal');
  const { host } = await start();
  const calls: Call[] = [
    { aim: 'end a process of the node with tgkill', name: 'tgkill', args: [victim, victim, SIGKILL] },
    { aim: 'end a process of the node with kill', name: 'kill', args: [victim, SIGKILL] },
    { aim: "open the host's inspector", name: 'tgkill', args: [host, host, SIGUSR1] },
  ];
  const aims = await reached(calls, async () => (await start()).guest);
  await sleep(INSPECTOR_MS);
  const isAlive = child.exitCode === null && child.signalCode === null;
  child.kill('SIGKILL');
  expect(aims).toEqual([]);
  expect(isAlive).toBe(true);
  expect(commandLine(host)).not.toBe('');
  expect(hasInspector(host)).toBe(false);
});

it("no signal opens the inspector of a pod's host", async () => {
  const { host } = await start();
  process.kill(host, 'SIGUSR1');
  await sleep(INSPECTOR_MS);
  if (commandLine(host) !== '') expect(hasInspector(host)).toBe(false);
});
