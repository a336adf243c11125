import { beforeAll, expect, it } from 'vitest';
import { type Cluster, openCluster, run } from './cluster.ts';
import { type KubeObject, manifest, OVERLAYS, readOverlay } from './game.ts';

/** Namespaces that the manifests expect, or make themselves. */
const NAMESPACES = ['nearlight', 'nearlight-node', 'nearlight-fleet', 'monitoring'];
/** Groups of kinds that only an extension of Kubernetes defines: OpenKruiseGame, Gatekeeper, the Gateway API, and KEDA. */
const EXTENSIONS = /^(game\.kruise\.io|\w+\.gatekeeper\.sh|gateway\.networking\.k8s\.io|keda\.sh)\//;

let cluster: Cluster;
let served: string[];

beforeAll(async () => {
  cluster = openCluster();
  served = (await cluster.kubectl('api-versions')).trim().split('\n');
  const objects = NAMESPACES.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  await cluster.apply(manifest(objects));
});

/** Whether an object is of a kind that an extension would have to define first. */
function isUnknown({ apiVersion }: KubeObject): boolean {
  return EXTENSIONS.test(apiVersion) && !served.includes(apiVersion);
}

/** Those whose objects are all of an extension are checked where that extension runs. */
const own = OVERLAYS.filter((overlay) => readOverlay(overlay).some(({ apiVersion }) => !EXTENSIONS.test(apiVersion)));

it.each(own)('the API server accepts every object of %s that is of its own kinds', async (overlay) => {
  const objects = readOverlay(overlay).filter((object) => !isUnknown(object));
  const options = ['--kubeconfig', cluster.kubeconfig, 'apply', '--dry-run=server', '--server-side', '-f', '-'];
  const said = await run(cluster.program, options, manifest(objects));
  expect(said.trim().split('\n').length).toBe(objects.length);
});
