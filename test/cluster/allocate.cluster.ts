/**
 * The allocator against a real API server with 1,000 pods that no kubelet runs. The command of test/cluster starts the cluster; with
 * KUBECONFIG any other one is used.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KubeClient, KubeError } from '../../host/fleet/kube/client.ts';
import { type Kind, type KubeObject, PODS } from '../../host/fleet/kube/object.ts';
import { allocateUnderKills, checkPromises } from '../fleet/allocate/leaders.ts';
import { askAtRate, percentile } from '../fleet/allocate/load.ts';
import { describeCluster, readKubeconfig } from '../fleet/kubeconfig.ts';
import { Replica, reportFor } from '../fleet/rig.ts';
import { Random } from '../random.ts';
import { eventually } from '../wait.ts';

const POD_COUNT = Number(process.env.ALLOCATE_PODS ?? 1000);
const SEATS = 10;
/** So many that there are free seats up to the last kill. */
const KILL_SEATS = 20;
const PER_SECOND = Number(process.env.ALLOCATE_PER_SECOND ?? 500);
const KILLS = Number(process.env.ALLOCATE_KILLS ?? 200);
const SECONDS = 10;
/** A name of its own, because the namespace of an earlier run may still be ending. */
const NAMESPACE = `nearlight-allocate-${process.pid}`;
const AT_A_TIME = 32;
const NAMESPACES: Kind<KubeObject> = { apiVersion: 'v1', name: 'Namespace', plural: 'namespaces' };

const access = readKubeconfig(describeCluster().kubeconfig);
const client = new KubeClient(access);

beforeAll(async () => {
  await client.create(NAMESPACES, { metadata: { name: NAMESPACE } }).catch(ignoring(409));
}, 60_000);
afterAll(async () => {
  await client.remove(NAMESPACES, { name: NAMESPACE }).catch(ignoring(404));
  client.close();
}, 60_000);

function ignoring(status: number) {
  return (error: unknown) => {
    if (!(error instanceof KubeError) || error.status !== status) throw error;
  };
}

/** Makes pods that no scheduler places, so that they cost nothing but their objects. */
async function createPods(label: string): Promise<void> {
  const names = Array.from({ length: POD_COUNT }, (_, index) => `${label}-${index}`);
  const spec = { schedulerName: 'none', containers: [{ name: 'game', image: 'game' }] };
  const work = async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const metadata = { name, namespace: NAMESPACE, labels: { run: label } };
      // The namespace gets its service account a moment after it was made.
      await eventually(() => client.create(PODS, { metadata, spec } as KubeObject).catch(ignoring(409)));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

test(`${PER_SECOND} allocations a second against ${POD_COUNT} pods`, async () => {
  await createPods('load');
  const replica = await new Replica(access, { namespace: NAMESPACE, labelSelector: 'run=load' }).start();
  let reportedAt = Number.NEGATIVE_INFINITY;
  const keepReporting = () => {
    if (performance.now() - reportedAt < 1000) return;
    reportedAt = performance.now();
    const pods = [...replica.servers.all()].map(({ uid }) => reportFor(uid, { all: SEATS }));
    replica.servers.takeReport({ node: '', pods });
  };
  keepReporting();
  const before = process.cpuUsage();
  const { answered, failed, ms } = await askAtRate(replica, { perSecond: PER_SECOND, seconds: SECONDS, keepReporting });
  const { user, system } = process.cpuUsage(before);
  const cpuMs = ((user + system) / 1000 / answered).toFixed(2);
  const { patches, conflicts } = replica.writer;
  const [p50, p99] = [0.5, 0.99].map((share) => percentile(ms, share).toFixed(1));
  const own = replica.allocator.decisions
    .lines('decision_seconds', '')
    .filter((line) => /le="0.00[0-9]+"|sum|count/.test(line));
  process.stdout.write(
    `${answered} of ${answered + failed} answered, P50 ${p50} ms, P99 ${p99} ms; ${patches} patches, ${conflicts} conflicts, ${cpuMs} ms of CPU time for each\n${own.join('\n')}\n`,
  );
  expect([answered, failed]).toEqual([PER_SECOND * SECONDS, 0]);
}, 600_000);

test(`a leader that is killed at ${KILLS} random points sells no seat twice, and loses none`, async () => {
  await createPods('kills');
  const options = {
    access,
    namespace: NAMESPACE,
    labelSelector: 'run=kills',
    seats: KILL_SEATS,
    kills: KILLS,
    atATime: 16,
    leaders: 1,
    lifeMsMax: 100,
    random: new Random(13),
  };
  const promised = await allocateUnderKills(options);
  const { pods, reserved } = await checkPromises(promised, options);
  process.stdout.write(
    `${KILLS} kills: ${promised.length} promises kept, ${reserved} of ${pods * KILL_SEATS} seats reserved\n`,
  );
  expect(pods).toBe(POD_COUNT);
  expect(reserved).toBeGreaterThan(pods * (KILL_SEATS - 3));
}, 1_200_000);
