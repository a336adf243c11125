import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { Peer, until } from '../stream/peer.ts';
import { type Cluster, type ClusterNode, openCluster } from './cluster.ts';
import { gameObjects, type KubeObject, manifest, moduleOf, podOf } from './game.ts';
import { expectNothingLeft, inventory } from './leftovers.ts';

const NAMESPACE = 'test-pod';
/** The default number of hosts that wait for pods on a node. */
const POOL_SIZE = 2;
/** The settings of a node (oci/k3s/NODES.md). */
const SETTINGS = '/etc/nearlight/node.env';

interface Pod {
  metadata: { uid: string };
  spec: { nodeName: string };
  status: { podIP: string };
}

let cluster: Cluster;
let objects: KubeObject[];

beforeAll(async () => {
  cluster = openCluster();
  const image = await cluster.push('arena:1', moduleOf('arena'));
  objects = gameObjects({ namespace: NAMESPACE, image });
  await cluster.apply(manifest(objects));
  await cluster.kubectl('rollout', 'status', 'deployment/arena', '-n', NAMESPACE, '--timeout=180s');
});

afterAll(() => cluster.kubectl('delete', 'namespace', NAMESPACE, '--timeout=120s'));

function podNamed(name: string): Promise<Pod> {
  return cluster.get<Pod>('pod', name, '-n', NAMESPACE);
}

async function podOfDeployment(): Promise<{ name: string; pod: Pod }> {
  const name = (
    await cluster.kubectl('get', 'pods', '-n', NAMESPACE, '-l', 'app.kubernetes.io/name=arena', '-o', 'name')
  ).trim();
  expect(name.split('\n')).toHaveLength(1);
  return { name: name.replace('pod/', ''), pod: await podNamed(name.replace('pod/', '')) };
}

function nodeOf({ spec }: Pod): ClusterNode {
  return must(
    cluster.nodes.find(({ name }) => name === spec.nodeName),
    `node ${spec.nodeName}`,
  );
}

it("fault 1: /metrics of a pod of the installed node bundle answers with the host's metrics", async () => {
  const { pod } = await podOfDeployment();
  const response = await fetch(`http://${pod.status.podIP}:9464/metrics`);
  const text = await response.text();
  expect([response.status, text.slice(0, 200)]).toEqual([200, expect.stringContaining('# HELP')]);
  expect(text).toContain('nearlight_');
});

it('a page joins through the Service, and gets pictures', async () => {
  const url = await cluster.url({ namespace: NAMESPACE, name: 'arena', port: 'http' });
  const peer = new Peer({ address: cluster.address });
  await peer.join(url, { query: '?size=320x180&fps=30' });
  await until(() => peer.pictures > 20, 'pictures');
  await peer.leave();
});

it('a page joins through the port of a node, also of one that does not run the pod', async () => {
  await cluster.kubectl('patch', 'service', 'arena', '-n', NAMESPACE, '-p', '{"spec":{"type":"NodePort"}}');
  const { spec } = await cluster.get<{ spec: { ports: [{ nodePort: number }] } }>('service', 'arena', '-n', NAMESPACE);
  for (const node of cluster.nodes) {
    const peer = new Peer({ address: cluster.address });
    await peer.join(`http://${node.address}:${spec.ports[0].nodePort}/`, { query: '?size=320x180&fps=30' });
    await until(() => peer.pictures > 20, 'pictures');
    await peer.leave();
  }
});

it('kubectl shows the log of a game, and runs the commands of a pod', async () => {
  const { name } = await podOfDeployment();
  const pod = (...args: string[]) => cluster.kubectl(...args.slice(0, 1), '-n', NAMESPACE, name, ...args.slice(1));
  const lines = (await pod('logs')).trim().split('\n');
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  expect(await pod('exec', '--', 'health')).toBe('ready\n');
  expect(await pod('exec', '--', 'players')).toMatch(/^\d+\n$/);
  expect(JSON.parse(await pod('exec', '--', 'status'))).toHaveProperty('rooms');
});

it('a deleted pod leaves nothing behind on its node', async () => {
  const node = nodeOf((await podOfDeployment()).pod);
  // The pool must not follow the demand of this test.
  await node.exec('sh', '-c', `mkdir -p /etc/nearlight && echo NEARLIGHT_POOL_SIZE_MAX=${POOL_SIZE} >${SETTINGS}`);
  const warm = async () => (await node.exec('ls', '/run/nearlight/warm')).trim().split('\n').filter(Boolean).length;
  const poolIsFull = () => cluster.until(async () => (await warm()) === POOL_SIZE, 'hosts that wait for pods');
  await poolIsFull();
  const before = await inventory(node);
  const pod = podOf(objects, 'gone') as { spec: object };
  Object.assign(pod.spec, { nodeName: node.name });
  await cluster.create(pod);
  await cluster.kubectl('wait', 'pod/gone', '-n', NAMESPACE, '--for=condition=Ready', '--timeout=120s');
  await poolIsFull();
  expect(await inventory(node)).not.toEqual(before);
  await cluster.kubectl('delete', 'pod', 'gone', '-n', NAMESPACE, '--timeout=120s');
  await expectNothingLeft(cluster, node, before);
  await node.exec('rm', SETTINGS);
});
