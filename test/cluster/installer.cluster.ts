import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { makeBundle } from '../../host/pod/node/bundle.ts';
import { encoderPackages } from '../../host/pod/node/encoder.ts';
import { bundleImage } from '../../host/pod/node/image.ts';
import { pushImage } from '../../oci/push.ts';
import { parseReference, Registry } from '../../oci/registry.ts';
import { at } from '../at.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { figure } from './figures.ts';
import { gameObjects, manifest, moduleOf, podOf, readOverlay } from './game.ts';
import { encoderFolder } from './installation.ts';

const NAMESPACE = 'test-installer';
const SHIM = '/usr/local/bin/containerd-shim-wasmedge-v1';

let cluster: Cluster;
let installer: string;

beforeAll(async () => {
  cluster = openCluster();
  const folder = mkdtempSync(join(tmpdir(), 'nl-installer-'));
  try {
    const { folder: bundle } = await makeBundle(folder, () => {});
    const archives = encoderPackages(join(bundle, 'package-lock.json')).map(({ archive }) => archive);
    const encoder = new Map(archives.map((name) => [name, readFileSync(join(encoderFolder(), name))]));
    installer = `${cluster.registry}/nearlight-node:test`;
    const reference = parseReference(installer);
    const image = await bundleImage(bundle, encoder);
    await pushImage(new Registry(reference, { plainHttp: true }), image, reference.tag, () => {});
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 900_000);

afterAll(() => cluster.kubectl('delete', 'namespace', NAMESPACE, 'nearlight-node', '--timeout=180s'));

it('fault 3: the DaemonSet sets up a node that has nothing of the node bundle, and becomes ready', async () => {
  const node = at(cluster.nodes, -1);
  await node.exec('rm', '-rf', '/opt/nearlight', SHIM);
  const objects = readOverlay('node');
  const { spec } = must(
    objects.find(({ kind }) => kind === 'DaemonSet'),
    'DaemonSet',
  );
  const { initContainers, containers } = spec.template.spec as unknown as Record<string, { image: string }[]>;
  for (const container of [...(initContainers ?? []), ...(containers ?? [])]) container.image = installer;
  const start = performance.now();
  await cluster.apply(manifest(objects));
  await cluster.kubectl('rollout', 'status', 'daemonset/nearlight-node', '-n', 'nearlight-node', '--timeout=170s');
  figure('nodes set up by the DaemonSet', 'ms', [performance.now() - start]);
  await node.exec('test', '-x', SHIM);

  const image = await cluster.push('arena:1', moduleOf('arena'));
  const game = gameObjects({ namespace: NAMESPACE, image });
  await cluster.apply(manifest(game.filter(({ kind }) => kind === 'Namespace' || kind === 'RuntimeClass')));
  const pod = podOf(game, 'first') as { spec: object };
  Object.assign(pod.spec, { nodeName: node.name });
  await cluster.create(pod);
  await cluster.kubectl('wait', 'pod/first', '-n', NAMESPACE, '--for=condition=Ready', '--timeout=120s');
  expect(await cluster.kubectl('exec', '-n', NAMESPACE, 'first', '--', 'health')).toBe('ready\n');
});
