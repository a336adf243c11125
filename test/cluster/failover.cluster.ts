/** Two processes of the fleet on a real API server: the leader is killed, again and again. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createSigningKey } from '../../host/fleet/allocate/tickets.ts';
import { KubeClient } from '../../host/fleet/kube/client.ts';
import { type Kind, type KubeObject, PODS } from '../../host/fleet/kube/object.ts';
import { Issuer } from '../edge/issuer.ts';
import { temporaryFolder } from '../edge/store/stores.ts';
import { FleetProcess } from '../fleet/fleet-process.ts';
import { describeCluster, readKubeconfig } from '../fleet/kubeconfig.ts';
import { reportFor, reservedIn } from '../fleet/rig.ts';
import { eventually, sleep } from '../wait.ts';

const KILLS = 5;
const SEATS = 1000;
const NODE_TOKEN = 'a-secret-of-the-nodes';
const NODE = 'failover-test-node';
const NAMESPACE = `nearlight-failover-${process.pid}`;
const NAMESPACES: Kind<KubeObject> = { apiVersion: 'v1', name: 'Namespace', plural: 'namespaces' };
const { kubeconfig, kubectl } = describeCluster();

/** Opens the API to processes of this machine. */
async function openProxy(): Promise<string> {
  const proxy = spawn(kubectl, ['--kubeconfig', kubeconfig, 'proxy', '--port=0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    const exited = once(proxy, 'exit');
    proxy.kill();
    await exited;
  });
  const [chunk] = (await once(proxy.stdout, 'data')) as [Buffer];
  return `http://${/127\.0\.0\.1:\d+/.exec(chunk.toString())?.[0]}`;
}

test(`a leader that is killed ${KILLS} times is replaced within seconds, and no reservation is lost`, async () => {
  const admin = new KubeClient(readKubeconfig(kubeconfig));
  onTestFinished(() => admin.close());
  await admin.create(NAMESPACES, { metadata: { name: NAMESPACE } });
  onTestFinished(
    async () =>
      void execFileSync(kubectl, ['--kubeconfig', kubeconfig, 'delete', 'namespace', NAMESPACE, '--wait=false']),
  );
  const spec = { nodeName: NODE, containers: [{ name: 'game', image: 'game' }] };
  const pod = { metadata: { name: 'game', namespace: NAMESPACE }, spec };
  const { uid = '' } = (await eventually(() => admin.create(PODS, pod as KubeObject))).metadata;
  const issuer = await Issuer.open();
  onTestFinished(() => issuer.close());
  const key = join(temporaryFolder(), 'key.pem');
  writeFileSync(key, createSigningKey());
  const environment = {
    KUBE_URL: await openProxy(),
    FLEET_NAMESPACE: NAMESPACE,
    FLEET_LEASE_NAMESPACE: NAMESPACE,
    FLEET_KEY_FILE: key,
    FLEET_NODE_TOKEN: NODE_TOKEN,
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'games',
  };
  const processes = [new FleetProcess({ ...environment }), new FleetProcess({ ...environment })];
  for (const each of processes) {
    onTestFinished(() => void each.end('SIGKILL'));
    await each.start();
  }
  const bearer = await issuer.token({ role: 'matchmaker' });
  const post = async ({ url }: FleetProcess, path: string, token: string, body: object) => {
    const headers = { authorization: `Bearer ${token}` };
    return fetch(new URL(path, url), { method: 'POST', headers, body: JSON.stringify(body) });
  };
  // As an edge service does through the Service of the fleet, to any replica that answers.
  const reporting = setInterval(() => {
    const body = { node: NODE, pods: [reportFor(uid, { all: SEATS })] };
    for (const each of processes) post(each, `v1/nodes/${NODE}`, NODE_TOKEN, body).catch(() => {});
  }, 1000);
  onTestFinished(() => clearInterval(reporting));
  let given = 0;
  const allocate = async () => {
    const body = { id: `r${given}`, game: 'arena', players: [{ id: 'ada' }] };
    for (const each of processes) {
      const response = await post(each, 'v1/allocate', bearer, body).catch(() => undefined);
      if (response?.status === 200) {
        given++;
        return;
      }
    }
    throw new Error('no replica gives seats');
  };
  const leader = () =>
    processes.findIndex(({ output }) => output.lastIndexOf('leads now') > output.lastIndexOf('not lead any more'));
  const gaps: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    await eventually(allocate);
    const index = leader();
    const killed = processes[index];
    if (!killed) throw new Error('no replica leads');
    const from = performance.now();
    await killed.end('SIGKILL');
    await eventually(async () => {
      await sleep(50);
      await allocate();
    });
    gaps.push((performance.now() - from) / 1000);
    await killed.start();
  }
  process.stdout.write(`seconds without a seat after each kill: ${gaps.map((gap) => gap.toFixed(1)).join(', ')}\n`);
  const reserved = reservedIn(await admin.get(PODS, { namespace: NAMESPACE, name: 'game' }));
  const at = Array.from({ length: given }, (_, n) => `r${n}`);
  // Reservations last for 40 s, so only the last ones are there still.
  expect(at.slice(-3).every((id) => reserved.has(id))).toBe(true);
}, 600_000);
