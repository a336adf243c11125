import { basename } from 'node:path';
import type { Bus, EventSink } from '../base/bus.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { GuestExit, NearlightError } from '../base/errors.ts';
import { LAYERS, readLayers } from '../base/layers.ts';
import type { Log } from '../base/log.ts';
import { losses } from '../base/losses.ts';
import type { Milli } from '../base/time.ts';
import { admissionMode } from '../edge/admission/mode.ts';
import type { MoveResult } from '../edge/saga/source.ts';
import type { Engine } from '../engine/engine.ts';
import { type Gpu, openGpu } from '../gpu/dawn.ts';
import { Meters } from '../observe/meters.ts';
import { openTracing, type Tracing } from '../observe/tracing/tracing.ts';
import { buildPlayer } from '../player/build.ts';
import { Lobby } from '../room/lobby.ts';
import type { PixelBudget } from '../room/pixels.ts';
import type { Room } from '../room/room.ts';
import { createRecordingFile, numbered } from '../session/file.ts';
import { recordingEngine } from '../session/recorder.ts';
import type { Sink } from '../session/writer.ts';
import type { MoveOrder } from '../stream/move-order.ts';
import { openBus } from './bus.ts';
import { Carrier } from './carrier.ts';
import { Checkpoints } from './checkpoints.ts';
import { openDependencies } from './dependencies.ts';
import { Drain } from './drain.ts';
import { type Edge, openEdge } from './edge.ts';
import { type LinkedEdge, linkEdge } from './edge-link.ts';
import { createEngine } from './engine.ts';
import { Launch } from './launch.ts';
import { type Moves, movePeers, openMoves } from './moves.ts';
import { MovingSeats } from './moving-seats.ts';
import { playableName, readModule, readPlayable, seedOf } from './playable.ts';
import { recoverFromLoss } from './recovery.ts';
import { openResilience, type Resilience } from './resilience.ts';
import { openRisk, type Risk } from './risk.ts';
import { pixelBudget, roomOptions } from './room.ts';
import { type ServeOptions, type Servers, serve } from './server.ts';
import { reportOf } from './server-report.ts';
import { traceRoom } from './tracing.ts';
import { driverIdentity } from './vet/driver.ts';
import { KnownShaders } from './vet/known.ts';
import { Vetting } from './vet/vetting.ts';

export interface HostOptions {
  /** Paths of module files. Each module is one game, named after its file. A page that names no game shows the first one. */
  modules: string[];
  config: Config;
  log: Log;
  /** Folder of assets for every module; without it, the folder `NAME.assets` beside each module. */
  assets?: string;
  /** An asset pack for every module, instead of a folder of assets. */
  pack?: Uint8Array;
  /** Path of the file into which the session is recorded. There must be only one module then. */
  record?: string;
  /** Keeps the results of matches. */
  sink?: EventSink;
  /** Clocks for the time limits on modules; the system's clock by default. */
  clocks?: {
    /** Clock for the limits on a module's calls (INIT_MS_MAX, CALL_MS_MAX). Only the WasmEdge engines have these limits. */
    calls?(): number;
    /** Clock for the limits on executing commands and compiling shaders (REPLAY_MS_MAX, SHADER_MS_MAX). */
    commands?(): Milli;
    /** Clock for the time that a room stays closed after it has ended. */
    rooms?: Clock;
  };
}

/** A running host: its games with their players (rooms), its GPU and its server. */
export interface Host {
  readonly lobby: Lobby;
  readonly servers: Servers;
  readonly gpu: Gpu;
  readonly engine: Engine;
  readonly vetting: Vetting;
  /** The rules of RISK_RULES; undefined if there are none. */
  readonly risk: Risk | undefined;
  /** The store and what sends its events; undefined without STORE_DIR. */
  readonly edge: Edge | undefined;
  /** The connection to the edge service of EDGE_SOCKET; undefined without it. */
  readonly link: LinkedEdge | undefined;
  readonly resilience: Resilience;
  /** Moves players between games and hosts; undefined without STORE_DIR. */
  readonly moves: Moves | undefined;
  /** Lets those who play go on for a while, and then sends their pages to another server; see Drain. */
  readonly drain: Drain;
  /** Tells the players that the host is closing, then closes everything. */
  close(): Promise<void>;
}

/**
 * Opens the GPU, loads the modules and listens for players.
 * @throws NearlightError for the first of these that fails, or if the settings do not say who may join; nothing stays open then
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const { config, log, clocks } = options;
  // Report a setting that is missing at once, before the slow steps.
  admissionMode(config);
  const peers = movePeers(config);
  const carrier = new Carrier({ config, log, clock: systemClock });
  const startedAt = systemClock.now();
  const sinceStart = () => (systemClock.now() - startedAt) / 1000;
  const coldStart: Record<string, number> = {};
  const engine = record(createEngine(config, clocks?.calls), options);
  // Report a missing module file at once, before the slow steps.
  for (const path of options.modules) await readModule(path).catch((error) => Promise.reject(named(path, error)));
  const lobby = new Lobby(clocks?.rooms ?? systemClock);
  const now = clocks?.commands;
  // The build runs while the GPU opens. If it fails, the GPU is closed first.
  const building = buildPlayer();
  building.catch(() => {});
  const gpu = await openGpu({ hardwareRequired: config.gpuEnabled, log, ...(now ? { now } : {}) });
  const meters = new Meters();
  const dependencies = await openDependencies({ config, log, meters }).catch(async (error: unknown) => {
    await gpu.close();
    throw error;
  });
  const tracing = openTracing({ config, log, meters });
  const resilience = openResilience({ config, log, meters });
  const bus = openBus({ config, log, meters, dependency: dependencies.nats, resilience });
  let vetting: Vetting | undefined;
  let risk: Risk | undefined;
  let edge: Edge | undefined;
  let checkpoints: Checkpoints | undefined;
  let servers: Servers | undefined;
  let moves: Moves | undefined;
  let link: LinkedEdge | undefined;
  const drain = new Drain({
    clock: systemClock,
    log,
    secondsMax: config.drainSecondsMax,
    rooms: () => lobby.rooms,
    onBegin: () => {
      if (servers) servers.players.isDraining = true;
    },
  });
  /** Sends the pages of players to another server, if a drain says that there is one. */
  const sendOn = async (): Promise<void> => {
    if (!drain.isDraining || !servers) return;
    await Promise.all(lobby.rooms.map((room) => carrier.collect(room)));
    await servers.players.sendOn((seat) => carrier.onwardOf(seat));
  };
  /** Closes what is open. The matches are kept before the servers and the rooms close, so that they go on in the next process. */
  const close = async (): Promise<void> => {
    drain.end();
    await moves?.close();
    await sendOn();
    resilience.close();
    await checkpoints?.close();
    await servers?.close();
    await risk?.close();
    await lobby.close();
    await bus.close();
    await edge?.close();
    await link?.close();
    await dependencies.close();
    await tracing.close();
    await vetting?.close();
    await gpu.close();
  };
  try {
    const files = await building;
    const requiredLayers = readLayers(config.requiredLayers) ?? LAYERS;
    const known = new KnownShaders({ identity: driverIdentity(gpu), folder: config.cacheDir, stores: true, log });
    vetting = new Vetting({ known, config, log, requiredLayers });
    const pixels = pixelBudget(config, gpu);
    const opened = await openRisk({ config, log, meters, rooms: () => lobby.rooms });
    risk = opened;
    const { podUid: uid } = config;
    const report = () => {
      const { arrived = {}, measures } = servers ?? {};
      const { rooms } = lobby;
      return reportOf({ uid, rooms, lifecycle: servers?.lifecycle(), arrived, measures });
    };
    const server = uid === '' ? {} : { server: report };
    if (config.edgeSocket === '')
      edge = await openEdge({ config, log, meters, dependencies, resilience, tracer: tracing.tracer });
    else {
      const endpoints = config.endpointRules === '' ? dependencies.endpoints : undefined;
      link = await linkEdge({ config, log, tracer: tracing.tracer, endpoints, ...server });
    }
    const [kept, linked] = [edge, link];
    const { store } = edge ?? {};
    if (store && config.checkpointSeconds > 0)
      checkpoints = new Checkpoints({ store, config, log, clock: systemClock });
    const matches = checkpoints;
    const context = {
      ...options,
      gpu,
      engine,
      vetting,
      meters,
      pixels,
      edge: kept ?? linked,
      bus,
      checkpoints: matches,
      tracing,
    };
    for (const path of options.modules)
      await lobby.add(playableName(path), () =>
        open(path, context).catch((error) => Promise.reject(named(path, error))),
      );
    coldStart.loaded = sinceStart();
    const recovered = Promise.withResolvers<void>();
    void recoverFromLoss({ gpu, lobby, log, meters });
    const served = await serve({
      config,
      log,
      gpu,
      engine,
      lobby,
      files,
      meters,
      edge,
      link,
      dependencies,
      risk: opened,
      tracing,
      resilience,
      coldStart: () => coldStart,
      ready: recovered.promise,
      mayMove: true,
      carrier,
      ...(matches ? { noteSeats: (seats) => matches.noteSeats(seats) } : {}),
      ...(kept ? { move: (order) => orderMove(moves, order) } : {}),
    });
    servers = served;
    for (const player of lobby.rooms.flatMap(({ resumed }) => resumed))
      served.resume(player, matches?.recordOf(player));
    if (kept) {
      const { returnMsMax } = config;
      const seats = new MovingSeats({
        rooms: () => lobby.rooms,
        transfers: served.players.transfers,
        peers,
        returnMsMax,
        checkpoints,
      });
      moves = await openMoves({ config, store: kept.store, seats, meters, log });
    }
    void Promise.resolve(moves?.recovered).then(recovered.resolve);
    coldStart.ready = sinceStart();
    return {
      lobby,
      servers: served,
      gpu,
      engine,
      vetting,
      risk: opened,
      edge,
      moves,
      resilience,
      link,
      drain,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Moves a player as an operator orders. @throws NearlightError as Moves.start */
function orderMove(moves: Moves | undefined, { game, seat, to, trace }: MoveOrder): Promise<MoveResult> {
  if (!moves) throw new NearlightError('NL_MOVE', 'the host is starting; try again');
  return moves.start({ from: { game, seat }, to: { host: to.host, game: to.game || game }, trace });
}

/** Returns the engine, wrapped by a recorder if the session is recorded. */
function record(engine: Engine, { modules, record: path, log }: HostOptions): Engine {
  const [module] = modules;
  if (path === undefined || module === undefined) return engine;
  let sessions = 0;
  const open = async (): Promise<Sink> => {
    const session = sessions++;
    const file = createRecordingFile({ path: numbered(path, session), log });
    // The person who starts the host wants a recording. A game that is loaded again later goes on without.
    return session === 0 ? file : file.catch((error: Error) => notRecorded(error, log));
  };
  return recordingEngine(engine, { name: playableName(module), open });
}

/** A sink for the session of a game that cannot be recorded. */
function notRecorded({ message }: Error, log: Log): Sink {
  losses.recording++;
  log('error', `the game goes on, but this session is not recorded: ${message}`);
  return { write() {}, close: async () => {} };
}

/** Adds the module's file name to an error. The folder is left out, because players may read the text. */
function named(path: string, error: unknown): unknown {
  if (!(error instanceof NearlightError) || error instanceof GuestExit) return error;
  return new NearlightError(error.code, `${basename(path)}: ${error.detail}`, { cause: error });
}

async function open(
  path: string,
  context: HostOptions &
    Pick<ServeOptions, 'gpu' | 'engine' | 'meters'> & {
      vetting: Vetting;
      pixels: PixelBudget;
      edge: Pick<Edge, 'keepSessions' | 'record'> | undefined;
      bus: Bus;
      checkpoints: Checkpoints | undefined;
      tracing: Tracing;
    },
): Promise<Room> {
  const { config, log, gpu, engine, vetting, meters, pixels, edge, bus, checkpoints, tracing, sink = edge } = context;
  const playable = await readPlayable(path, context);
  const { name } = playable;
  const launcher = new Launch({
    playable,
    engine: edge?.keepSessions(engine, name) ?? engine,
    gpu,
    vetting,
    config,
    session: { seed: seedOf(config), tickRate: config.tickRate, seats: config.maxPlayers },
    log: (level, message) => log(level, `${name}: ${message}`, { room: name }),
  });
  const tap = tracing.taps.of(name);
  const options = roomOptions({ name, config, log, gpu, meters, pixels, bus, sink, tap });
  const saved = await checkpoints?.read(name);
  const room = await traceRoom(tracing.tracer, { launcher, game: name, options, saved });
  checkpoints?.watch(room);
  return room;
}
