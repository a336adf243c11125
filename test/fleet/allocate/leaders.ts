/**
 * Kills replicas of the fleet at random points while they give away all seats of a cluster. The same code runs against a stand-in for the
 * API server and against a real one.
 */
import { expect } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import type { KubeAccess } from '../../../host/fleet/kube/access.ts';
import { PODS } from '../../../host/fleet/kube/object.ts';
import type { Random } from '../../random.ts';
import { settle, sleep } from '../../wait.ts';
import { playersNamed, Replica, reportFor, requestFor, reservedIn, seatsOf } from '../rig.ts';

/** A node is lost after four of these. */
const REPORT_MS = 1000;

export interface KillsOptions {
  access: KubeAccess;
  namespace: string;
  labelSelector?: string;
  /** Seats of each pod. */
  seats: number;
  kills: number;
  /** Requests that a replica has to serve at a time. */
  atATime: number;
  /** Replicas that lead at a time: two, if one of them has not noticed yet that it does not lead. */
  leaders: number;
  /** Longest life of a replica, in milliseconds. */
  lifeMsMax: number;
  random: Random;
}

/** The seats that callers have been promised, by pod. */
export interface Promised {
  readonly uid: string;
  readonly id: string;
  readonly seats: number;
}

/** Returns all that the replicas have answered before each of them was killed. */
export async function allocateUnderKills(options: KillsOptions): Promise<Promised[]> {
  const { kills, leaders, lifeMsMax, random } = options;
  const promised: Promised[] = [];
  for (let kill = 0; kill <= kills; kill++) {
    const lives = Array.from({ length: leaders }, () => open(options));
    const replicas = await Promise.all(lives);
    const isLast = kill === kills;
    const work = replicas.map((replica) => allocateAll(replica, promised, options));
    if (isLast) await Promise.all(work);
    else {
      await sleep(random.u32() % lifeMsMax);
      await Promise.all(replicas.map((replica) => replica.kill()));
      await Promise.all(work);
    }
    await Promise.all(replicas.map((replica) => replica.kill()));
    // Requests that were on their way arrive.
    await settle();
  }
  return promised;
}

async function open({ access, namespace, labelSelector = '', seats }: KillsOptions): Promise<Replica> {
  const replica = await new Replica(access, { namespace, labelSelector, ticketMsMax: 600_000 }).start();
  report(replica, seats);
  return replica;
}

/** Reports all pods, as their nodes do each second. */
function report({ servers }: Replica, seats: number): void {
  for (const [node, ofNode] of Map.groupBy(servers.all(), (server) => server.node))
    servers.takeReport({ node, pods: ofNode.map(({ uid }) => reportFor(uid, { all: seats })) });
}

/** Asks for seats until there are none, or the replica is killed. */
async function allocateAll(replica: Replica, promised: Promised[], options: KillsOptions): Promise<void> {
  const { atATime, random, seats } = options;
  let reportedAt = performance.now();
  const ask = async () => {
    while (!replica.isKilled)
      try {
        if (performance.now() - reportedAt > REPORT_MS) {
          report(replica, seats);
          reportedAt = performance.now();
        }
        const players = playersNamed(...['a', 'b', 'c'].slice(0, 1 + (random.u32() % 3)));
        const { id, server, tickets } = seatsOf(await replica.allocator.allocate(requestFor(players)));
        // An answer of a process that is dead reaches no one.
        if (!replica.isKilled) promised.push({ uid: server.uid, id, seats: tickets.length });
      } catch (error) {
        if (String(error).includes('NL_FLEET_FULL')) return;
        if (!replica.isKilled) throw error;
      }
  };
  await Promise.all(Array.from({ length: atATime }, ask));
}

/** Compares the promises with the pods: each is kept, and no pod has more reserved seats than it has. */
export async function checkPromises(
  promised: readonly Promised[],
  { access, namespace, labelSelector = '', seats }: KillsOptions,
): Promise<{ pods: number; reserved: number }> {
  const replica = new Replica(access, { namespace, labelSelector });
  const pods = [];
  let next = '';
  do {
    const page = await replica.client.list(PODS, namespace, { labelSelector, limit: 500, continue: next });
    pods.push(...page.items);
    next = page.metadata.continue ?? '';
  } while (next !== '');
  const reserved = new Map(pods.map((pod) => [must(pod.metadata.uid, 'uid'), reservedIn(pod)]));
  const sums = [...reserved.values()].map((ids) => [...ids.values()].reduce((sum, count) => sum + count, 0));
  expect(Math.max(...sums)).toBeLessThanOrEqual(seats);
  for (const { uid, id, seats: count } of promised) expect(reserved.get(uid)?.get(id)).toBe(count);
  expect(new Set(promised.map(({ id }) => id)).size).toBe(promised.length);
  return { pods: pods.length, reserved: sums.reduce((sum, count) => sum + count, 0) };
}
