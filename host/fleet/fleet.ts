import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Config, readRegions } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { milli } from '../base/time.ts';
import { IssuerKeys } from '../edge/admission/keys.ts';
import { TokenVerifier } from '../edge/admission/token.ts';
import { createDependencies } from '../edge/dependencies/dependencies.ts';
import { Meters } from '../observe/meters.ts';
import { createOperatorServer, type OperatorServer } from '../stream/operator.ts';
import { Allocator } from './allocate/allocator.ts';
import { Marks } from './allocate/marks.ts';
import { ADDRESS_ANNOTATION, type GameServer } from './allocate/server.ts';
import { Servers } from './allocate/servers.ts';
import { TicketSigner } from './allocate/tickets.ts';
import { Writer } from './allocate/writer.ts';
import type { KubeAccess } from './kube/access.ts';
import { KubeClient } from './kube/client.ts';
import { Election } from './kube/lease.ts';
import { NODES, PODS } from './kube/object.ts';
import { Watch } from './kube/watch.ts';
import { openScaling, type Scaling } from './scale/scaling.ts';
import { ScaleView } from './scale-view.ts';
import { Forwarder } from './service/forward.ts';
import { type Call, type FleetServer, openFleetServer, type Reply } from './service/http.ts';
import { fleetMetrics } from './service/metrics.ts';
import { Callers, ROLES } from './service/roles.ts';
import { answerRoute, findRoute, type RoutesOptions } from './service/routes.ts';

/** Pause between two looks at nodes that are lost, reservations that have ended, the queue, and marks. */
const TICK_MS = 250;
/** Most pods and nodes that the fleet knows. */
const PODS_MAX = 100_000;
const NODES_MAX = 20_000;
const LEASE_NAME = 'nearlight-fleet';
const URL_BYTES_MAX = 2048;

export interface FleetOptions {
  config: Config;
  log: Log;
  access: KubeAccess;
  clock?: Clock;
  /** Milliseconds since 1970. */
  now?(): number;
}

/** A running replica of the fleet. */
export interface Fleet {
  readonly server: FleetServer;
  readonly operator: OperatorServer;
  readonly servers: Servers;
  readonly allocator: Allocator;
  readonly writer: Writer;
  readonly election: Election;
  /** Undefined if no game is scaled. */
  readonly scaling: Scaling | undefined;
  close(): Promise<void>;
}

/**
 * Starts a replica of the fleet. All of them follow the pods; the one that leads gives seats to players and marks the pods, and the others pass
 * requests on to it. Everything that must not be lost is in the pods and in the Lease, so a replica may be killed at any time.
 * @throws NearlightError NL_SETTING, NL_PORT_IN_USE; nothing stays open then
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { config, log, access, clock = systemClock, now = Date.now } = options;
  const signer = TicketSigner.read(config.fleetKeyFile, now);
  const elsewhere = readRegions(config.fleetRegions) ?? new Map<string, string>();
  const client = new KubeClient(access);
  const closers: (() => unknown)[] = [() => client.close()];
  const close = async () => {
    for (const end of closers.splice(0).reverse()) await end();
  };
  try {
    const servers = new Servers({ region: config.fleetRegion, log, clock, now });
    const writer = new Writer({ client, servers, clock, now });
    const marks = new Marks({ client, servers, writer, log, clock, now });
    const addressOf = (server: GameServer) => addressFrom(config.fleetAddress, server);
    const allocator = new Allocator({
      servers,
      writer,
      signer,
      reach: { msMax: config.fleetLatencyMsMax, ageSecondsMax: config.fleetLatencySecondsMax },
      elsewhere,
      addressOf,
      ticketMsMax: config.fleetTicketMsMax,
      queueMax: config.fleetQueueMax,
      log,
      clock,
      now,
    });
    const { fleetNamespace: namespace } = config;
    const pods = new Watch({
      client,
      kind: PODS,
      namespace,
      labelSelector: config.fleetSelector,
      objectsMax: PODS_MAX,
      onList: (list) => servers.setPods(list),
      onChange: (pod) => servers.setPod(pod),
      onRemoved: (pod) => servers.removePod(pod),
      log,
      clock,
    });
    const nodes = new Watch({
      client,
      kind: NODES,
      objectsMax: NODES_MAX,
      onList: (list) => servers.setNodes(list),
      onChange: (node) => servers.setNode(node),
      onRemoved: (node) => servers.removeNode(node),
      log,
      clock,
    });
    const forwarder = new Forwarder();
    closers.push(() => forwarder.close());
    const routes: RoutesOptions = {
      allocator,
      servers,
      callers: new Callers({ config, verifier: await openVerifier({ config, log, clock, now }) }),
      client,
      namespace,
      publicKey: signer.publicKey,
      region: config.fleetRegion,
      elsewhere,
      addressOf,
      now,
    };
    let election: Election | undefined;
    const answer = async (call: Call): Promise<Reply> => {
      const found = findRoute(call);
      const isHere = !found.route.isLeaders || election?.leads === true;
      return isHere ? answerRoute(routes, call, found) : forwarder.pass(call, leaderUrl(election?.leader));
    };
    const server = await openFleetServer({ host: config.fleetHost, port: config.fleetPort, log, answer });
    closers.push(() => server.close());
    const self = config.fleetSelf === '' ? server.url : config.fleetSelf;
    election = new Election({
      client,
      namespace: config.fleetLeaseNamespace,
      name: LEASE_NAME,
      // A replica that was restarted at the same address is another one.
      identity: `${self} ${randomUUID()}`,
      onChange(leads) {
        log('info', leads ? 'this replica leads now' : 'this replica does not lead any more');
        if (leads) allocator.lead();
      },
      log,
      clock,
    });
    const elected = election;
    const operator = await createOperatorServer({
      config,
      warn: (message) => log('warn', message),
      status: () => ({
        leads: elected.leads,
        leader: leaderUrl(elected.leader),
        servers: servers.size,
        nodes: servers.nodes,
        waiting: allocator.waiting,
      }),
      health: () => (elected.leader === undefined ? new NearlightError('NL_FLEET', 'no replica leads now') : undefined),
      metrics: async () => fleetMetrics({ allocator, servers, writer, marks, pods, nodes, election: elected }),
      meters: new Meters(),
      mayMove: true,
    });
    closers.push(() => operator.close());
    pods.start();
    nodes.start();
    closers.push(() => Promise.all([pods.close(), nodes.close()]));
    const leads = () => elected.leads;
    const view = new ScaleView({ servers, allocator, leads, clock, now });
    const scaling = await openScaling({ config, log, view, clock, now });
    closers.push(() => scaling?.close());
    elected.start();
    closers.push(() => elected.close());
    closers.push(
      // An API that does not answer must not keep nodes from being found lost.
      repeat(clock, async () => servers.tick()),
      repeat(clock, async () => {
        if (elected.leads) await allocator.serveQueue();
      }),
      repeat(clock, async () => {
        if (elected.leads) await marks.update();
      }),
    );
    return { server, operator, servers, allocator, writer, election: elected, scaling, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Calls `work` again and again. Returns a function that ends this. */
function repeat(clock: Clock, work: () => Promise<void>): () => Promise<void> {
  const closing = Promise.withResolvers<void>();
  let isClosed = false;
  const run = async () => {
    while (!isClosed) {
      await work();
      await Promise.race([clock.until(milli(clock.now() + TICK_MS)), closing.promise]);
    }
  };
  const running = run();
  return async () => {
    isClosed = true;
    closing.resolve();
    await running;
  };
}

/** Without an issuer, no one has a role, and only nodes and pages can ask. */
async function openVerifier({ config, log, clock, now }: Required<Omit<FleetOptions, 'access'>>) {
  const { oidcIssuer, oidcAudience } = config;
  if (oidcIssuer === '') return undefined;
  if (oidcAudience === '')
    throw new NearlightError('NL_SETTING', 'OIDC_ISSUER needs OIDC_AUDIENCE, for which its tokens are made');
  const jose = await import('jose');
  const { issuer } = createDependencies({ config, log, meters: new Meters() });
  const keys = new IssuerKeys(config, { clock, log, now, dependency: issuer });
  void keys.warm();
  return new TokenVerifier(config, { jose, keys, now, preferred: ROLES });
}

function addressFrom(pattern: string, { pod, name, node }: GameServer): string {
  const own = pod.metadata.annotations?.[ADDRESS_ANNOTATION];
  if (own !== undefined && own.length <= URL_BYTES_MAX && /^https?:\/\//.test(own) && URL.canParse(own)) return own;
  const ip = pod.status?.podIP ?? '';
  const host = ip.includes(':') ? `[${ip}]` : ip;
  return pattern.replaceAll('{ip}', host).replaceAll('{pod}', name).replaceAll('{node}', node);
}

function leaderUrl(identity: string | undefined): string | undefined {
  return identity?.split(' ', 1)[0];
}
