import { globSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type Cluster, openCluster } from './cluster.ts';
import { MANIFESTS, manifest, readOverlay } from './game.ts';

/** Namespaces that the manifests expect, or make themselves. */
const NAMESPACES = ['nearlight', 'nearlight-node', 'monitoring'];
const OVERLAYS = globSync('**/kustomization.yaml', { cwd: MANIFESTS }).map((path) => dirname(path));

let cluster: Cluster;

beforeAll(async () => {
  cluster = openCluster();
  const objects = NAMESPACES.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  await cluster.apply(manifest(objects));
});

it.each(OVERLAYS)('the API server accepts every object of the overlay %s', async (overlay) => {
  const objects = readOverlay(overlay);
  expect(objects.length).toBeGreaterThan(0);
  const said = await cluster.kubectl('apply', '--dry-run=server', '--server-side', '-k', `${MANIFESTS}/${overlay}`);
  expect(said.trim().split('\n').length).toBe(objects.length);
});
