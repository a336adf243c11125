import { type Clock, systemClock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Node, Pod } from '../kube/object.ts';
import type { NodeReport, ServerReport } from '../nodes/report.ts';
import { GameServer } from './server.ts';
import { Shelves, type Wish } from './shelves.ts';

/** A node whose reports stop for this long is lost. */
export const NODE_MS_MAX = 4000;
export const REGION_LABEL = 'topology.kubernetes.io/region';
/** Nodes that may report. */
const NODES_MAX = 20_000;

export interface ServersOptions {
  /** Region of nodes that have no label with one. */
  region: string;
  log: Log;
  clock?: Pick<Clock, 'now'>;
  /** Milliseconds since 1970, by which reservations end. */
  now?(): number;
}

interface ReportingNode {
  /** Reports about pods by their id. */
  pods: ReadonlyMap<string, ServerReport>;
  until: number;
  isLost: boolean;
}

/**
 * All game servers: the pods of the API that a node reports. A pod that no node reports is not one, and a report about a pod that the API
 * places on another node does not count, so a node speaks for its own pods alone.
 */
export class Servers {
  readonly #options: ServersOptions;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #now: () => number;
  readonly #shelves = new Shelves();
  readonly #servers = new Map<string, GameServer>();
  readonly #nodes = new Map<string, ReportingNode>();
  readonly #regions = new Map<string, string>();
  /** Servers by the reservations that they have. */
  readonly #reserved = new Map<string, GameServer>();
  /** Servers with reservations, whose seats become free with time. */
  readonly #waning = new Set<GameServer>();
  /** See regions; undefined after a change. */
  #reporting: ReadonlySet<string> | undefined;

  constructor(options: ServersOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#now = options.now ?? Date.now;
  }

  get size(): number {
    return this.#servers.size;
  }

  get nodes(): readonly { name: string; pods: number; isLost: boolean; region: string }[] {
    return [...this.#nodes].map(([name, { pods, isLost }]) => ({
      name,
      pods: pods.size,
      isLost,
      region: this.#regionOf(name),
    }));
  }

  all(): IterableIterator<GameServer> {
    return this.#servers.values();
  }

  get(uid: string): GameServer | undefined {
    return this.#servers.get(uid);
  }

  regionOf(server: GameServer): string {
    return this.#regionOf(server.node);
  }

  /** Replaces all pods. */
  setPods(pods: readonly Pod[]): void {
    const uids = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const server of this.#servers.values()) if (!uids.has(server.uid)) this.removePod(server.pod);
    for (const pod of pods) this.setPod(pod);
  }

  setPod(pod: Pod): void {
    const { uid } = pod.metadata;
    if (uid === undefined) return;
    const known = this.#servers.get(uid);
    const server = known ?? new GameServer(pod);
    const before = known?.reservations ?? [];
    if (known) known.setPod(pod);
    else this.#servers.set(uid, server);
    for (const { id } of before) if (!server.find(id)) this.#reserved.delete(id);
    for (const { id } of server.reservations) this.#reserved.set(id, server);
    const node = this.#nodes.get(server.node);
    const report = node?.pods.get(uid);
    if (node && report) server.setReport(report, node.until);
    this.arrange(server);
  }

  removePod({ metadata: { uid = '' } }: Pod): void {
    const server = this.#servers.get(uid);
    if (!server) return;
    this.#servers.delete(uid);
    this.#shelves.put(server, undefined);
    this.#waning.delete(server);
    for (const { id } of server.allReservations) this.#reserved.delete(id);
  }

  setNodes(nodes: readonly Node[]): void {
    this.#regions.clear();
    for (const node of nodes) this.#noteRegion(node);
    for (const server of this.#servers.values()) this.arrange(server);
  }

  setNode(node: Node): void {
    const before = this.#regions.get(node.metadata.name);
    this.#noteRegion(node);
    if (before === this.#regions.get(node.metadata.name)) return;
    for (const server of this.#servers.values()) if (server.node === node.metadata.name) this.arrange(server);
  }

  removeNode({ metadata: { name } }: Node): void {
    this.#regions.delete(name);
  }

  /** Takes the report of a node. Pods that it names no longer are lost at once. */
  takeReport({ node, pods }: NodeReport): void {
    const before = this.#nodes.get(node);
    if (!before && this.#nodes.size >= NODES_MAX) {
      this.#options.log('error', `more than ${NODES_MAX} nodes report; ${node} is left out`);
      return;
    }
    const until = this.#clock.now() + NODE_MS_MAX;
    const reports = new Map(pods.map((pod) => [pod.uid, pod]));
    this.#nodes.set(node, { pods: reports, until, isLost: false });
    if (!before || before.isLost) this.#reporting = undefined;
    if (before?.isLost) this.#options.log('info', `node ${node} reports again`);
    for (const uid of before?.pods.keys() ?? []) {
      const server = reports.has(uid) ? undefined : this.#servers.get(uid);
      if (server?.report && server.node === node) {
        server.setReport(server.report, 0);
        this.arrange(server);
      }
    }
    for (const [uid, report] of reports) {
      const server = this.#servers.get(uid);
      if (server?.node !== node) continue;
      server.setReport(report, until);
      this.arrange(server);
    }
  }

  /** Notes what has changed with time: nodes that are lost, and reservations that have ended. */
  tick(): void {
    const now = this.#clock.now();
    for (const [name, node] of this.#nodes) {
      if (node.isLost || now < node.until) continue;
      node.isLost = true;
      this.#reporting = undefined;
      this.#options.log('warn', `node ${name} is lost: it has not reported for ${NODE_MS_MAX / 1000} s`);
      for (const uid of node.pods.keys()) {
        const server = this.#servers.get(uid);
        if (server) this.arrange(server);
      }
    }
    for (const server of this.#waning) this.arrange(server);
  }

  /** Has the server found by its present free seats. */
  arrange(server: GameServer): void {
    const at = this.#now();
    if (server.allReservations.some(({ until }) => until > at)) this.#waning.add(server);
    else this.#waning.delete(server);
    const { report } = server;
    const isOpen = server.isOpen(this.#clock.now()) && this.#servers.get(server.uid) === server;
    const region = this.regionOf(server);
    const place =
      report && isOpen
        ? { game: report.game, region, free: server.free(at), isEmpty: server.busy(at) === 0 }
        : undefined;
    this.#shelves.put(server, place);
  }

  /** Finds the best server; undefined if there is none. */
  find(wish: Wish): GameServer | undefined {
    const [now, at] = [this.#clock.now(), this.#now()];
    // The shelves are as old as the last tick.
    const fits = (server: GameServer) => server.isOpen(now) && server.free(at) >= wish.seats && wish.fits(server);
    return this.#shelves.find({ ...wish, fits });
  }

  /** Returns the server with a reservation, whether it is in a pod or being written. */
  withReservation(id: string): GameServer | undefined {
    return this.#reserved.get(id);
  }

  /** Keeps seats from now on, before the reservation is written. */
  hold(server: GameServer, reservation: Parameters<GameServer['hold']>[0]): void {
    server.hold(reservation);
    this.#reserved.set(reservation.id, server);
    this.arrange(server);
  }

  /** Ends what hold() began: the reservation is in the pod now, or will not be. */
  settle(server: GameServer, id: string): void {
    server.drop(id);
    if (!server.find(id)) this.#reserved.delete(id);
    this.arrange(server);
  }

  /** Regions in which nodes report, whether they have free seats or not. */
  get regions(): ReadonlySet<string> {
    this.#reporting ??= new Set(
      [...this.#nodes].flatMap(([name, { isLost }]) => (isLost ? [] : [this.#regionOf(name)])),
    );
    return this.#reporting;
  }

  stateOf(server: GameServer): ReturnType<GameServer['state']> {
    return server.state({ now: this.#clock.now(), at: this.#now() });
  }

  #noteRegion({ metadata: { name, labels } }: Node): void {
    this.#reporting = undefined;
    const region = labels?.[REGION_LABEL];
    if (region === undefined) this.#regions.delete(name);
    else this.#regions.set(name, region);
  }

  #regionOf(node: string): string {
    return this.#regions.get(node) ?? this.#options.region;
  }
}
