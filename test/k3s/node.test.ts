import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { must } from '../../host/base/assert.ts';
import { EdgeClient } from '../../host/edge/link/client.ts';
import { makeBundle } from '../../host/pod/node/bundle.ts';
import { encoderPackages } from '../../host/pod/node/encoder.ts';
import { bundleImage } from '../../host/pod/node/image.ts';
import { type Image, layoutEntries } from '../../oci/image.ts';
import { tar } from '../../oci/tar.ts';
import { installedIn, installForOwner, packEncoder } from '../pod/node/installed.ts';
import { playAndAsk } from '../stream/operator.ts';
import { poll, type Rig, SANDBOX_IMAGE, startRig } from './containerd.ts';
import { ready } from './game.ts';
import { importGame } from './image.ts';

const ROOT = join(import.meta.dirname, '../..');
/** The capabilities that containerd gives a container which asks for none. */
const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
];
const MIB = 2 ** 20;

/** The parts of a container in the manifest of the DaemonSet that matter to its process. */
interface Container {
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: { configMapKeyRef: { name: string; key: string } } }[];
  resources?: { limits: { memory: string } };
  securityContext: { runAsUser: number; runAsGroup?: number; capabilities: { drop: string[]; add?: string[] } };
  volumeMounts?: { name: string; mountPath: string }[];
}

interface PodSpec {
  initContainers: [Container];
  containers: [Container];
  volumes: { name: string; hostPath?: { path: string }; configMap?: object }[];
}

let folder: string;
let rig: Rig;
let entrypoint: string[];
/** The arena of the node bundle. */
let arena: Uint8Array;
const { spec, settings } = readManifests('node');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-node-'));
  rig = await startRig({ poolSize: 0 });
  const { folder: bundle } = await makeBundle(join(folder, 'out'), () => {});
  arena = readFileSync(join(bundle, 'build/arena.wasm'));
  const packed = join(folder, 'encoder');
  packEncoder(packed);
  // Hosts are users of their own, who must reach what is installed.
  chmodSync(folder, 0o755);
  installForOwner(bundle, [
    '--prefix',
    join(folder, 'nearlight'),
    '--shim-dir',
    join(folder, 'bin'),
    '--encoder',
    packed,
  ]);
  // The installer copies the graphics libraries, and does not need them. Without them the image is made in half the time.
  rmSync(join(bundle, 'runtime/graphics'), { recursive: true });
  const encoder = new Map<string, Uint8Array>();
  for (const { archive } of encoderPackages(join(bundle, 'package-lock.json')))
    encoder.set(archive, readFileSync(join(packed, archive)));
  const image = await bundleImage(bundle, encoder);
  await load('node', image);
  const { Entrypoint } = configOf(image);
  entrypoint = Entrypoint;
}, 900_000);

afterAll(async () => {
  await rig?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Reads the pods of a DaemonSet, and the data of the ConfigMap beside it, if there is one. */
function readManifests(overlay: 'node' | 'edge'): { spec: PodSpec; settings: Record<string, string> } {
  const text = execFileSync('kubectl', ['kustomize', join(ROOT, 'oci/k3s', overlay)], { encoding: 'utf8' });
  const all = parseAllDocuments(text).map((document) => document.toJS());
  return {
    spec: all.find(({ kind }) => kind === 'DaemonSet').spec.template.spec,
    settings: all.find(({ kind }) => kind === 'ConfigMap')?.data ?? {},
  };
}

function configOf(image: Image): { Entrypoint: string[] } {
  const texts = [...image.blobs.values()]
    .filter((blob) => blob.length < 100_000)
    .map((blob) => Buffer.from(blob).toString());
  const config = texts.filter((text) => text.startsWith('{')).map((text) => JSON.parse(text).config);
  return must(
    config.find((found) => found?.Entrypoint),
    'configuration of the image',
  );
}

async function load(name: string, image: Image): Promise<void> {
  const path = join(folder, `${name}.tar`);
  writeFileSync(path, tar(layoutEntries(image, `nearlight.test/${name}:1`)));
  await rig.ctr('images', 'import', path);
  rmSync(path);
}

/** The options of `ctr run` for a container of a DaemonSet. The folders of the node are below `node`. No network is given. */
function options(
  { resources, securityContext, volumeMounts = [] }: Container,
  node: string,
  { volumes }: PodSpec = spec,
): string[] {
  const { runAsUser, runAsGroup, capabilities } = securityContext;
  expect(capabilities.drop).toEqual(['ALL']);
  const dropped = CAPABILITIES.filter((name) => !capabilities.add?.includes(name));
  const mounts = volumeMounts.map(({ name, mountPath }) => {
    const { hostPath, configMap } = must(
      volumes.find((volume) => volume.name === name),
      name,
    );
    if (configMap) return `type=bind,src=${writeSettings()},dst=${mountPath},options=rbind:ro`;
    const { path } = must(hostPath, name);
    mkdirSync(join(node, path), { recursive: true });
    return `type=bind,src=${join(node, path)},dst=${mountPath},options=rbind:rw`;
  });
  const memory = Number(/^(\d+)Mi$/.exec(resources?.limits.memory ?? '')?.[1] ?? 0) * MIB;
  return [
    '--read-only',
    `--user=${runAsUser}${runAsGroup === undefined ? '' : `:${runAsGroup}`}`,
    ...dropped.map((name) => `--cap-drop=CAP_${name}`),
    ...mounts.map((mount) => `--mount=${mount}`),
    ...(memory > 0 ? [`--memory-limit=${memory}`] : []),
  ];
}

/** Writes the ConfigMap of the DaemonSet as the kubelet does; returns the folder. */
function writeSettings(): string {
  const path = join(folder, 'settings');
  mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries(settings)) writeFileSync(join(path, name), text);
  return path;
}

it('the installer of the DaemonSet sets up a node that has neither npm nor a network', async () => {
  const node = join(folder, 'node');
  const [install] = spec.initContainers;
  const run = () =>
    rig.ctr(
      'run',
      '--rm',
      ...options(install, node),
      'nearlight.test/node:1',
      'install',
      ...entrypoint,
      ...(install.args ?? []),
    );
  expect((await run()).stdout).toMatch(/installed node-av [\d.]+/);
  expect(existsSync(join(node, 'usr/local/bin/containerd-shim-wasmedge-v1'))).toBe(true);
  const current = join(node, 'opt/nearlight', readlinkSync(join(node, 'opt/nearlight/current')));
  expect(existsSync(join(current, 'node_modules/node-av/package.json'))).toBe(true);
  expect(readdirSync(current)).not.toContain('encoder');
  expect(readFileSync(join(node, 'etc/nearlight/node.env'), 'utf8')).toBe(settings['node.env']);
  // A node whose pod starts again is set up already.
  expect((await run()).stdout).not.toContain('installed');
});

it('the container that keeps the pod running stays within its memory until a signal ends it', async () => {
  const [wait] = spec.containers;
  await rig.ctr(
    'run',
    '-d',
    ...options(wait, folder),
    'nearlight.test/node:1',
    'ready',
    ...entrypoint,
    ...(wait.args ?? []),
  );
  await new Promise((resolve) => setTimeout(resolve, 3000));
  expect(await stateOf('ready')).toBe('RUNNING');
  await end('ready');
});

it('the DaemonSet of the edge service gives the folders to its user, who serves hosts there without privileges', async () => {
  const node = join(folder, 'edge');
  const { spec: pods, settings } = readManifests('edge');
  const [folders] = pods.initContainers;
  const [service] = pods.containers;
  const run = (id: string, { command = [], args = [] }: Container, ...more: string[]) =>
    rig.ctr('run', ...more, 'nearlight.test/node:1', id, ...command, ...args);
  await run('folders', folders, '--rm', ...options(folders, node, pods));
  const environment = (service.env ?? []).map(({ name, value, valueFrom }) => {
    const text = value ?? must(settings[valueFrom?.configMapKeyRef.key ?? ''], name);
    return `--env=${name}=${text}`;
  });
  await run('edge', service, '-d', ...options(service, node, pods), ...environment);
  const socket = join(node, 'run/nearlight-edge/edge.sock');
  const client = new EdgeClient({ connect: async () => connect(socket), msMax: 10_000 });
  const terms = await poll(
    () => client.call('attend', { host: randomUUID(), places: {}, sessions: [] }),
    'the service does not answer',
  );
  expect(terms).toMatchObject({ admission: 'open' });
  const state = Uint8Array.of(1, 2, 3);
  await client.putSave({ id: 'pod/1/match/game', game: 'game', savedAt: Date.now(), state });
  client.close();
  const { runAsUser: user } = service.securityContext;
  for (const path of [socket, join(socket, '..'), join(node, 'var/lib/nearlight-edge')]) {
    const { uid, gid, mode } = statSync(path);
    expect([path, uid, gid, mode & 0o077]).toEqual([path, user, user, 0]);
  }
  await end('edge');
});

it('a pod on a node that was set up from the bundle answers all that an operator asks', async () => {
  const installed = await startRig({ poolSize: 0, installation: installedIn(folder) });
  try {
    const image = await importGame(installed, 'arena', arena);
    await installed.ctr('-n', 'k8s.io', 'images', 'tag', image, SANDBOX_IMAGE);
    const pod = await installed.cri.runPod({ name: 'asked', hostNetwork: false });
    const container = await installed.cri.create(pod, { name: 'game', image });
    await installed.cri.start(container);
    await ready(installed, container);
    const address = await installed.cri.podAddress(pod);
    await playAndAsk({ url: `http://${address}:8080/`, operatorUrl: `http://${address}:9464/` }, 'game');
    const answers = { health: 'ready', players: '0', status: '"engine"', snapshot: 'PNG' };
    for (const [command, text] of Object.entries(answers)) {
      const { exitCode, stdout } = await installed.cri.exec(container, command);
      expect([command, exitCode, stdout.toString('latin1')]).toEqual([command, 0, expect.stringContaining(text)]);
    }
    await installed.cri.removePod(pod);
  } finally {
    await installed.close();
  }
});

/** Returns the state of a container. */
async function stateOf(id: string): Promise<string | undefined> {
  return new RegExp(`${id}\\s+\\d+\\s+(\\w+)`).exec((await rig.ctr('task', 'ls')).stdout)?.[1];
}

/** Ends a container with SIGTERM, after which its status has to be 0, and removes it. */
async function end(id: string): Promise<void> {
  await rig.ctr('task', 'kill', id);
  await poll(async () => (await stateOf(id)) === 'STOPPED', 'it does not end');
  const { stdout } = await rig
    .ctr('task', 'rm', id)
    .catch((error: { code: number }) => ({ stdout: `status ${error.code}` }));
  expect(stdout).not.toContain('status');
  await rig.ctr('container', 'rm', id);
}
