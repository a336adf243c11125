import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildModules } from '../../host/play/modules.ts';
import { poll, type Rig } from '../k3s/containerd.ts';
import { guestOf } from '../k3s/guest.ts';
import { importGame } from '../k3s/image.ts';
import { readFacts } from './facts.ts';
import { startInstalledRig } from './installed.ts';
import { hostOf } from './pods.ts';

/** The securityContext of oci/k3s/base/deployment.yaml, as the kubelet hands it to the CRI. */
const OURS = {
  runAsUser: { value: 65_532 },
  runAsGroup: { value: 65_532 },
  noNewPrivs: true,
  readonlyRootfs: true,
  capabilities: { dropCapabilities: ['ALL'] },
  seccomp: { profileType: 'RuntimeDefault' },
};

let rig: Rig;
let image: string;
let pods = 0;

beforeAll(async () => {
  await buildModules(['latency']);
  rig = await startInstalledRig();
  image = await importGame(rig, 'context', readFileSync(join(import.meta.dirname, '../../build/latency.wasm')));
});
afterAll(() => rig?.close());

async function start(security: object): Promise<{ pod: string; host: number; guest: number }> {
  const pod = await rig.cri.runPod({ name: `context${pods++}`, hostNetwork: false });
  const container = await rig.cri.create(pod, { name: 'game', image, security });
  await rig.cri.start(container);
  await poll(async () => (await rig.cri.exec(container, 'health')).exitCode === 0, 'the game is not ready');
  return { pod, host: await hostOf(rig, pod), guest: await guestOf(rig, { pod, container }) };
}

it('the host of a pod runs as a user of its own, without capabilities, under seccomp', async () => {
  const [one, two] = [await start(OURS), await start(OURS)];
  const [first, second] = [readFacts(one.host), readFacts(two.host)];
  for (const { uid, gid, effective, permitted, bounding, seccomp, noNewPrivs } of [first, second]) {
    expect([uid === 0, gid === 0]).toEqual([false, false]);
    expect([effective, permitted, bounding].map((mask) => Number.parseInt(mask, 16))).toEqual([0, 0, 0]);
    expect({ seccomp, noNewPrivs }).toEqual({ seccomp: 2, noNewPrivs: true });
  }
  expect(first.uid).not.toBe(second.uid);
  for (const { pod } of [one, two]) await rig.cri.removePod(pod);
});

it('the host of a pod has its own pid, ipc, uts, mount and network namespaces', async () => {
  const { pod, host } = await start(OURS);
  const { ownNamespaces } = readFacts(host);
  for (const name of ['pid', 'ipc', 'uts', 'mnt', 'net'] as const) expect(ownNamespaces, name).toContain(name);
  await rig.cri.removePod(pod);
});

it.each([
  ['as in our own manifests', OURS, 65_532, 65_532],
  ['another', { ...OURS, runAsUser: { value: 1234 }, runAsGroup: { value: 5678 } }, 1234, 5678],
])('runAsUser and runAsGroup are the user and group of the game: %s', async (_, security, uid, gid) => {
  const { pod, guest } = await start(security);
  const facts = readFacts(guest);
  expect([facts.uid, facts.gid]).toEqual([uid, gid]);
  expect([facts.effective, facts.permitted].map((mask) => Number.parseInt(mask, 16))).toEqual([0, 0]);
  expect([facts.seccomp, facts.noNewPrivs]).toEqual([2, true]);
  await rig.cri.removePod(pod);
});

it.each([
  ['a capability', { ...OURS, capabilities: { addCapabilities: ['SYS_ADMIN'] } }],
  ['several capabilities', { ...OURS, capabilities: { addCapabilities: ['NET_ADMIN', 'SYS_PTRACE'] } }],
])('a pod that asks for what a game cannot have is refused with the reason: %s', async (_, security) => {
  const pod = await rig.cri.runPod({ name: `context${pods++}`, hostNetwork: false });
  const container = await rig.cri.create(pod, { name: 'game', image, security });
  await expect(rig.cri.start(container)).rejects.toThrow(/capabilit/i);
  await rig.cri.removePod(pod);
});
