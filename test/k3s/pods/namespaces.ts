import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { latency, rig } from './rig.ts';

const OPTIONS = [
  '--runtime',
  'io.containerd.wasmedge.v1',
  '--env',
  'PORT=0',
  '--env',
  'OPERATOR_PORT=0',
  '--env',
  'ADMISSION=open',
];

/** The namespaces that containerd lists in the config.json of a container, each with a `+` if it has a path. */
function namespacesOf(containerdNamespace: string, id: string): string[] {
  const bundle = join(rig.folder, 'state/io.containerd.runtime.v2.task', containerdNamespace, id);
  const { linux } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'));
  return linux.namespaces.map(({ type, path }: { type: string; path?: string }) => type + (path ? '+' : '')).sort();
}

async function remove(id: string): Promise<void> {
  await rig.ctr('task', 'rm', '-f', id).catch(() => {});
  await rig.ctr('container', 'rm', id);
}

it.each([
  ['', ['ipc', 'mount', 'network', 'pid', 'uts']],
  ['--net-host', ['ipc', 'mount', 'pid', 'uts']],
])('ctr run runs a game with the option "%s", and lists the namespaces %j', async (option, expected) => {
  await rig.ctr('run', '-d', ...OPTIONS, ...option.split(' ').filter(Boolean), latency, 'plain');
  expect((await rig.ctr('task', 'ls')).stdout).toMatch(/plain\s+\d+\s+RUNNING/);
  // On nodes with version 2 of cgroups, containerd adds a namespace for them.
  expect(namespacesOf(rig.name, 'plain').filter((type) => type !== 'cgroup')).toEqual(expected);
  await remove('plain');
});

it.each(['pid', 'ipc'])("ctr run is refused with the reason if it asks for the node's namespace %s", async (type) => {
  const option = `${type}:/proc/1/ns/${type}`;
  const run = rig.ctr('run', '-d', ...OPTIONS, '--net-host', '--with-ns', option, latency, 'joined');
  await expect(run).rejects.toThrow(`namespaces: ${option} cannot be entered`);
  await remove('joined');
});

it.each([
  ['the defaults', {}],
  ['shareProcessNamespace: true', { pid: 'POD' }],
  ['shareProcessNamespace: false', { pid: 'CONTAINER' }],
] as const)('a pod with %s starts, in namespaces of its own', async (_, namespaces) => {
  const pod = await rig.cri.runPod({ name: 'own', namespaces });
  const container = await rig.cri.create(pod, {
    name: 'game',
    image: latency,
    env: { PORT: '0', OPERATOR_PORT: '0' },
    security: { namespaceOptions: { network: 'NODE', ...namespaces } },
  });
  await rig.cri.start(container);
  expect(namespacesOf('k8s.io', pod)).toEqual(expect.arrayContaining(['ipc', 'pid']));
  const own = 'pid' in namespaces && namespaces.pid === 'CONTAINER';
  expect(namespacesOf('k8s.io', container)).toEqual(expect.arrayContaining(['ipc+', 'network+', own ? 'pid' : 'pid+']));
  await rig.cri.removePod(pod);
});

it.each([
  ['hostPID', { pid: 'NODE' }],
  ['hostIPC', { ipc: 'NODE' }],
  ['hostPID and hostIPC', { pid: 'NODE', ipc: 'NODE' }],
] as const)('a pod with %s is refused with the reason', async (fields, namespaces) => {
  const pod = rig.cri.runPod({ name: 'shared', namespaces });
  await expect(pod).rejects.toThrow(`NL_SECURITY_CONTEXT: The pod's securityContext cannot be honoured: ${fields}: `);
});
