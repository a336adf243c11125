import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig, settings } from '../../host/base/config.ts';
import { build, buildWith, compile, find, known, OVERLAYS, problems } from './kustomize.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Every folder with a kustomization, and the components, which an operator adds to an overlay. */
const [overlays, components] = ['Kustomization', 'Component'].map((kind) =>
  readdirSync(OVERLAYS, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('kustomization.yaml'))
    .filter((path) => readFileSync(join(OVERLAYS, path), 'utf8').includes(`kind: ${kind}\n`))
    .map((path) => join(path, '..')),
) as [string[], string[]];

it('the manifests contain only fields that the schemas of Kubernetes know, with valid values', async () => {
  expect(overlays).toEqual(
    expect.arrayContaining(['.', 'base', 'battle', 'dra-shared', 'okg', 'gatekeeper/constraints']),
  );
  expect(components.sort()).toEqual(['parts/no-gpu', 'ways/gateway', 'ways/ingress', 'ways/node-port']);
  const built = [...overlays.map(build), ...components.map((component) => buildWith('render', [component]))];
  for (const manifests of built) expect(manifests.length).toBeGreaterThan(0);
  const all = [...new Map(built.flatMap(known).map((manifest) => [JSON.stringify(manifest), manifest])).values()];
  expect((await Promise.all(all.map(problems))).join('')).toBe('');
  expect(compile(all)).toBe('');
});

it('the check of manifests finds a misspelt field, and a value of the wrong type', async () => {
  const deployment = find(build('base'), 'Deployment');
  const { template, ...spec } = deployment.spec as { template: object };
  expect(compile([{ ...deployment, spec: { ...spec, tempalte: template } as never }])).toContain('tempalte');
  expect(await problems({ ...deployment, spec: { ...spec, template, replicas: 'many' } as never })).toContain(
    'replicas',
  );
});

interface Resources {
  cpu: string;
  memory: string;
}

interface Probe {
  httpGet: { path: string; port: string };
}

interface Container {
  resources: { requests: Resources };
  ports: { name: string; containerPort: number }[];
  startupProbe: Probe;
  readinessProbe: Probe;
  livenessProbe: Probe;
}

interface NetworkPolicy {
  spec: { ingress: { from?: object[]; ports: { port: string | number }[] }[] };
}

interface Deployment {
  spec: {
    replicas: number;
    selector: { matchLabels: Record<string, string> };
    template: {
      metadata: { labels: Record<string, string>; annotations: Record<string, string> };
      spec: {
        runtimeClassName: string;
        containers: Container[];
      };
    };
  };
}

describe('the manifests together', () => {
  const all = build('eight-core');
  const { spec } = find<Deployment>(all, 'Deployment');
  const container = must(spec.template.spec.containers[0], 'container');

  it('the manifests refer to each other by the right names', () => {
    expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    for (const kind of ['PodDisruptionBudget', 'NetworkPolicy']) {
      const { selector, podSelector } = find<{ spec: Record<string, { matchLabels: object }> }>(all, kind).spec;
      expect((selector ?? podSelector)?.matchLabels).toEqual(spec.selector.matchLabels);
    }
    const service = find<{ spec: { selector: object; ports: { targetPort: string }[] } }>(all, 'Service');
    expect(service.spec.selector).toEqual(spec.selector.matchLabels);
    expect(container.ports.map(({ name }) => name)).toContain(service.spec.ports[0]?.targetPort);
    expect(find<{ metadata: { name: string } }>(all, 'RuntimeClass').metadata.name).toBe(
      spec.template.spec.runtimeClassName,
    );
  });

  it("probes and monitoring ask the operator's port, which neither the Service nor the network offers to players", () => {
    const ports = Object.fromEntries(container.ports.map(({ name, containerPort }) => [name, containerPort]));
    expect(ports).toEqual({ http: settings.port.default, operator: settings.operatorPort.default });
    const { startupProbe, readinessProbe, livenessProbe } = container;
    for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe]) expect(httpGet.port).toBe('operator');
    expect(spec.template.metadata.annotations['prometheus.io/port']).toBe(String(ports.operator));
    const service = find<{ spec: { ports: { targetPort: string }[] } }>(all, 'Service');
    expect(service.spec.ports.map(({ targetPort }) => targetPort)).toEqual(['http']);
    const { ingress } = find<NetworkPolicy>(all, 'NetworkPolicy').spec;
    const rules = ingress.filter((rule) =>
      rule.ports.some(({ port }) => port === 'operator' || port === ports.operator),
    );
    expect(rules).toHaveLength(1);
    for (const { from, ports: named } of rules) expect([from?.length, named.length]).toEqual([1, 1]);
  });

  it('twenty pods fit on a node with 8 cores and 16 GiB, and leave some of both for Kubernetes', () => {
    const { overhead } = find<{ overhead: { podFixed: Resources } }>(all, 'RuntimeClass');
    const { requests } = container.resources;
    const sum = (name: 'cpu' | 'memory') =>
      Number.parseInt(requests[name], 10) + Number.parseInt(overhead.podFixed[name], 10);
    expect(spec.replicas).toBe(20);
    expect(requests.cpu).toMatch(/^\d+m$/);
    expect(20 * sum('cpu')).toBeLessThanOrEqual(7600);
    expect(20 * sum('memory')).toBeLessThanOrEqual(15 * 1024);
  });
});

it('each key of the ConfigMap edge-config is a setting in lower case, with a valid value, which is the default', () => {
  const { metadata, data } = find<{ metadata: { name: string }; data: Record<string, string> }>(
    build('edge'),
    'ConfigMap',
  );
  expect(metadata.name).toBe('edge-config');
  expect(Object.keys(data)).toEqual(['local_storage', 'offline_mode', 'sync_interval']);
  const environment = Object.fromEntries(Object.entries(data).map(([key, value]) => [key.toUpperCase(), value]));
  expect(Object.values(settings).map(({ env }) => env)).toEqual(expect.arrayContaining(Object.keys(environment)));
  expect(readConfig(environment)).toEqual(readConfig({}));
});

interface DaemonSet {
  spec: {
    template: {
      spec: {
        initContainers: { args: string[]; securityContext: { capabilities: object } }[];
        containers: { command: string[]; env: { name: string; value?: string }[]; securityContext: object }[];
      };
    };
  };
}

it('the edge service of a node runs without privileges, and its settings are valid', () => {
  const { initContainers, containers } = find<DaemonSet>(build('edge'), 'DaemonSet').spec.template.spec;
  const edge = must(containers[0], 'container');
  expect(edge.command.slice(-2)).toEqual(['/bundle/host/cli/main.js', 'edge']);
  expect(edge.securityContext).toMatchObject({
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  const values = edge.env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]));
  const config = readConfig(Object.fromEntries(values));
  expect([config.edgeSocket, config.storeDir]).toEqual(['/run/nearlight-edge/edge.sock', '/var/lib/nearlight-edge']);
  const names = Object.values(settings).map(({ env }) => env as string);
  expect(edge.env.filter(({ name }) => !names.includes(name))).toEqual([]);
  const script = must(initContainers[0], 'init container').args[1] ?? '';
  for (const folder of [config.storeDir, '/run/nearlight-edge']) expect(script).toContain(`'${folder}'`);
});

it('the unit for systemd has the settings of the DaemonSet, and gives the service no privileges', () => {
  const unit = readFileSync(join(ROOT, 'oci/k3s/edge/nearlight-edge.service'), 'utf8');
  const environment = /^Environment=(.*)$/m.exec(unit)?.[1] ?? '';
  expect(readConfig(Object.fromEntries(environment.split(' ').map((entry) => entry.split('='))))).toMatchObject({
    edgeSocket: '/run/nearlight-edge/edge.sock',
    storeDir: '/var/lib/nearlight-edge',
  });
  // Every line is a section, a comment, or a key with a value.
  for (const line of unit.split('\n')) expect(line).toMatch(/^(|#.*|\[(Unit|Service|Install)\]|[A-Z]\w+=.*)$/);
  for (const key of [
    'DynamicUser=yes',
    'NoNewPrivileges=yes',
    'CapabilityBoundingSet=',
    'RuntimeDirectory=nearlight-edge',
  ])
    expect(unit.split('\n')).toContain(key);
});
