import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { build, buildOwn, buildWith, find, type Manifest, OVERLAYS } from './kustomize.ts';

type Quantities = Record<string, string>;

interface PodSpec {
  nodeSelector?: Record<string, string>;
  affinity?: { nodeAffinity: object };
  tolerations?: object[];
  resourceClaims?: object[];
  volumes?: { hostPath?: object }[];
  containers: [
    {
      name: string;
      image: string;
      env: { name: string; value: string }[];
      ports: { name: string; containerPort: number }[];
      resources: { requests: Quantities; limits: Quantities; claims?: object[] };
    },
  ];
}

interface Deployment {
  metadata: { name: string };
  spec: {
    replicas?: number;
    selector: { matchLabels: object };
    template: { metadata: { labels: object }; spec: PodSpec };
  };
}

interface Service {
  metadata: { name: string };
  spec: { type?: string; selector: object; ports: { name: string; port: number; nodePort?: number }[] };
}

const deploymentOf = (overlay: string) => find<Deployment>(build(overlay), 'Deployment');
const podOf = (overlay: string) => deploymentOf(overlay).spec.template.spec;

/** The settings that the environment of a game's container makes. */
function configOf({ containers: [game] }: PodSpec) {
  return readConfig(Object.fromEntries(game.env.map(({ name, value }) => [name, value])));
}

const LARGE = { cpu: '2', memory: '1Gi' };
const GPU = { 'nvidia.com/gpu': '1' };

it.each([
  ['render', 20, { cpu: '500m', memory: '512Mi', ...GPU }, { ...LARGE, ...GPU }, { gpu: 'enabled' }],
  ['eight-core', 20, { cpu: '180m', memory: '256Mi', ...GPU }, { ...LARGE, ...GPU }, { gpu: 'enabled' }],
  ['battle', 50, { cpu: '200m', memory: '256Mi' }, { cpu: '1', memory: '512Mi' }, undefined],
  ['edge-nodes', 100, { cpu: '100m', memory: '128Mi' }, { cpu: '500m', memory: '512Mi' }, { 'node-type': 'edge' }],
  ['software', 2, { cpu: '250m', memory: '128Mi' }, LARGE, undefined],
  ['dra', 20, { cpu: '500m', memory: '512Mi' }, LARGE, { gpu: 'enabled' }],
])('the overlay %s has %i pods of its size, on its nodes', (overlay, replicas, requests, limits, nodeSelector) => {
  const { spec } = deploymentOf(overlay);
  const pod = spec.template.spec;
  expect(spec.replicas).toBe(replicas);
  expect(pod.containers[0].resources).toMatchObject({ requests, limits });
  expect(Object.keys(pod.containers[0].resources.requests)).toEqual(Object.keys(requests));
  expect(pod.nodeSelector).toEqual(nodeSelector);
  // A pod that may run without a GPU stays away from nodes that are kept for those that need one.
  const hasGpu = nodeSelector !== undefined && 'gpu' in nodeSelector;
  expect(configOf(pod).gpuEnabled).toBe(hasGpu);
  expect(pod.tolerations !== undefined).toBe(hasGpu);
});

it('the base names no number of pods, so that an autoscaler can own it, and no autoscaler', () => {
  const base = build('base');
  expect(find<Deployment>(base, 'Deployment').spec.replicas).toBeUndefined();
  expect(base.map(({ kind }) => kind)).not.toContain('HorizontalPodAutoscaler');
});

it.each([
  ['battle', 'arena-battle'],
  ['edge-nodes', 'arena-edge'],
])('the objects of %s have a name and a label of their own, so they run beside others', (overlay, name) => {
  const manifests = build(overlay);
  const own = { 'app.kubernetes.io/name': name };
  const { metadata, spec } = find<Deployment>(manifests, 'Deployment');
  expect([metadata.name, spec.selector.matchLabels]).toEqual([name, own]);
  expect(spec.template.metadata.labels).toEqual(own);
  const service = find<Service>(manifests, 'Service');
  expect([service.metadata.name, service.spec.selector]).toEqual([name, own]);
  for (const kind of ['PodDisruptionBudget', 'NetworkPolicy']) {
    const found = find<{ metadata: object; spec: Record<string, { matchLabels: object }> }>(manifests, kind);
    expect(found.metadata).toMatchObject({ name });
    expect((found.spec.selector ?? found.spec.podSelector)?.matchLabels).toEqual(own);
  }
});

it('pods without a GPU go to nodes of the kinds to which the installer and the edge service go', () => {
  const expected = podOf('software').affinity;
  expect(expected?.nodeAffinity).toBeDefined();
  expect(podOf('battle').affinity).toEqual(expected);
  expect(podOf('edge-nodes').affinity).toBeUndefined();
  for (const overlay of ['node', 'edge'])
    expect(find<Deployment>(build(overlay), 'DaemonSet').spec.template.spec.affinity).toEqual(expected);
});

it('pods with folders of the node are in a namespace that lets them', () => {
  for (const overlay of ['node', 'edge']) {
    const manifests = build(overlay);
    const { metadata } = find<Manifest & { metadata: { labels: object } }>(manifests, 'Namespace');
    const daemon = find(manifests, 'DaemonSet');
    const { volumes } = (daemon as never as Deployment).spec.template.spec;
    expect(volumes?.some(({ hostPath }) => hostPath !== undefined)).toBe(true);
    expect(daemon.metadata.namespace).toBe(metadata.name);
    expect(metadata.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'privileged' });
  }
});

describe('ways in', () => {
  it('the port of the nodes leads to the pods, and keeps the addresses of players', () => {
    const services = build('software').filter(({ kind }) => kind === 'Service') as never as Service[];
    const open = must(
      services.find(({ spec }) => spec.type === 'NodePort'),
      'NodePort',
    );
    expect(open.spec).toMatchObject({ externalTrafficPolicy: 'Local', sessionAffinity: 'ClientIP' });
    expect(open.spec.selector).toEqual(deploymentOf('software').spec.selector.matchLabels);
    expect(open.spec.ports).toMatchObject([{ targetPort: 'http', nodePort: 30080 }]);
  });

  it('the Ingress has TLS for the name that pods allow, and leads to the port of their Service', () => {
    const manifests = buildWith('render', ['ways/ingress']);
    const { spec } = find<{ spec: IngressSpec }>(manifests, 'Ingress');
    const [rule] = spec.rules;
    const { service } = rule.http.paths[0].backend;
    expect(spec.tls).toEqual([{ hosts: [rule.host], secretName: 'play-tls' }]);
    const target = find<Service>(manifests, 'Service');
    expect(service.name).toBe(target.metadata.name);
    expect(target.spec.ports.map(({ name }) => name)).toContain(service.port.name);
    const config = configOf(find<Deployment>(manifests, 'Deployment').spec.template.spec);
    expect([config.allowedHosts, config.trustedProxies]).toEqual([rule.host, '10.42.0.0/16']);
  });

  it('the HTTPRoute belongs to the Gateway, which has TLS for its name, and leads to the port of the Service', () => {
    const manifests = buildWith('render', ['ways/gateway']);
    const gateway = find<{ metadata: { name: string }; spec: { listeners: [Listener] } }>(manifests, 'Gateway');
    const { spec } = find<{ spec: RouteSpec }>(manifests, 'HTTPRoute');
    expect(spec.parentRefs).toEqual([{ name: gateway.metadata.name }]);
    const [listener] = gateway.spec.listeners;
    expect([listener.protocol, listener.tls.certificateRefs]).toEqual(['HTTPS', [{ name: 'play-tls' }]]);
    const [host] = spec.hostnames;
    expect(host.endsWith(listener.hostname.slice(1))).toBe(true);
    const target = find<Service>(manifests, 'Service');
    expect(spec.rules[0].backendRefs).toEqual([{ name: target.metadata.name, port: target.spec.ports[0]?.port }]);
    expect(configOf(find<Deployment>(manifests, 'Deployment').spec.template.spec).allowedHosts).toBe(host);
  });
});

interface IngressSpec {
  tls: object[];
  rules: [{ host: string; http: { paths: [{ backend: { service: { name: string; port: { name: string } } } }] } }];
}

interface Listener {
  protocol: string;
  hostname: string;
  tls: { certificateRefs: object[] };
}

interface RouteSpec {
  parentRefs: object[];
  hostnames: [string];
  rules: [{ backendRefs: object[] }];
}

describe('OpenKruiseGame', () => {
  const manifests = build('okg');
  const { spec } = find<{ spec: GameServerSetSpec }>(manifests, 'GameServerSet');
  const pod = spec.gameServerTemplate.spec;
  const [game] = pod.containers;

  it('the GameServerSet stands in place of the Deployment and its Service, with the same pod behind a gateway', () => {
    const kinds = manifests.map(({ kind }) => kind);
    expect(kinds).toEqual(
      expect.arrayContaining(['Namespace', 'RuntimeClass', 'NetworkPolicy', 'PodDisruptionBudget']),
    );
    for (const kind of ['Deployment', 'Service']) expect(kinds).not.toContain(kind);
    const base = build('base');
    const { containers, ...rest } = find<Deployment>(base, 'Deployment').spec.template.spec;
    expect(pod).toMatchObject(rest);
    expect(game).toEqual({ ...containers[0], env: game.env });
    const { spec: policy } = find<{ spec: { podSelector: { matchLabels: object } } }>(manifests, 'NetworkPolicy');
    expect(spec.gameServerTemplate.metadata.labels).toMatchObject(policy.podSelector.matchLabels);
  });

  it('each server gets a host of its own, for which the certificate and the pods are good', () => {
    const { networkType, networkConf } = spec.network;
    expect(networkType).toBe('Kubernetes-Ingress');
    const values = Object.fromEntries(networkConf.map(({ name, value }) => [name, value]));
    // Keys of the plugin, all of them strings, each of them once.
    expect(Object.keys(values)).toHaveLength(networkConf.length);
    expect(values).toEqual({
      PathType: 'Prefix',
      Path: '/',
      Port: '8080',
      IngressClassName: 'higress',
      Host: 'game<id>.play.example',
      TlsHosts: '*.play.example',
      TlsSecretName: 'play-tls',
      Fixed: 'true',
    });
    // The Service that the plugin makes leads to the same port of the pod.
    expect(game.ports).toContainEqual({ name: 'http', containerPort: Number(values.Port) });
    const { allowedHosts } = configOf(pod);
    expect([values.TlsHosts?.slice(1), values.Host?.slice(values.Host.indexOf('.'))]).toEqual([
      allowedHosts,
      allowedHosts,
    ]);
  });

  it('probes are commands of the pod, and what they set is what the hooks wait for', () => {
    const [state, idle] = spec.serviceQualities;
    for (const { containerName, exec, permanent, httpGet, tcpSocket } of spec.serviceQualities) {
      expect([containerName, permanent, httpGet, tcpSocket]).toEqual([game.name, false, undefined, undefined]);
      expect(exec.command).toHaveLength(1);
    }
    expect([state.exec.command, idle.exec.command]).toEqual([['state'], ['idle']]);
    const states = Object.fromEntries(state.serviceQualityAction.map(({ result, opsState }) => [result, opsState]));
    expect(states).toEqual({
      ready: 'None',
      allocated: 'Allocated',
      full: 'Allocated',
      draining: 'WaitToBeDeleted',
    });
    const [empty, played] = [true, false].map((wanted) =>
      must(
        idle.serviceQualityAction.find((action) => action.state === wanted),
        String(wanted),
      ),
    ) as [Action, Action];
    for (const priority of ['updatePriority', 'deletionPriority'] as const)
      expect(empty[priority]).toBeGreaterThan(Number(played[priority]));
    for (const { labelsHandler } of [spec.lifecycle.preDelete, spec.lifecycle.inPlaceUpdate]) {
      expect(labelsHandler).toEqual(played.labels);
      expect(labelsHandler).not.toEqual(empty.labels);
      // The controller copies labels to the pod only if they begin with this.
      for (const label of Object.keys(labelsHandler)) expect(label).toMatch(/^gs-sync\//);
    }
    expect(spec.updateStrategy.rollingUpdate.podUpdatePolicy).toBe('InPlaceIfPossible');
  });
});

interface Action {
  state: boolean;
  result?: string;
  opsState?: string;
  updatePriority?: number;
  deletionPriority?: number;
  labels?: Record<string, string>;
}

interface Quality {
  containerName: string;
  permanent: boolean;
  exec: { command: string[] };
  httpGet?: object;
  tcpSocket?: object;
  serviceQualityAction: Action[];
}

interface GameServerSetSpec {
  network: { networkType: string; networkConf: { name: string; value: string }[] };
  updateStrategy: { rollingUpdate: { podUpdatePolicy: string } };
  serviceQualities: [Quality, Quality];
  lifecycle: Record<'preDelete' | 'inPlaceUpdate', { labelsHandler: Record<string, string> }>;
  gameServerTemplate: { metadata: { labels: object }; spec: PodSpec };
}

it.each([
  ['dra', { resourceClaimTemplateName: 'game-gpu' }, 'ResourceClaimTemplate'],
  ['dra-shared', { resourceClaimName: 'game-gpu' }, 'ResourceClaim'],
])('the pods of %s claim a GPU of the class, and ask for no GPU of the device plugin', (overlay, reference, kind) => {
  const manifests = build(overlay);
  const pod = find<Deployment>(manifests, 'Deployment').spec.template.spec;
  expect(pod.resourceClaims).toEqual([{ name: 'gpu', ...reference }]);
  expect(pod.containers[0].resources.claims).toEqual([{ name: 'gpu' }]);
  expect(JSON.stringify(pod.containers[0].resources)).not.toContain('nvidia.com');
  const claim = find<{ metadata: { name: string }; spec: Claim & { spec?: Claim } }>(manifests, kind);
  expect(claim.metadata.name).toBe('game-gpu');
  const { devices } = (claim.spec.spec ?? claim.spec) as Claim;
  const { name } = find<Manifest>(manifests, 'DeviceClass').metadata;
  expect(devices.requests.map(({ exactly }) => exactly.deviceClassName)).toEqual([name]);
  const others = ['ResourceClaim', 'ResourceClaimTemplate'].filter((other) => other !== kind);
  expect(manifests.map((manifest) => manifest.kind)).not.toEqual(expect.arrayContaining(others));
});

interface Claim {
  devices: { requests: { exactly: { deviceClassName: string } }[] };
}

it('the first page has every overlay with games', () => {
  const readme = readFileSync(join(OVERLAYS, 'README.md'), 'utf8');
  for (const overlay of ['render', 'eight-core', 'battle', 'edge-nodes', 'software', 'dra', 'dra-shared', 'okg']) {
    const { containers } = overlay === 'okg' ? { containers: [undefined] } : podOf(overlay);
    const row = must(
      readme.split('\n').find((line) => line.startsWith('| `') && line.includes(`\`oci/k3s/${overlay}\``)),
      overlay,
    );
    const { cpu, memory } = containers[0]?.resources.requests ?? { cpu: '500m', memory: '512Mi' };
    expect(row).toContain(`${cpu}, ${memory}`);
  }
});

it("the first page's own overlay puts the operator's image into the pods", () => {
  const readme = readFileSync(join(OVERLAYS, 'README.md'), 'utf8');
  const [, text = ''] = /^`my\/kustomization.yaml`.*\n\n((?: {4}.*\n)+)/m.exec(readme) ?? [];
  const manifests = buildOwn(text.replace(/^ {4}/gm, ''));
  const [game] = find<Deployment>(manifests, 'Deployment').spec.template.spec.containers;
  expect(game.image).toBe('REGISTRY/arena:1');
});
