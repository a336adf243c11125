import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Config, settings } from '../base/config.ts';
import { PLAYER_ENDPOINTS } from '../base/dependencies.ts';
import { NearlightError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { milli } from '../base/time.ts';
import { VERSION as PROGRAM_VERSION } from '../base/version.ts';
import { openGate } from '../edge/admission/gate.ts';
import { admissionMode } from '../edge/admission/mode.ts';
import { FleetReporter } from '../edge/link/fleet-reporter.ts';
import { Hosts } from '../edge/link/hosts.ts';
import { HOST_MS_MAX, VERSION } from '../edge/link/protocol.ts';
import { listenForHosts } from '../edge/link/server.ts';
import { ROWS_MAX } from '../edge/store/bounds.ts';
import { Meters } from '../observe/meters.ts';
import { createMetrics } from '../observe/metrics.ts';
import { openTracing } from '../observe/tracing/tracing.ts';
import { createOperatorServer, type OperatorServer } from '../stream/operator.ts';
import { joinRules, keysIn, ticketsIn } from './admission.ts';
import { openDependencies } from './dependencies.ts';
import { type Edge, openEdge } from './edge.ts';
import { faultsOfGate, openResilience } from './resilience.ts';
import { openRisk } from './risk.ts';

/** Pause between two looks for hosts that are gone, and for the sessions that they have left. */
const TEND_MS = 2000;
const NO_GAME = { id: '', isRunning: false, players: 0, seats: 1 };

export interface EdgeServiceOptions {
  config: Config;
  log: Log;
  clock?: Clock;
}

/** A running edge service. */
export interface EdgeService {
  readonly edge: Edge;
  readonly hosts: Hosts;
  readonly operator: OperatorServer;
  /** Path of the socket for hosts. */
  readonly socket: string;
  close(): Promise<void>;
}

/**
 * Returns the path of the service's socket: EDGE_SOCKET, or one in the folder for sockets of this user.
 * @throws NearlightError NL_SETTING if there is no such folder
 */
export function edgeSocket({ edgeSocket: path }: Pick<Config, 'edgeSocket'>, env: NodeJS.ProcessEnv): string {
  if (path !== '') return path;
  const folder = env.XDG_RUNTIME_DIR || (userInfo().uid === 0 ? '/run' : '');
  if (folder === '')
    throw new NearlightError(
      'NL_SETTING',
      'there is no usual folder for a socket of this user (XDG_RUNTIME_DIR); set EDGE_SOCKET to a path in a folder that only this user can change',
    );
  return join(folder, 'nearlight-edge', 'edge.sock');
}

/**
 * Opens store, sender, gate and risk rules, and serves them to the hosts of this machine. The rules of ENDPOINT_RULES for requests of pages
 * apply in each of these hosts.
 * @throws NearlightError NL_SETTING if the settings do not say who may join or where the store is, and as openEdge, openGate, openRisk
 * and listenForHosts; nothing stays open then
 */
export async function startEdgeService(
  { config, log, clock = systemClock }: EdgeServiceOptions,
  socket: string,
): Promise<EdgeService> {
  const mode = modeOf(config);
  const closers: (() => unknown)[] = [];
  const close = async () => {
    for (const end of closers.splice(0).reverse()) await end();
  };
  const meters = new Meters();
  try {
    const dependencies = await openDependencies({ config, log, meters });
    closers.push(() => dependencies.close());
    const tracing = openTracing({ config, log, meters });
    closers.push(() => tracing.close());
    const resilience = openResilience({ config, log, meters, clock });
    closers.push(() => resilience.close());
    const edge = await openEdge({
      config,
      log,
      meters,
      clock,
      dependencies,
      resilience,
      tracer: tracing.tracer,
      isShared: true,
    });
    if (!edge)
      throw new NearlightError('NL_SETTING', 'the edge service needs a store; set STORE_DIR to a folder for it');
    closers.push(() => edge.close());
    const risk = await openRisk({ config, log, meters, rooms: () => [] });
    if (risk) closers.push(() => risk.close());
    const gate = await openGate({
      config: { ...config, admission: mode, edgeSocket: '' },
      log,
      meters,
      dependencies,
      ...faultsOfGate(resilience),
      game: () => NO_GAME,
      tickets: ticketsIn(edge.store),
      keys: keysIn(edge.store),
      ...(risk ? { risk: joinRules({ rules: risk.rules }) } : {}),
    });
    closers.push(() => gate.close());
    const count = (account: string) => gate.passOf({ id: account, role: '' });
    const hosts = new Hosts({ clock, take: (id) => count(id).take(), free: (id) => count(id).free() });
    const { endpoints } = dependencies;
    const terms = () => ({
      version: VERSION,
      admission: mode,
      ticketMsMax: config.ticketMsMax,
      accountSeatsMax: config.accountSeatsMax,
      rules: Object.fromEntries(PLAYER_ENDPOINTS.map((name) => [name, endpoints[name].rule])),
    });
    const reporter = openReporter({ config, hosts, log, clock });
    if (reporter) closers.push(() => reporter.close());
    closers.push(tendHosts({ edge, hosts, clock, log }));
    const operator = await createOperatorServer({
      config,
      warn: (message) => log('warn', message),
      status: () => ({ socket, hosts: hosts.size, admission: mode, edge: edge.figures() }),
      health: () => edge.problem(),
      metrics: createMetrics(meters, {
        build: { version: PROGRAM_VERSION, engine: 'none', gpu: 'none', node: process.version },
        seats: () => ({ all: 0, taken: 0 }),
        coldStart: () => ({}),
        edge: () => edge.figures(),
        hosts: () => hosts.size,
        protection: resilience.figures,
      }),
      meters,
      calls: [resilience.call],
      mayMove: true,
    });
    closers.push(() => operator.close());
    // Hosts find the service when it can answer.
    const { joins, protection: pressure, faults } = resilience;
    const server = await listenForHosts({
      path: socket,
      gate,
      store: edge.store,
      hosts,
      terms,
      log,
      protection: { joins, pressure },
      faults,
      tracer: tracing.tracer,
      clock,
    });
    closers.push(() => server.close());
    return { edge, hosts, operator, socket, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws NearlightError NL_SETTING if a setting is missing */
function openReporter({ config, hosts, log, clock }: Tended & { config: Config }): FleetReporter | undefined {
  const { fleetUrl: url, fleetNodeToken: token, nodeName: node } = config;
  if (url === '') return undefined;
  if (token === '' || node === '')
    throw new NearlightError(
      'NL_SETTING',
      'FLEET_URL needs FLEET_NODE_TOKEN, the secret that the fleet has too, and NODE_NAME, the name of this node in Kubernetes',
    );
  const reporter = new FleetReporter({ url, token, node, servers: () => hosts.servers(), log, clock });
  reporter.start();
  return reporter;
}

/** A service has no address that could tell who is meant to join, so the setting has to say it. */
function modeOf(config: Config): 'open' | 'token' {
  if (config.admission === '')
    throw new NearlightError(
      'NL_SETTING',
      `the edge service has to know who may join; set ${settings.admission.env}=token with OIDC_ISSUER and OIDC_AUDIENCE to let in players who have signed in, or ${settings.admission.env}=open for anyone`,
    );
  const mode = admissionMode({ ...config, edgeSocket: '' });
  return mode === 'token' ? 'token' : 'open';
}

interface Tended {
  hosts: Hosts;
  clock: Clock;
  log: Log;
}

/**
 * Forgets hosts that are gone, and ends the sessions that they have left in the store. A service that has just started first waits until all
 * hosts have had time to say what they have.
 * @returns a function that ends this
 */
function tendHosts({ edge, hosts, clock, log }: Tended & { edge: Edge }): () => Promise<void> {
  const closing = Promise.withResolvers<void>();
  let isClosed = false;
  const from = clock.now() + HOST_MS_MAX;
  const tend = async () => {
    hosts.expire();
    const running = hosts.sessions();
    if (clock.now() < from || running.length > ROWS_MAX) return;
    const at = Date.now();
    const lost = await edge.store.endSessionsExcept({ at, running, before: Math.max(0, at - HOST_MS_MAX) });
    if (lost > 0) log('warn', `${lost} sessions were not ended by their hosts, and are kept as lost`);
  };
  const run = async () => {
    while (!isClosed) {
      await tend().catch((error: Error) => log('warn', `lost sessions were not looked for: ${error.message}`));
      await Promise.race([clock.until(milli(clock.now() + TEND_MS)), closing.promise]);
    }
  };
  const running = run();
  return async () => {
    isClosed = true;
    closing.resolve();
    await running;
  };
}
