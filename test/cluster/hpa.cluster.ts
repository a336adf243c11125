import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { ObservedServer } from '../../host/fleet/scale/load.ts';
import { type MetricsApi, openMetricsApi } from '../../host/fleet/scale/metrics-api.ts';
import { readPolicies } from '../../host/fleet/scale/policies.ts';
import { Scaler } from '../../host/fleet/scale/scaler.ts';
import { makeAuthority, makeCertificate } from '../fleet/scale/certificates.ts';
import { type Cluster, openCluster } from './cluster.ts';

const NAMESPACE = 'test-hpa';
const SERVICE = 'fleet-metrics';
/** The policies are applied this often. The HPA controller asks every 15 s. */
const LOOK_MS = 1000;

let cluster: Cluster;
let api: MetricsApi;
let timer: NodeJS.Timeout;
/** Players on each server; undefined while nothing is known. */
let players: number[] | undefined = [];
let replicas: number | undefined;

beforeAll(async () => {
  cluster = openCluster();
  const authority = makeAuthority('test-hpa');
  const pair = makeCertificate(authority, { name: SERVICE, use: 'serverAuth', host: `${SERVICE}.${NAMESPACE}.svc` });
  const { data } = await cluster.get<{ data: Record<string, string> }>(
    'configmap',
    'extension-apiserver-authentication',
    '-n',
    'kube-system',
  );
  const frontProxy = {
    ca: data['requestheader-client-ca-file'] ?? '',
    names: JSON.parse(data['requestheader-allowed-names'] ?? '[]') as string[],
  };
  const policies = readPolicies(
    JSON.stringify([
      {
        namespace: NAMESPACE,
        game: 'arena',
        min: 2,
        max: 60,
        buffer: { seats: 10, percent: 20 },
        up: { limits: [] },
        down: { stabiliseSeconds: 20, limits: [] },
      },
    ]),
  );
  const scaler = new Scaler({
    policies,
    view: { servers: () => players?.map(serverOf), wanted: () => replicas },
    now: Date.now,
  });
  timer = setInterval(() => {
    void deployment().then(({ spec }) => {
      replicas = spec.replicas;
      scaler.look();
    });
  }, LOOK_MS);
  api = await openMetricsApi({
    listen: { host: cluster.address, port: 0 },
    certificates: { ...pair, frontProxy },
    source: scaler,
    log: (level, message) => process.stdout.write(`${level} ${message}\n`),
  });
  await cluster.apply(
    objects(authority.cert, api.port)
      .map((object) => stringify(object))
      .join('---\n'),
  );
});

afterAll(async () => {
  clearInterval(timer);
  await cluster.kubectl('delete', 'apiservice', 'v1beta1.external.metrics.k8s.io', '--ignore-not-found');
  await cluster.kubectl('delete', 'namespace', NAMESPACE, '--timeout=180s');
  await api.close();
});

function serverOf(taken: number): ObservedServer {
  const state = taken === 0 ? 'ready' : 'allocated';
  return { state, seats: { all: 10, taken, reserved: 0 }, measures: { sessions: taken }, at: Date.now() };
}

function deployment(): Promise<{ spec: { replicas: number } }> {
  return cluster.get('deployment', 'arena', '-n', NAMESPACE);
}

/** The Deployment's pods fit on no node, so they cost nothing. The controller counts them nevertheless. */
function objects(ca: string, port: number): object[] {
  const metadata = { name: SERVICE, namespace: NAMESPACE };
  const labels = { 'app.kubernetes.io/name': 'arena' };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'arena', namespace: NAMESPACE },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            nodeSelector: { 'nearlight/none': 'true' },
            containers: [{ name: 'game', image: 'none.example/arena:1' }],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { ports: [{ name: 'metrics', port: 443, targetPort: port }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: SERVICE, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': SERVICE } },
      addressType: 'IPv4',
      ports: [{ name: 'metrics', port, protocol: 'TCP' }],
      endpoints: [{ addresses: [cluster.address], conditions: { ready: true } }],
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.external.metrics.k8s.io' },
      spec: {
        group: 'external.metrics.k8s.io',
        version: 'v1beta1',
        groupPriorityMinimum: 100,
        versionPriority: 100,
        caBundle: Buffer.from(ca).toString('base64'),
        service: { name: SERVICE, namespace: NAMESPACE, port: 443 },
      },
    },
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'arena', namespace: NAMESPACE },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'arena' },
        minReplicas: 1,
        maxReplicas: 60,
        metrics: [
          {
            type: 'External',
            external: {
              metric: { name: 'nearlight_servers_wanted', selector: { matchLabels: { game: 'arena' } } },
              target: { type: 'AverageValue', averageValue: '1' },
            },
          },
        ],
        behavior: {
          scaleUp: { stabilizationWindowSeconds: 0, policies: [{ type: 'Percent', value: 1000, periodSeconds: 15 }] },
          scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
        },
      },
    },
  ];
}

interface Autoscaler {
  status?: { conditions?: { type: string; status: string; reason: string; message: string }[] };
}

async function condition(type: string) {
  const { status } = await cluster.get<Autoscaler>('hpa', 'arena', '-n', NAMESPACE);
  return status?.conditions?.find((each) => each.type === type);
}

const scaledTo = (servers: number) =>
  cluster.until(async () => (await deployment()).spec.replicas === servers, `${servers} servers`);

describe('the HPA controller of Kubernetes', () => {
  it('the API server passes the API on, and its documents can be read', async () => {
    await cluster.kubectl(
      'wait',
      'apiservice/v1beta1.external.metrics.k8s.io',
      '--for=condition=Available',
      '--timeout=60s',
    );
    const listed = await cluster.kubectl('get', '--raw', '/apis/external.metrics.k8s.io/v1beta1');
    expect(listed).toContain('nearlight_servers_wanted');
  });

  it('scales up by the number that the policy asks for', async () => {
    // 240 players and a fifth more are 288 seats.
    players = Array.from({ length: 24 }, () => 10);
    await scaledTo(29);
    expect(await condition('ScalingActive')).toMatchObject({ status: 'True', reason: 'ValidMetricFound' });
  });

  it('leaves the number as it is while nothing is known', async () => {
    players = undefined;
    const until = Date.now() + 45_000;
    while (Date.now() < until) {
      expect((await deployment()).spec.replicas).toBe(29);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  });

  it('scales down, but not below the servers with players', async () => {
    players = Array.from({ length: 29 }, (_, server) => (server < 12 ? 1 : 0));
    // 12 players need 3 servers, and are on 12. One more stays, because the number of players varies by chance.
    await scaledTo(13);
    players = Array.from({ length: 13 }, () => 0);
    await scaledTo(2);
  });
});
