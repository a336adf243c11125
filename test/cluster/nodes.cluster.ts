import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { Peer, until } from '../stream/peer.ts';
import { type Cluster, type ClusterNode, openCluster } from './cluster.ts';
import { figure } from './figures.ts';
import { gameObjects, type KubeObject, manifest, moduleOf, podOf } from './game.ts';

const NAMESPACE = 'test-nodes';
/** The controllers notice after 50 s that a node is lost. */
const LOST_MS_MAX = 120_000;

interface Pod {
  status: { podIP: string; containerStatuses: [{ restartCount: number }] };
}

let cluster: Cluster;
let objects: KubeObject[];

beforeAll(async () => {
  cluster = openCluster();
  const image = await cluster.push('latency:1', moduleOf('latency'));
  objects = gameObjects({ namespace: NAMESPACE, image });
  await cluster.apply(manifest(objects.filter(({ kind }) => kind === 'Namespace' || kind === 'RuntimeClass')));
  for (const { name } of cluster.nodes) {
    const pod = podOf(objects, name) as { spec: object };
    Object.assign(pod.spec, { nodeName: name });
    await cluster.create(pod);
  }
  await cluster.kubectl('wait', 'pod', '--all', '-n', NAMESPACE, '--for=condition=Ready', '--timeout=180s');
});

afterAll(() => cluster.kubectl('delete', 'namespace', NAMESPACE, '--timeout=180s'));

function podOn({ name }: ClusterNode): Promise<Pod> {
  return cluster.get<Pod>('pod', name, '-n', NAMESPACE);
}

/** Joins the game of a pod, at the address of the pod. */
async function join({ status }: Pod): Promise<Peer> {
  const peer = new Peer({ address: cluster.address });
  await peer.join(`http://${status.podIP}:8080/`, { query: '?size=320x180&fps=30' });
  await until(() => peer.pictures > 5, 'pictures');
  peer.beat();
  return peer;
}

/** Waits until the API server says that a node is ready, or no longer. */
async function readiness({ name }: ClusterNode, isReady: boolean): Promise<void> {
  interface Node {
    status: { conditions: { type: string; status: string }[] };
  }
  await cluster.until(
    async () => {
      const { status } = await cluster.get<Node>('node', name);
      const ready = status.conditions.find(({ type }) => type === 'Ready');
      return (ready?.status === 'True') === isReady;
    },
    `node ${name}: ${isReady ? 'Ready' : 'not Ready'}`,
    LOST_MS_MAX,
  );
}

it('a node without its network keeps its games, and a player on another node notices nothing', async () => {
  const [lost, other] = cluster.nodes;
  const peer = await join(await podOn(must(other, 'second node')));
  const node = must(lost, 'first node');
  const start = performance.now();
  await node.cut();
  try {
    await readiness(node, false);
    figure('node lost, until the API server says so', 'ms', [performance.now() - start]);
    const { pictures } = peer;
    await until(() => peer.pictures > pictures + 20, 'pictures');
    expect(peer.peerState).toBe('connected');
  } finally {
    await node.mend();
  }
  await readiness(node, true);
  const pod = await podOn(node);
  expect(pod.status.containerStatuses[0].restartCount).toBe(0);
  await (await join(pod)).leave();
  await peer.leave();
});

it.each(['containerd', 'kubelet'] as const)(
  'a player plays on while %s of the node is killed and starts again',
  async (program) => {
    const node = must(cluster.nodes[0], 'node');
    const peer = await join(await podOn(node));
    await node.restart(program);
    const { pictures } = peer;
    await until(() => peer.pictures > pictures + 20, 'pictures');
    expect(peer.peerState).toBe('connected');
    await readiness(node, true);
    expect((await podOn(node)).status.containerStatuses[0].restartCount).toBe(0);
    await peer.leave();
  },
);
