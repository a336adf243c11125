import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { must } from '../../host/base/assert.ts';
import { settings } from '../../host/base/config.ts';
import { readPolicies } from '../../host/fleet/scale/policies.ts';
import { METRIC_NAMES } from '../../host/fleet/scale/source.ts';

const FOLDER = join(import.meta.dirname, '../../oci/k3s/scale');

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: Record<string, unknown>;
}

const built = new Map<string, Manifest[]>();

function build(folder: string): Manifest[] {
  const known = built.get(folder);
  if (known) return known;
  const text = execFileSync('kubectl', ['kustomize', join(FOLDER, folder)], { encoding: 'utf8' });
  const manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  built.set(folder, manifests);
  return manifests;
}

function find<T>(folder: string, kind: string): T {
  return must(
    build(folder).find((manifest) => manifest.kind === kind),
    kind,
  ) as T;
}

/** Returns the error that the schema of Kubernetes reports for a manifest, or '' if the manifest is valid. */
async function problem(manifest: Manifest): Promise<string> {
  const models = (await import(/* @vite-ignore */ `kubernetes-models/${manifest.apiVersion}`)) as Record<
    string,
    new (
      data: Manifest,
    ) => { validate(): void }
  >;
  const Model = must(models[manifest.kind], manifest.kind);
  try {
    new Model(manifest).validate();
    return '';
  } catch (error) {
    return `${manifest.kind}: ${(error as Error).message}`;
  }
}

interface Autoscaler {
  spec: {
    minReplicas: number;
    maxReplicas: number;
    metrics: { external: { metric: { name: string; selector: { matchLabels: { game: string } } } } }[];
  };
}

interface ScaledObject {
  spec: {
    minReplicaCount: number;
    maxReplicaCount: number;
    scaleTargetRef: { kind: string; name: string };
    triggers: { type: string; metadata: { scalerAddress: string; game: string } }[];
  };
}

interface Service {
  metadata: { name: string; namespace: string };
  spec: { ports: { port: number; targetPort: number }[] };
}

describe('oci/k3s/scale', () => {
  it.each(['policies', 'metrics', 'hpa', 'keda', 'okg'])('%s: its manifests are valid', async (folder) => {
    const manifests = build(folder);
    expect(manifests.length).toBeGreaterThan(0);
    // The schema of a ScaledObject is KEDA's own.
    const known = manifests.filter(({ apiVersion }) => !apiVersion.startsWith('keda.sh/'));
    expect((await Promise.all(known.map(problem))).join('')).toBe('');
  });

  it('the policies can be read, and their bounds are those of the autoscalers', () => {
    const [policy] = readPolicies(readFileSync(join(FOLDER, 'policies/policies.json'), 'utf8'));
    const { min, max, game } = must(policy, 'policy');
    const { spec: hpa } = find<Autoscaler>('hpa', 'HorizontalPodAutoscaler');
    expect([hpa.minReplicas, hpa.maxReplicas]).toEqual([min, max]);
    const { name, selector } = must(hpa.metrics[0], 'metric').external.metric;
    expect(METRIC_NAMES).toContain(name);
    expect(selector.matchLabels).toEqual({ game });
    const { spec: keda } = find<ScaledObject>('keda', 'ScaledObject');
    expect([keda.minReplicaCount, keda.maxReplicaCount]).toEqual([min, max]);
    expect(must(keda.triggers[0], 'trigger').metadata.game).toBe(game);
  });

  it('requests reach the ports of the fleet', () => {
    const metrics = find<Service>('metrics', 'Service');
    expect(metrics.spec.ports).toMatchObject([{ port: 443, targetPort: settings.scaleMetricsPort.default }]);
    const api = find<{ spec: { service: object } }>('metrics', 'APIService');
    expect(api.spec.service).toEqual({ ...metrics.metadata, labels: undefined, port: 443 });
    const scaler = find<Service>('keda', 'Service');
    const { scaleKedaPort } = settings;
    expect(scaler.spec.ports).toMatchObject([{ port: scaleKedaPort.default, targetPort: scaleKedaPort.default }]);
    for (const folder of ['keda', 'okg']) {
      const { spec } = find<ScaledObject>(folder, 'ScaledObject');
      const { name, namespace } = scaler.metadata;
      expect(must(spec.triggers[0], 'trigger').metadata.scalerAddress).toBe(
        `${name}.${namespace}:${scaleKedaPort.default}`,
      );
    }
  });
});
