/** The fleet on a real API server, with the service account and the rights that its manifests give it. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { createSigningKey } from '../../host/fleet/allocate/tickets.ts';
import { startFleet } from '../../host/fleet/fleet.ts';
import { KubeClient, KubeError } from '../../host/fleet/kube/client.ts';
import { type Kind, type KubeObject, LEASES, NODES, PODS } from '../../host/fleet/kube/object.ts';
import { Issuer } from '../edge/issuer.ts';
import { temporaryFolder } from '../edge/store/stores.ts';
import { describeCluster, readKubeconfig } from '../fleet/kubeconfig.ts';
import { reportFor, reservedIn } from '../fleet/rig.ts';
import { eventually } from '../wait.ts';

const root = join(import.meta.dirname, '../..');
const NODE_TOKEN = 'a-secret-of-the-nodes';
const NODE = 'fleet-test-node';
const POD = `fleet-test-${process.pid}`;
const NAMESPACES: Kind<KubeObject> = { apiVersion: 'v1', name: 'Namespace', plural: 'namespaces' };
const SECRETS: Kind<KubeObject> = { apiVersion: 'v1', name: 'Secret', plural: 'secrets' };

const { kubeconfig, kubectl } = describeCluster();

function run(...args: string[]): string {
  return execFileSync(kubectl, ['--kubeconfig', kubeconfig, ...args], { encoding: 'utf8' }).trim();
}

function statusOf(call: Promise<unknown>): Promise<number> {
  return call.then(
    () => 200,
    (error: unknown) => (error instanceof KubeError ? error.status : Promise.reject(error)),
  );
}

test('the fleet has the rights that it needs, and no others', async () => {
  const admin = new KubeClient(readKubeconfig(kubeconfig));
  onTestFinished(() => admin.close());
  await statusOf(admin.create(NAMESPACES, { metadata: { name: 'nearlight' } }));
  for (const file of ['namespace', 'access']) run('apply', '-f', join(root, `oci/k3s/fleet/${file}.yaml`));
  const pod = {
    metadata: { name: POD, namespace: 'nearlight' },
    spec: {
      nodeName: NODE,
      containers: [{ name: 'game', image: 'game' }],
      readinessGates: [{ conditionType: 'nearlight/playable' }],
    },
  };
  // A namespace gets its service account a moment after it was made.
  const { uid = '' } = (await eventually(() => admin.create(PODS, pod as KubeObject))).metadata;
  onTestFinished(async () => void run('-n', 'nearlight', 'delete', 'pod', POD, '--force', '--grace-period=0'));
  const token = run('-n', 'nearlight-fleet', 'create', 'token', 'fleet');
  const { url, ca } = readKubeconfig(kubeconfig);
  const access = { url, ca, token: async () => token };

  const issuer = await Issuer.open();
  onTestFinished(() => issuer.close());
  const fleetKeyFile = join(temporaryFolder(), 'key.pem');
  writeFileSync(fleetKeyFile, createSigningKey());
  const ports = { fleetPort: 0, operatorPort: 0 };
  const tokens = { oidcIssuer: issuer.url, oidcAudience: 'games', fleetNodeToken: NODE_TOKEN };
  const lines: string[] = [];
  const log = (level: string, line: string) => void lines.push(`${level}: ${line}`);
  const fleet = await startFleet({ config: { ...readConfig({}), ...ports, ...tokens, fleetKeyFile }, log, access });
  onTestFinished(() => fleet.close());
  await eventually(() => expect([fleet.election.leads, fleet.servers.get(uid)?.name]).toEqual([true, POD]));
  const ask = async (path: string, bearer: string, body: object) => {
    const headers = { authorization: `Bearer ${bearer}` };
    const response = await fetch(new URL(path, fleet.server.url), {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };
  const report = () => ask(`v1/nodes/${NODE}`, NODE_TOKEN, { node: NODE, pods: [reportFor(uid)] });
  expect(await report()).toMatchObject({ status: 200 });
  const bearer = await issuer.token({ role: 'matchmaker' });
  const request = { id: POD, game: 'arena', players: [{ id: 'ada' }, { id: 'bob' }] };
  expect(await ask('v1/allocate', bearer, request)).toMatchObject({ status: 200, body: { server: { uid } } });
  const place = { namespace: 'nearlight', name: POD };
  await eventually(async () => {
    await report();
    const shown = await admin.get(PODS, place);
    expect(reservedIn(shown)).toEqual(new Map([[POD, 2]]));
    expect(shown.metadata).toMatchObject({
      labels: { 'nearlight/state': 'allocated' },
      annotations: { 'controller.kubernetes.io/pod-deletion-cost': '2' },
    });
    const playable = shown.status?.conditions?.find(({ type }) => type === 'nearlight/playable');
    expect(playable).toMatchObject({ status: 'True', reason: 'Playable' });
  });
  expect(lines.filter((line) => /^(warn|error)/.test(line))).toEqual([]);

  const own = new KubeClient(access);
  onTestFinished(() => own.close());
  const forbidden = [
    own.remove(PODS, place),
    own.create(PODS, pod as KubeObject),
    own.list(SECRETS, 'nearlight'),
    own.list(PODS, 'kube-system'),
    own.patch(NODES, { name: NODE }, { metadata: { labels: { a: 'b' } } }),
    own.list(LEASES, 'nearlight-fleet'),
  ];
  expect(await Promise.all(forbidden.map(statusOf))).toEqual([403, 403, 403, 403, 403, 403]);
}, 600_000);
