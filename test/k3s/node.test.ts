import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { must } from '../../host/base/assert.ts';
import { makeBundle } from '../../host/pod/node/bundle.ts';
import { encoderPackages } from '../../host/pod/node/encoder.ts';
import { bundleImage } from '../../host/pod/node/image.ts';
import { type Image, layoutEntries } from '../../oci/image.ts';
import { tar } from '../../oci/tar.ts';
import { poll, type Rig, startRig } from './containerd.ts';

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
  args: string[];
  resources?: { limits: { memory: string } };
  securityContext: { runAsUser: number; capabilities: { drop: string[]; add?: string[] } };
  volumeMounts?: { name: string; mountPath: string }[];
}

interface PodSpec {
  initContainers: [Container];
  containers: [Container];
  volumes: { name: string; hostPath: { path: string } }[];
}

let folder: string;
let rig: Rig;
let entrypoint: string[];
const spec = readSpec();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-node-'));
  rig = await startRig({ poolSize: 0 });
  const { folder: bundle } = await makeBundle(join(folder, 'out'), () => {});
  // The installer copies the graphics libraries, and does not need them. Without them the image is made in half the time.
  rmSync(join(bundle, 'runtime/graphics'), { recursive: true });
  const encoder = new Map<string, Uint8Array>();
  for (const { name, version, archive } of encoderPackages(join(bundle, 'package-lock.json'))) {
    execFileSync('npm', ['pack', '--silent', `${name}@${version}`], { cwd: folder, stdio: 'pipe' });
    encoder.set(archive, readFileSync(join(folder, archive)));
  }
  const image = await bundleImage(bundle, encoder);
  await load('node', image);
  const { Entrypoint } = configOf(image);
  entrypoint = Entrypoint;
}, 900_000);

afterAll(async () => {
  await rig?.close();
  rmSync(folder, { recursive: true, force: true });
});

function readSpec(): PodSpec {
  const text = execFileSync('kubectl', ['kustomize', join(ROOT, 'oci/k3s/node')], { encoding: 'utf8' });
  const all = parseAllDocuments(text).map((document) => document.toJS());
  return all.find(({ kind }) => kind === 'DaemonSet').spec.template.spec;
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

/** The options of `ctr run` for a container of the DaemonSet. The folders of the node are below `node`. No network is given. */
function options({ resources, securityContext, volumeMounts = [] }: Container, node: string): string[] {
  const { runAsUser, capabilities } = securityContext;
  expect(capabilities.drop).toEqual(['ALL']);
  const dropped = CAPABILITIES.filter((name) => !capabilities.add?.includes(name));
  const mounts = volumeMounts.map(({ name, mountPath }) => {
    const { path } = must(
      spec.volumes.find((volume) => volume.name === name),
      name,
    ).hostPath;
    mkdirSync(join(node, path), { recursive: true });
    return `type=bind,src=${join(node, path)},dst=${mountPath},options=rbind:rw`;
  });
  const memory = Number(/^(\d+)Mi$/.exec(resources?.limits.memory ?? '')?.[1] ?? 0) * MIB;
  return [
    '--read-only',
    `--user=${runAsUser}`,
    ...dropped.map((name) => `--cap-drop=CAP_${name}`),
    ...mounts.map((mount) => `--mount=${mount}`),
    ...(memory > 0 ? [`--memory-limit=${memory}`] : []),
  ];
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
      ...install.args,
    );
  expect((await run()).stdout).toMatch(/installed node-av [\d.]+/);
  expect(existsSync(join(node, 'usr/local/bin/containerd-shim-wasmedge-v1'))).toBe(true);
  const current = join(node, 'opt/nearlight', readlinkSync(join(node, 'opt/nearlight/current')));
  expect(existsSync(join(current, 'node_modules/node-av/package.json'))).toBe(true);
  expect(readdirSync(current)).not.toContain('encoder');
  // A node whose pod starts again is set up already.
  expect((await run()).stdout).not.toContain('installed');
});

it('the container that keeps the pod running stays within its memory until a signal ends it', async () => {
  const [wait] = spec.containers;
  await rig.ctr('run', '-d', ...options(wait, folder), 'nearlight.test/node:1', 'ready', ...entrypoint, ...wait.args);
  const state = async () => /ready\s+\d+\s+(\w+)/.exec((await rig.ctr('task', 'ls')).stdout)?.[1];
  await new Promise((resolve) => setTimeout(resolve, 3000));
  expect(await state()).toBe('RUNNING');
  await rig.ctr('task', 'kill', 'ready');
  await poll(async () => (await state()) === 'STOPPED', 'it does not end');
  const { stdout } = await rig
    .ctr('task', 'rm', 'ready')
    .catch((error: { code: number }) => ({ stdout: `status ${error.code}` }));
  expect(stdout).not.toContain('status');
  await rig.ctr('container', 'rm', 'ready');
});
