import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { must } from '../../host/base/assert.ts';
import { readConfig, settings } from '../../host/base/config.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: never;
}

function build(folder: string): Manifest[] {
  const text = execFileSync('kubectl', ['kustomize', join(ROOT, 'oci/k3s', folder)], { encoding: 'utf8' });
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

function find<T = Manifest>(manifests: Manifest[], kind: string): T {
  return must(
    manifests.find((manifest) => manifest.kind === kind),
    kind,
  ) as T;
}

const folder = mkdtempSync(join(ROOT, 'build/manifests-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Compiles manifests as literals of Kubernetes' TypeScript types. Returns the errors; an unknown field is one. */
function compile(manifests: Manifest[]): string {
  mkdirSync(folder, { recursive: true });
  const lines = manifests.flatMap((manifest, index) => {
    const { apiVersion, kind } = manifest;
    const path = apiVersion === 'v1' ? 'v1' : apiVersion;
    return [
      `import type { I${kind} as T${index} } from 'kubernetes-models/${path}';`,
      `export const m${index}: T${index} = ${JSON.stringify(manifest)};`,
    ];
  });
  writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'));
  const options = {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    moduleResolution: 'nodenext',
    skipLibCheck: true,
    types: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['manifests.ts'] }));
  try {
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8', stdio: 'pipe' });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** Returns the error that the schemas of Kubernetes report for a manifest, or '' if the manifest is valid. */
async function problems(manifest: Manifest): Promise<string> {
  const models = (await import(/* @vite-ignore */ `kubernetes-models/${manifest.apiVersion}`)) as Record<
    string,
    new (
      data: Manifest,
    ) => { validate(): void }
  >;
  try {
    const Model = must(models[manifest.kind], manifest.kind);
    new Model(manifest).validate();
    return '';
  } catch (error) {
    return `${manifest.kind}: ${(error as Error).message}`;
  }
}

describe.each(['.', 'base', 'edge', 'eight-core', 'gpu', 'node', 'sight'])('oci/k3s/%s', (overlay) => {
  it('the manifests contain only fields that the schemas of Kubernetes know, with valid values', async () => {
    const manifests = build(overlay);
    expect(manifests.length).toBeGreaterThan(0);
    expect((await Promise.all(manifests.map(problems))).join('')).toBe('');
    expect(compile(manifests)).toBe('');
  });
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
