import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig, settings } from '../../host/base/config.ts';
import { readPolicies } from '../../host/fleet/scale/policies.ts';
import { METRIC_NAMES } from '../../host/fleet/scale/source.ts';
import { build, compile, find, OVERLAYS, problems } from './kustomize.ts';

const FOLDERS = ['policies', 'metrics', 'hpa', 'keda', 'okg'];
const POLICIES = join(OVERLAYS, 'scale/policies/policies.json');

const one = <T>(folder: string, kind: string, name?: string) =>
  find<T>(
    build(`scale/${folder}`).filter(({ metadata }) => name === undefined || metadata.name === name),
    kind,
  );

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

interface Deployment {
  spec: {
    template: {
      spec: {
        containers: [{ env: { name: string; value?: string }[]; volumeMounts: { name: string; mountPath: string }[] }];
        volumes: { name: string }[];
      };
    };
  };
}

interface Service {
  metadata: { name: string; namespace: string };
  spec: { ports: { port: number; targetPort: number }[] };
}

describe('oci/k3s/scale', () => {
  it('the manifests contain only fields that the schemas of Kubernetes know, with valid values', async () => {
    const manifests = FOLDERS.flatMap((folder) => build(`scale/${folder}`));
    expect(manifests.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['APIService', 'HorizontalPodAutoscaler']),
    );
    // The schema of a ScaledObject is KEDA's own.
    const checked = manifests.filter(({ kind }) => kind !== 'ScaledObject');
    expect((await Promise.all(checked.map(problems))).join('')).toBe('');
    expect(compile(checked)).toBe('');
  });

  it('the policies can be read, and their bounds are those of the autoscalers', () => {
    const [policy] = readPolicies(readFileSync(POLICIES, 'utf8'));
    const { min, max, game } = must(policy, 'policy');
    const { spec: hpa } = one<Autoscaler>('hpa', 'HorizontalPodAutoscaler');
    expect([hpa.minReplicas, hpa.maxReplicas]).toEqual([min, max]);
    const { name, selector } = must(hpa.metrics[0], 'metric').external.metric;
    expect(METRIC_NAMES).toContain(name);
    expect(selector.matchLabels).toEqual({ game });
    const { spec: keda } = one<ScaledObject>('keda', 'ScaledObject');
    expect([keda.minReplicaCount, keda.maxReplicaCount]).toEqual([min, max]);
    expect(must(keda.triggers[0], 'trigger').metadata.game).toBe(game);
  });

  it('requests reach the ports of the fleet', () => {
    const metrics = one<Service>('metrics', 'Service', 'fleet-metrics');
    expect(metrics.spec.ports).toMatchObject([{ port: 443, targetPort: settings.scaleMetricsPort.default }]);
    const api = one<{ spec: { service: object } }>('metrics', 'APIService');
    expect(api.spec.service).toEqual({ ...metrics.metadata, labels: undefined, port: 443 });
    const scaler = one<Service>('keda', 'Service', 'fleet-scaler');
    const { scaleKedaPort } = settings;
    expect(scaler.spec.ports).toMatchObject([{ port: scaleKedaPort.default, targetPort: scaleKedaPort.default }]);
    for (const folder of ['keda', 'okg']) {
      const { spec } = one<ScaledObject>(folder, 'ScaledObject');
      const { name, namespace } = scaler.metadata;
      expect(must(spec.triggers[0], 'trigger').metadata.scalerAddress).toBe(
        `${name}.${namespace}:${scaleKedaPort.default}`,
      );
    }
  });

  it.each(['metrics', 'keda'])('%s: the fleet has the settings of its adapter, and what they name', (folder) => {
    const { spec } = one<Deployment>(folder, 'Deployment', 'fleet').spec.template;
    const [fleet] = spec.containers;
    const config = readConfig(Object.fromEntries(fleet.env.map(({ name, value = 'x'.repeat(16) }) => [name, value])));
    const files = [config.scalePolicies, config.scaleMetricsCert, config.scaleMetricsKey, config.scaleFrontProxyCa];
    expect(config.scalePolicies).toMatch(/policies\.json$/);
    for (const path of files.filter((path) => path !== ''))
      expect(fleet.volumeMounts.map(({ mountPath }) => mountPath)).toContain(dirname(path));
    const volumes = spec.volumes.map(({ name }) => name);
    for (const { name } of fleet.volumeMounts) expect(volumes).toContain(name);
    expect([config.scaleMetricsHost, config.scaleKedaHost]).toContain('0.0.0.0');
  });
});
