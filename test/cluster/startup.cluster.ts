import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, openCluster } from './cluster.ts';
import { figure } from './figures.ts';
import { gameObjects, type KubeObject, LIGHT, manifest, moduleOf, podOf, trivialPodOf } from './game.ts';
import { watchPods } from './watch.ts';

const NAMESPACE = 'test-startup';
/** Pods of each kind that are started one after the other. */
const ROUNDS = 20;
/** Numbers of pods that are started at once, and how often. */
const BURSTS = [
  { count: 10, rounds: 3 },
  { count: 50, rounds: 1 },
];
const CPU = '1m';

type Kind = 'game' | 'trivial';

let cluster: Cluster;
let objects: KubeObject[];
let trivial: string;

beforeAll(async () => {
  cluster = openCluster();
  const image = await cluster.push('arena:1', moduleOf('arena'));
  trivial = `${cluster.registry}/trivial:1`;
  objects = gameObjects({ namespace: NAMESPACE, image, cpu: CPU, isLight: true });
  await cluster.apply(manifest(objects.filter(({ kind }) => kind === 'Namespace' || kind === 'RuntimeClass')));
  // Each node pulls both images, and compiles the game.
  for (const node of cluster.nodes)
    for (const kind of ['game', 'trivial'] as const) {
      const pod = podFor(kind, `first-${kind}-${node.name}`);
      Object.assign(pod.spec, { nodeName: node.name });
      await cluster.create(pod);
    }
  await cluster.kubectl('wait', 'pod', '--all', '-n', NAMESPACE, '--for=condition=Ready', '--timeout=180s');
  await removeAll();
});

afterAll(async () => {
  await cluster.kubectl('delete', 'namespace', NAMESPACE, '--timeout=180s');
  await cluster.kubectl('delete', 'runtimeclass', LIGHT);
});

function podFor(kind: Kind, name: string): { spec: object } {
  const pod = kind === 'game' ? podOf(objects, name) : trivialPodOf(objects, name, trivial);
  return pod as { spec: object };
}

function removeAll(): Promise<string> {
  return cluster.kubectl('delete', 'pod', '--all', '-n', NAMESPACE, '--timeout=180s');
}

/** Starts pods with one `kubectl create`; resolves with the time until each was ready, in milliseconds. */
async function start(kind: Kind, names: readonly string[]): Promise<number[]> {
  const watch = await watchPods(cluster, NAMESPACE);
  try {
    const list = { apiVersion: 'v1', kind: 'List', items: names.map((name) => podFor(kind, name)) };
    const begin = performance.now();
    await cluster.create(list);
    const times: number[] = [];
    for (const name of names) times.push((await watch.ready(name)) - begin);
    return times;
  } finally {
    watch.close();
    await removeAll();
  }
}

it('the time from kubectl create to Ready of one pod is measured beside that of a trivial one under runc', async () => {
  const times: Record<Kind, number[]> = { game: [], trivial: [] };
  for (let round = 0; round < ROUNDS; round++)
    for (const kind of ['game', 'trivial'] as const) times[kind].push(...(await start(kind, [`${kind}-${round}`])));
  figure('one pod, create to Ready', 'ms', times.game);
  figure('one trivial pod under runc', 'ms', times.trivial);
  expect(times.game).toHaveLength(ROUNDS);
});

it.each(BURSTS)(
  'the time until $count pods at once are ready is measured beside trivial ones under runc',
  async ({ count, rounds }) => {
    const last: Record<Kind, number[]> = { game: [], trivial: [] };
    for (let round = 0; round < rounds; round++)
      for (const kind of ['game', 'trivial'] as const) {
        const names = Array.from({ length: count }, (_, i) => `${kind}-${count}-${round}-${i}`);
        last[kind].push(Math.max(...(await start(kind, names))));
      }
    figure(`${count} pods, create to all Ready`, 'ms', last.game);
    figure(`${count} trivial pods under runc`, 'ms', last.trivial);
    expect(last.game).toHaveLength(rounds);
  },
);
