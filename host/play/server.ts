import { PHASES } from '../base/bus.ts';
import { systemClock } from '../base/clock.ts';
import { type Config, readList } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Measures } from '../base/measures.ts';
import { VERSION } from '../base/version.ts';
import { fleetGate } from '../edge/admission/fleet-gate.ts';
import { FleetTickets } from '../edge/admission/fleet-ticket.ts';
import { type GameFacts, openGate } from '../edge/admission/gate.ts';
import { createDependencies, type Dependencies } from '../edge/dependencies/dependencies.ts';
import { type ClosableGate, limitedGate } from '../edge/protection/gate.ts';
import type { Engine } from '../engine/engine.ts';
import type { Gpu } from '../gpu/dawn.ts';
import { readKernelCounts } from '../observe/kernel.ts';
import { LoadMeter } from '../observe/load.ts';
import type { Meters } from '../observe/meters.ts';
import { createMetrics } from '../observe/metrics.ts';
import type { Tracing } from '../observe/tracing/tracing.ts';
import type { buildPlayer } from '../player/build.ts';
import type { Lobby } from '../room/lobby.ts';
import type { Room } from '../room/room.ts';
import { createOperatorServer, type OperatorServer, type OperatorServerOptions } from '../stream/operator.ts';
import type { Player, ViewRequest } from '../stream/player.ts';
import { createStreamServer, type StreamServer, type StreamServerOptions } from '../stream/server.ts';
import { joinRules, keysIn, ticketsIn } from './admission.ts';
import type { Carrier } from './carrier.ts';
import type { SeatRecord } from './checkpoint.ts';
import { limitPages } from './dependencies.ts';
import type { Edge } from './edge.ts';
import type { LinkedEdge } from './edge-link.ts';
import { readPass, writePass } from './pass-text.ts';
import { faultsOfGate, type Resilience } from './resilience.ts';
import type { Risk } from './risk.ts';
import { type Lifecycle, lifecycleOf } from './server-report.ts';

/** Default pictures for a player, with a hardware GPU and without. The machine can draw and encode 60 of them a second. */
const HARDWARE_VIEW: ViewRequest = { width: 1280, height: 720, fps: 60 };
const SOFTWARE_VIEW: ViewRequest = { width: 848, height: 480, fps: 60 };

export interface ServeOptions {
  config: Config;
  log: Log;
  gpu: Gpu;
  engine: Engine;
  lobby: Pick<Lobby, 'admit' | 'watch' | 'rooms'>;
  meters: Meters;
  /** Files of the page on which players play. */
  files: Awaited<ReturnType<typeof buildPlayer>>;
  /** Returns the seconds from the request to start the game to each phase of its start. */
  coldStart?(): Record<string, number>;
  /** Additional fields in the answer to `GET /status`. */
  more?(): object;
  /** The host's store and its sender of events. Without it, the host has no store. */
  edge?: Pick<Edge, 'figures' | 'problem' | 'store'> | undefined;
  /** The edge service of the node, which then decides who may join; undefined if the host does. */
  link?: Pick<LinkedEdge, 'openGate' | 'figures'> | undefined;
  /** The services that joins reach, and limits for joins. By default the servers have their own. */
  dependencies?: Pick<Dependencies, 'issuer' | 'opa' | 'endpoints'>;
  /** Rules that decide at joins; undefined if there are none. */
  risk?: Pick<Risk, 'rules'> | undefined;
  /** Takes the seats whose players can return, whenever one was taken or given up. */
  noteSeats?(seats: readonly (SeatRecord & { game: string })[]): void;
  /** Traces joins, and pictures on demand. Without it, nothing is traced. */
  tracing?: Tracing | undefined;
  /** Protection from pressure, and injected faults. Without it, there are neither. */
  resilience?: Resilience | undefined;
  /** See StreamServerOptions. */
  ready?: StreamServerOptions['ready'];
  /** See OperatorServerOptions. */
  mayMove?: boolean;
  /** Moves a player; see OperatorServerOptions. */
  move?: OperatorServerOptions['move'];
  /** See StreamServerOptions. */
  nodePort?: StreamServerOptions['nodePort'];
  /** Opens the tickets of players whom another server sends. Without it, none are taken. */
  carrier?: Pick<Carrier, 'seal'> | undefined;
  /** Whether a game is being started. Without a game that runs or starts, the server has ended. */
  isStarting?(): boolean;
}

/** The two servers of a host, each at a port of its own. */
export interface Servers {
  readonly players: StreamServer;
  readonly operator: OperatorServer;
  /** The load of the host over the last seconds, for who scales the fleet. */
  readonly measures: Measures;
  /** Returns the state of the host and the numbers of its seats. */
  lifecycle(): Lifecycle;
  /** Holds the seat of a player of an earlier process, or frees it if the player cannot prove anything. */
  resume(player: Player, record: SeatRecord | undefined): void;
  /** Players who have come with tickets of the fleet, by their reservation. */
  readonly arrived: Readonly<Record<string, number>>;
  /** Ends all connections. While players leave, the operator's server answers that the host is not ready. */
  close(): Promise<void>;
}

/**
 * Starts the servers through which players join the games of a lobby and operators watch them.
 * @throws as the servers, and NL_SETTING if the settings do not say who may join
 */
export async function serve(options: ServeOptions): Promise<Servers> {
  const { config, log, gpu, engine, lobby, files, meters, more, nodePort, edge, link, risk, resilience } = options;
  const { tracing, mayMove = false } = options;
  const warn = (message: string) => log('warn', message);
  const game = (name?: string) => factsOf(lobby.rooms, name);
  const { dependencies = createDependencies({ config, log, meters }) } = options;
  const opened: ClosableGate = link
    ? link.openGate({ log, meters, game })
    : await openGate({
        config,
        log,
        meters,
        dependencies,
        game,
        ...(edge ? { tickets: ticketsIn(edge.store), keys: keysIn(edge.store) } : {}),
        ...(risk ? { risk: joinRules({ rules: risk.rules }) } : {}),
        ...(resilience ? faultsOfGate(resilience) : {}),
      });
  const fleet = await openFleetTickets(config, edge).catch(async (error: unknown) => {
    await opened.close();
    throw error;
  });
  const entrance = fleet ? fleetGate(opened, fleet) : opened;
  const gate = resilience ? limitedGate(entrance, resilience.joins) : entrance;
  const players = await createStreamServer({
    config,
    gate,
    limit: limitPages(dependencies),
    ready: options.ready,
    log: {
      debug: (message) => log('debug', message),
      info: (message, about) => log('info', message, about),
      warn,
    },
    files,
    defaultView: gpu.software ? SOFTWARE_VIEW : HARDWARE_VIEW,
    admit: (request) => lobby.admit(request.game, request),
    watch: (request) => lobby.watch(request.game, request),
    onSeats: (seats) =>
      options.noteSeats?.(
        seats.map(({ digest, origin, pass, ...place }) => ({
          ...place,
          digest: digest.toString('base64url'),
          origin: origin.toString('base64url'),
          pass: writePass(pass),
        })),
      ),
    meters,
    nodePort,
    carry: options.carrier && {
      seal: options.carrier.seal,
      games: () => lobby.rooms.map(({ name }) => name),
      arrive: async (name, seat, state) =>
        (await lobby.rooms.find((room) => room.name === name)?.moves.arrive(seat, state)) ?? false,
    },
    tracer: tracing?.tracer,
    faults: resilience?.faults,
  }).catch(async (error: unknown) => {
    await gate.close();
    throw error;
  });
  const loadFigures = { queue: () => players.waiting, kernel: () => readKernelCounts() };
  const load = new LoadMeter({ meters, ...loadFigures, clock: systemClock });
  const lifecycle = () => lifecycleOf(lobby.rooms, { ...endOf(players), isStarting: options.isStarting?.() });
  const operator = await createOperatorServer({
    config,
    warn,
    status: () => ({ ...lifecycle(), ...status(options), load: load.measures, ...more?.() }),
    health: () => findEnd(players) ?? findProblem(options),
    metrics: createMetrics(meters, {
      build: {
        version: VERSION,
        engine: engine.name,
        gpu: gpu.adapter.device || gpu.adapter.description,
        node: process.version,
      },
      seats: () => countSeats(lobby.rooms),
      state: () => lifecycle().state,
      phases: () => countPhases(lobby.rooms),
      coldStart: () => options.coldStart?.() ?? {},
      ...(edge ? { edge: () => edge.figures() } : {}),
      protection: resilience?.figures,
      load: loadFigures,
      ...(link ? { link: () => link.figures() } : {}),
    }),
    meters,
    calls: resilience ? [resilience.call] : [],
    mayMove,
    ...(tracing ? { traceFrames: (request) => tracing.taps.ask(request) } : {}),
    move: options.move,
  }).catch(async (error: unknown) => {
    await players.close();
    await gate.close();
    throw error;
  });
  return {
    players,
    operator,
    get measures() {
      return load.measures;
    },
    get arrived() {
      return fleet?.arrived ?? {};
    },
    lifecycle,
    resume(player, record) {
      const pass = record && readPass(record.pass, gate);
      if (pass) {
        const { digest, origin = digest } = record;
        players.resume(player, { digest: fromText(digest), origin: fromText(origin), pass });
      } else player.onClosed('page');
    },
    async close() {
      await players.close();
      await gate.close();
      await operator.close();
    },
  };
}

/** @throws NearlightError NL_SETTING if FLEET_KEYS is set, and the host does not know its pod */
async function openFleetTickets(
  { fleetKeys, podUid }: Pick<Config, 'fleetKeys' | 'podUid'>,
  edge: ServeOptions['edge'],
): Promise<FleetTickets | undefined> {
  if (fleetKeys === '') return undefined;
  if (podUid === '')
    throw new NearlightError(
      'NL_SETTING',
      'FLEET_KEYS needs POD_UID, the id of the pod for which the fleet makes tickets; take it from metadata.uid',
    );
  const jose = await import('jose');
  const store = edge ? { store: ticketsIn(edge.store) } : {};
  return new FleetTickets({ jose, keys: readList(fleetKeys), audience: podUid, ...store });
}

function fromText(digest: string): Buffer {
  return Buffer.from(digest, 'base64url');
}

function endOf({ isClosing, isDraining, reserved }: StreamServer): Parameters<typeof lifecycleOf>[1] {
  return { isClosing, isDraining, reserved };
}

/** Says why the host takes no new players, if that is because it ends. */
function findEnd({ isClosing, isDraining }: StreamServer): NearlightError | undefined {
  if (isClosing) return new NearlightError('NL_SHUTDOWN', 'the server is shutting down');
  return isDraining ? new NearlightError('NL_DRAINING', 'those who play go on for a while') : undefined;
}

/**
 * Says why the host serves no players now; undefined if it does. A host whose seats are all taken is ready, or strangers could
 * take it out of service by filling it. The status and the metrics tell how many seats are free.
 */
function findProblem({ gpu, lobby, edge }: ServeOptions): NearlightError | undefined {
  if (gpu.lost) return new NearlightError('NL_GPU_LOST', 'restart the host');
  if (countSeats(lobby.rooms).all === 0) return new NearlightError('NL_ROOM_ENDED', 'no game is running');
  return edge?.problem();
}

/** Returns what the policies learn of a game. One that has ended starts again for the next player. */
function factsOf(rooms: readonly Room[], name: string | undefined): GameFacts {
  const room = rooms.find((each) => name === undefined || each.name === name);
  if (!room) return { id: name ?? '', isRunning: false, players: 0, seats: 1 };
  return { id: room.name, isRunning: !room.isClosed, players: room.players, seats: room.seats, phase: room.phase };
}

function countSeats(rooms: readonly Room[]): { all: number; taken: number } {
  const open = rooms.filter((room) => !room.isClosed);
  const sum = (count: (room: Room) => number) => open.reduce((total, room) => total + count(room), 0);
  return { all: sum((room) => room.seats), taken: sum((room) => room.players) };
}

function countPhases(rooms: readonly Room[]): Record<string, number> {
  const counts: Record<string, number> = { none: 0, ...Object.fromEntries(PHASES.map((phase) => [phase, 0])) };
  for (const { isClosed, phase = 'none' } of rooms) if (!isClosed) counts[phase] = (counts[phase] ?? 0) + 1;
  return counts;
}

function status({ lobby, gpu, engine }: ServeOptions): object {
  const { user, system } = process.cpuUsage();
  return {
    engine: engine.name,
    gpu: gpu.adapter,
    memory: { rssBytes: process.memoryUsage.rss() },
    cpuMs: Math.round((user + system) / 1000),
    rooms: lobby.rooms.map((room) => room.status()),
  };
}
