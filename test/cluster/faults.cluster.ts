import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { at } from '../at.ts';
import { good } from '../engine/modules.ts';
import { Peer, until } from '../stream/peer.ts';
import { type Cluster, type ClusterNode, openCluster } from './cluster.ts';
import { figure } from './figures.ts';
import { gameObjects, LIGHT, manifest, moduleOf, OVERLAYS, place, podOf, readOverlay } from './game.ts';
import { watchPods } from './watch.ts';

const NAMESPACE = 'test-faults';
/** The default number of hosts that wait for pods on a node. */
const POOL_SIZE = 2;
/** Pods that start at the same time. */
const BUSY_PODS = 20;
/** The tick at which a game of the tests traps. */
const TRAP_TICK = 240;
/** The settings of a node (oci/k3s/NODES.md). */
const SETTINGS = '/etc/nearlight/node.env';

interface Pod {
  metadata: { name: string; uid: string };
  spec: { nodeName: string };
  status: {
    containerStatuses?: { ready: boolean; restartCount: number }[];
    conditions?: { type: string; status: string }[];
  };
}

let cluster: Cluster;
let image: string;

beforeAll(async () => {
  cluster = openCluster();
  image = await cluster.push('arena:1', moduleOf('arena'));
  await cluster.apply(
    manifest(gameObjects({ namespace: NAMESPACE, image, replicas: 0 }).filter(({ kind }) => kind !== 'Deployment')),
  );
});

afterAll(() => cluster.kubectl('delete', 'namespace', NAMESPACE, '--timeout=180s'));

/** Creates a pod of this image and waits until it is ready. */
async function startPod(name: string): Promise<{ pod: Pod; node: ClusterNode; host: number }> {
  await cluster.create(podOf(gameObjects({ namespace: NAMESPACE, image }), name));
  await cluster.kubectl('wait', `pod/${name}`, '-n', NAMESPACE, '--for=condition=Ready', '--timeout=120s');
  const pod = await podNamed(name);
  const node = must(
    cluster.nodes.find((one) => one.name === pod.spec.nodeName),
    'node',
  );
  return { pod, node, host: await hostOf(pod, node) };
}

function podNamed(name: string): Promise<Pod> {
  return cluster.get<Pod>('pod', name, '-n', NAMESPACE);
}

/** The id of a pod's host on its node: the child of the supervisor, which containerd knows as the pod's sandbox. */
async function hostOf({ metadata }: Pod, node: ClusterNode): Promise<number> {
  const filter = `labels."io.kubernetes.pod.uid"==${metadata.uid},labels."io.cri-containerd.kind"==sandbox`;
  const ids = (await node.exec('ctr', '-n', 'k8s.io', 'containers', 'ls', '-q', filter)).trim().split('\n');
  // A sandbox that was replaced may still be in the list.
  const script =
    'for id; do read -r pid _ <"/run/nearlight/pod/k8s.io/$id" && cat "/proc/$pid/task/$pid/children"; done; true';
  const children = (await node.exec('sh', '-c', script, 'sh', ...ids)).split(/\s+/).filter(Boolean);
  return Number(must(children[0], `host of the pod ${metadata.name}`));
}

it('fault 2: a host that hangs is replaced', async () => {
  const { node, host } = await startPod('hangs');
  const start = performance.now();
  await node.exec('kill', '-STOP', String(host));
  await cluster.until(async () => {
    const pod = await podNamed('hangs');
    const [status] = pod.status.containerStatuses ?? [];
    return status?.ready === true && (await hostOf(pod, node).catch(() => host)) !== host;
  }, 'another host');
  figure('host that hangs, until another one is ready', 'ms', [performance.now() - start]);
  await cluster.kubectl('delete', 'pod', 'hangs', '-n', NAMESPACE, '--timeout=60s');
});

it('fault 2: a pod whose host hangs is deleted, with all its processes', async () => {
  const { node, host } = await startPod('stuck');
  await node.exec('kill', '-STOP', String(host));
  await cluster.kubectl('delete', 'pod', 'stuck', '-n', NAMESPACE, '--timeout=60s');
  await expect(node.exec('test', '-e', `/proc/${host}`)).rejects.toThrow();
});

it('fault 5: no overlay has both an autoscaler and a number of replicas for one Deployment', () => {
  for (const overlay of OVERLAYS) {
    const objects = readOverlay(overlay);
    expect(objects.length).toBeGreaterThan(0);
    const scaled = objects
      .filter(({ kind }) => kind === 'HorizontalPodAutoscaler' || kind === 'ScaledObject')
      .map(({ spec }) => (spec as unknown as { scaleTargetRef: { name: string } }).scaleTargetRef.name);
    const fixed = objects.filter(({ kind, spec }) => kind === 'Deployment' && spec.replicas !== undefined);
    const names = fixed.map(({ metadata }) => metadata.name);
    expect([overlay, ...names.filter((name) => scaled.includes(name))]).toEqual([overlay]);
  }
});

it('fault 6: a node with another pool size in its settings keeps that many hosts ready', async () => {
  // The keeper of a node runs from its first pod on.
  const { node } = await startPod('pool');
  await cluster.kubectl('delete', 'pod', 'pool', '-n', NAMESPACE, '--timeout=60s');
  const warm = async () => (await node.exec('ls', '/run/nearlight/warm')).trim().split('\n').filter(Boolean).length;
  const size = POOL_SIZE + 1;
  await node.exec(
    'sh',
    '-c',
    `mkdir -p /etc/nearlight && printf 'NEARLIGHT_POOL_SIZE%s=${size}\\n' '' _MAX >${SETTINGS}`,
  );
  try {
    await cluster.until(async () => (await warm()) === size, `${size} hosts that wait for pods`);
  } finally {
    await node.exec('rm', SETTINGS);
  }
});

it('fault 7: pods that start together on a busy node play on without a restart', async () => {
  const objects = gameObjects({ namespace: NAMESPACE, image, replicas: BUSY_PODS, cpu: '5m', isLight: true });
  const own = objects.filter(({ kind }) => kind === 'Deployment' || kind === 'RuntimeClass');
  for (const { kind, metadata } of own) if (kind === 'Deployment') metadata.name = 'busy';
  await cluster.apply(manifest(own));
  try {
    await cluster.kubectl('wait', 'deployment/busy', '-n', NAMESPACE, '--for=condition=Available', '--timeout=280s');
    const { items } = await cluster.get<{ items: Pod[] }>(
      'pods',
      '-n',
      NAMESPACE,
      '-l',
      'app.kubernetes.io/name=arena',
    );
    const restarts = items.map(({ status }) => status.containerStatuses?.[0]?.restartCount ?? 0);
    expect(restarts.filter((count) => count > 0)).toEqual([]);
    expect(restarts.length).toBeGreaterThanOrEqual(BUSY_PODS);
  } finally {
    await cluster.kubectl('delete', 'deployment', 'busy', '-n', NAMESPACE, '--timeout=180s', '--cascade=foreground');
    await cluster.kubectl('delete', 'runtimeclass', LIGHT);
  }
});

it('fault 10: under memory pressure, the kernel ends the host of a pod before processes of the node', async () => {
  const { node, host } = await startPod('pressure');
  const score = Number(await node.exec('cat', `/proc/${host}/oom_score_adj`));
  // The kubelet gives pods with requests below their limits a score from 2 to 999.
  expect(score).toBeGreaterThanOrEqual(2);
  await cluster.kubectl('delete', 'pod', 'pressure', '-n', NAMESPACE, '--timeout=60s');
});

it('fault 11: a volume and a sidecar of a pod are honoured, and what is not honoured is named in an event', async () => {
  const objects = gameObjects({ namespace: NAMESPACE, image });
  const data = { 'config.json': '{"level":3}' };
  await cluster.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'config', namespace: NAMESPACE },
    data,
  });
  const pod = podOf(objects, 'beside') as { spec: { containers: object[]; volumes?: object[] } };
  const [game] = pod.spec.containers as [Record<string, unknown>];
  game.volumeMounts = [{ name: 'config', mountPath: '/config.json', subPath: 'config.json' }];
  pod.spec.volumes = [{ name: 'config', configMap: { name: 'config' } }];
  const { securityContext } = game;
  pod.spec.containers.push({ name: 'sidecar', image: `${cluster.registry}/pause:1`, securityContext });
  await cluster.create(pod);
  await cluster.kubectl('wait', 'pod/beside', '-n', NAMESPACE, '--for=condition=Ready', '--timeout=120s');
  await cluster.kubectl('delete', 'pod', 'beside', '-n', NAMESPACE, '--timeout=60s');

  const refused = podOf(gameObjects({ namespace: NAMESPACE, image }), 'refused') as { spec: { containers: object[] } };
  Object.assign(at(refused.spec.containers, 0), { args: ['--level=3'] });
  await cluster.create(refused);
  await cluster.until(
    async () => (await cluster.kubectl('describe', 'pod', 'refused', '-n', NAMESPACE)).includes('NL_POD'),
    'an event that names the arguments',
  );
  await cluster.kubectl('delete', 'pod', 'refused', '-n', NAMESPACE, '--timeout=60s');
});

it('fault 12: the overlay for nodes without a GPU runs as it is, and fault 15: its port leads players in', async () => {
  const namespace = `${NAMESPACE}-software`;
  const objects = place(readOverlay('software'), { namespace, image });
  const ports = objects.filter(({ kind, spec }) => kind === 'Service' && spec.type === 'NodePort');
  const [{ nodePort }] = at(ports, 0).spec.ports as [{ nodePort: number }];
  await cluster.apply(manifest(objects));
  try {
    await cluster.kubectl('rollout', 'status', 'deployment/arena', '-n', namespace, '--timeout=180s');
    const { items } = await cluster.get<{ items: Pod[] }>('pods', '-n', namespace);
    const used = cluster.nodes.filter(({ name }) => items.some(({ spec }) => spec.nodeName === name));
    for (const { address } of used) {
      const peer = new Peer({ address: cluster.address });
      await peer.join(`http://${address}:${nodePort}/`, { query: '?size=320x180&fps=30' });
      await until(() => peer.pictures > 20, 'pictures');
      await peer.leave();
    }
  } finally {
    await cluster.kubectl('delete', 'namespace', namespace, '--timeout=180s');
  }
});

it('fault 13: a game that traps after two seconds is never ready', async () => {
  const module = good({ tick: `(if (i32.ge_u (local.get 0) (i32.const ${TRAP_TICK})) (then unreachable))` });
  const trap = await cluster.push('trap:1', module);
  const watch = await watchPods(cluster, NAMESPACE);
  try {
    await cluster.create(podOf(gameObjects({ namespace: NAMESPACE, image: trap }), 'trap'));
    await cluster.until(async () => {
      const [status] = (await podNamed('trap')).status.containerStatuses ?? [];
      return (status?.restartCount ?? 0) > 0 || watch.all.has('trap');
    }, 'a restart of the game');
    expect([...watch.all.keys()]).not.toContain('trap');
  } finally {
    watch.close();
    await cluster.kubectl('delete', 'pod', 'trap', '-n', NAMESPACE, '--timeout=60s');
  }
});

it('fault 14: kubectl logs shows why the host has ended a game', async () => {
  const trap = await cluster.push('trap-at-once:1', good({ tick: 'unreachable' }));
  await cluster.create(podOf(gameObjects({ namespace: NAMESPACE, image: trap }), 'ended'));
  await cluster.until(async () => {
    const log = await cluster.kubectl('logs', 'ended', '-n', NAMESPACE).catch(() => '');
    return log.split('\n').some((line) => line.startsWith('{') && JSON.parse(line).source === 'host');
  }, 'a line of the host in the log');
  await cluster.kubectl('delete', 'pod', 'ended', '-n', NAMESPACE, '--timeout=60s');
});
