import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../host/base/clock.ts';
import { type Allocation, Allocator, type AllocatorOptions } from '../../host/fleet/allocate/allocator.ts';
import type { AllocationRequest, WantedPlayer } from '../../host/fleet/allocate/request.ts';
import { ANNOTATION, readReservations } from '../../host/fleet/allocate/reservations.ts';
import { Servers } from '../../host/fleet/allocate/servers.ts';
import { createSigningKey, TicketSigner } from '../../host/fleet/allocate/tickets.ts';
import { Writer } from '../../host/fleet/allocate/writer.ts';
import type { KubeAccess } from '../../host/fleet/kube/access.ts';
import { KubeClient } from '../../host/fleet/kube/client.ts';
import { type KubeObject, PODS, type Pod } from '../../host/fleet/kube/object.ts';
import { Watch } from '../../host/fleet/kube/watch.ts';
import { GAME } from '../base/server-report.ts';

export { reportFor } from '../base/server-report.ts';

export const NAMESPACE = 'games';
const KEY = createSigningKey();

/** Describes a pod as the scheduler leaves it. */
export function podNamed(
  name: string,
  {
    node = 'n1',
    ...more
  }: { node?: string; uid?: string; labels?: Record<string, string>; annotations?: Record<string, string> } = {},
): Pod {
  return {
    metadata: { name, namespace: NAMESPACE, ...more },
    spec: { nodeName: node },
    status: { phase: 'Running', podIP: '10.0.0.1' },
  };
}

export function playersNamed(...ids: string[]): WantedPlayer[] {
  return ids.map((id) => ({ id, role: 'player', latencies: [] }));
}

export function requestFor(players: readonly WantedPlayer[], more: Partial<AllocationRequest> = {}): AllocationRequest {
  const constraints = { version: undefined, labels: {} };
  return { id: undefined, game: GAME, players, constraints, waits: false, queue: undefined, ...more };
}

export function seatsOf(allocation: Allocation): Extract<Allocation, { kind: 'seats' }> {
  if (allocation.kind !== 'seats') throw new Error(`no seats but ${allocation.kind}`);
  return allocation;
}

/** Returns the reserved seats in the annotation of a pod, by reservation. */
export function reservedIn(pod: KubeObject | undefined): Map<string, number> {
  const { reservations } = readReservations(pod?.metadata.annotations?.[ANNOTATION]);
  return new Map(reservations.map(({ id, seats }) => [id, seats]));
}

interface ReplicaOptions extends Partial<Pick<AllocatorOptions, 'elsewhere' | 'queueMax' | 'ticketMsMax' | 'reach'>> {
  clock?: Clock;
  now?(): number;
  namespace?: string;
  labelSelector?: string;
}

/** A replica of the fleet without its HTTP server and its election, which leads from the beginning. */
export class Replica {
  readonly client: KubeClient;
  readonly servers: Servers;
  readonly writer: Writer;
  readonly allocator: Allocator;
  readonly pods: Watch<Pod>;
  readonly lines: string[] = [];
  isKilled = false;

  constructor(access: KubeAccess, options: ReplicaOptions = {}) {
    const { clock = systemClock, now = Date.now, namespace = NAMESPACE, labelSelector = '', ...more } = options;
    const log = (level: string, line: string) => void this.lines.push(`${level}: ${line}`);
    this.client = new KubeClient(access);
    this.servers = new Servers({ region: 'here', log, clock, now });
    this.writer = new Writer({ client: this.client, servers: this.servers, now });
    this.allocator = new Allocator({
      servers: this.servers,
      writer: this.writer,
      signer: new TicketSigner(KEY, now),
      reach: { msMax: 80, ageSecondsMax: 300 },
      elsewhere: new Map(),
      addressOf: ({ name }) => `http://${name}:8080/`,
      ticketMsMax: 30_000,
      queueMax: 1000,
      log,
      clock,
      now,
      ...more,
    });
    this.pods = new Watch({
      client: this.client,
      kind: PODS,
      namespace,
      labelSelector,
      objectsMax: 10_000,
      onList: (list) => this.servers.setPods(list),
      onChange: (pod) => this.servers.setPod(pod),
      onRemoved: (pod) => this.servers.removePod(pod),
      log,
    });
    onTestFinished(() => this.kill());
  }

  /** Follows the pods. Resolves when they are known. */
  async start(): Promise<this> {
    this.pods.start();
    await this.pods.synced;
    return this;
  }

  /** Ends it as SIGKILL would: what was sent may arrive, and nothing more is sent. */
  async kill(): Promise<void> {
    this.isKilled = true;
    this.client.close();
    await this.pods.close();
  }
}
