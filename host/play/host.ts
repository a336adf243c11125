import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readAssets } from '../../assets/directory.ts';
import { packAssets } from '../../assets/folder.ts';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { GuestExit, NearlightError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Engine, LoadOptions } from '../engine/engine.ts';
import { createJavaScriptEngine } from '../engine/javascript.ts';
import { locator } from '../engine/symbols.ts';
import { createWasmEdgeEngine } from '../engine/wasmedge/engine.ts';
import { capabilities } from '../gpu/capability.ts';
import { type Gpu, openGpu } from '../gpu/dawn.ts';
import { Replay } from '../gpu/replay.ts';
import { DeviceWatch } from '../gpu/watch.ts';
import { Meters } from '../observe/meters.ts';
import { createMetrics } from '../observe/metrics.ts';
import { buildPlayer } from '../player/build.ts';
import { Lobby } from '../room/lobby.ts';
import { openRoom } from '../room/open.ts';
import type { Room } from '../room/room.ts';
import { View } from '../room/view.ts';
import { createRecordingFile, numbered } from '../session/file.ts';
import { recordingEngine } from '../session/recorder.ts';
import type { PlayerConnection, ViewRequest } from '../stream/player.ts';
import { RateControl } from '../stream/rate.ts';
import type { Relay } from '../stream/relay.ts';
import { createStreamServer, type StreamServer } from '../stream/server.ts';
import { Capture } from '../video/capture.ts';
import { createEncoder } from '../video/h264.ts';

/** The usual picture: one that the machine can draw and encode 60 times a second beside the browser that shows it. */
const HARDWARE_VIEW: ViewRequest = { width: 1280, height: 720, fps: 60 };
const SOFTWARE_VIEW: ViewRequest = { width: 848, height: 480, fps: 60 };

/** The version of this program. */
export const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

export interface HostOptions {
  /** Module files; each gets a room named after its file, the first is what a page plays that does not ask. */
  modules: string[];
  config: Config;
  log: Log;
  /** Folder of assets for every module; without it, the folder `NAME.assets` beside each module. */
  assets?: string;
  /** An asset pack in the place of such a folder. */
  pack?: Uint8Array;
  /** File that the session of the one module is recorded into. */
  record?: string;
}

/** A running host: its rooms, its GPU, its server. */
export interface Host {
  readonly lobby: Lobby;
  readonly server: StreamServer;
  readonly gpu: Gpu;
  readonly engine: Engine;
  /** Tells the players, then closes everything. */
  close(): Promise<void>;
}

/**
 * Opens the GPU, loads the modules and listens.
 * @throws NearlightError for whatever of these fails; nothing is left open then
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const { config, log } = options;
  const engine = recorded(createEngine(config), options);
  // A file that is not there is told at once, before what takes a while.
  for (const path of options.modules) await readModule(path).catch((error) => Promise.reject(named(path, error)));
  const lobby = new Lobby(systemClock);
  const [files, gpu] = await Promise.all([buildPlayer(), openGpu({ hardwareRequired: config.gpuEnabled, log })]);
  try {
    const meters = new Meters();
    const context = { ...options, gpu, engine, meters };
    for (const path of options.modules)
      await lobby.add(roomName(path), () => open(path, context).catch((error) => Promise.reject(named(path, error))));
    void survive(gpu, lobby, log);
    const server = await serve({ config, log, gpu, engine, lobby, files, meters });
    return {
      lobby,
      server,
      gpu,
      engine,
      async close() {
        await server.close();
        await lobby.close();
        gpu.close();
      },
    };
  } catch (error) {
    await lobby.close();
    gpu.close();
    throw error;
  }
}

/** For as long as the GPU can be opened anew, rooms go on whenever it is lost. Once for each GPU. */
export async function survive(gpu: Gpu, lobby: Pick<Lobby, 'rooms'>, log: Log): Promise<void> {
  for (;;) {
    let foreign = false;
    // Whose work has no end is known: that room has ended, or ends now.
    void DeviceWatch.of(gpu.device).hung.then(() => {
      foreign = true;
    });
    const why = await gpu.whenLost;
    log('error', `GPU: the device was lost: ${why}`);
    try {
      await gpu.reopen();
    } catch (error) {
      log('error', `${(error as Error).message}; the host must be started anew`);
      await Promise.all(lobby.rooms.map((room) => room.close('NL_GPU_LOST')));
      return;
    }
    await Promise.all(lobby.rooms.map((room) => room.renew(why, { foreign })));
  }
}

/** What a server is made of. */
export interface ServeOptions {
  config: Config;
  log: Log;
  gpu: Gpu;
  engine: Engine;
  lobby: Pick<Lobby, 'accept' | 'rooms'>;
  meters: Meters;
  /** Seconds from the request for the game to each phase of its start. */
  coldStart?(): Record<string, number>;
  /** What `GET /status` answers beside the rest. */
  more?(): object;
  /** See StreamServerOptions. */
  relay?: Relay;
  files: Awaited<ReturnType<typeof buildPlayer>>;
}

/** Listens for the players of a lobby's rooms. @throws NearlightError as createStreamServer */
export function serve(options: ServeOptions): Promise<StreamServer> {
  const { config, log, gpu, engine, lobby, files, meters, more, relay } = options;
  return createStreamServer({
    config,
    ...(relay ? { relay } : {}),
    log: {
      info: (message) => log('info', message),
      warn: (message) => log('warn', message),
    },
    files,
    usual: gpu.software ? SOFTWARE_VIEW : HARDWARE_VIEW,
    accept: (request) => lobby.accept(request.game, request),
    status: () => ({ ...status(lobby, gpu, engine), ...more?.() }),
    health: () => problem(lobby, gpu),
    metrics: createMetrics(meters, {
      build: {
        version,
        engine: engine.name,
        gpu: gpu.adapter.device || gpu.adapter.description,
        node: process.version,
      },
      seats: () => seats(lobby),
      coldStart: () => options.coldStart?.() ?? {},
    }),
    meters,
  });
}

/** Why nobody could join now: the GPU is lost, no game runs, or no seat is free. */
function problem(lobby: Pick<Lobby, 'rooms'>, gpu: Gpu): NearlightError | undefined {
  if (gpu.lost) return new NearlightError('NL_GPU_LOST', 'the host must be started anew');
  const { all, taken } = seats(lobby);
  if (all === 0) return new NearlightError('NL_ROOM_ENDED', 'no game is running');
  if (taken === all) return new NearlightError('NL_ROOM_FULL', `all ${all} seats are taken`);
  return undefined;
}

function seats(lobby: Pick<Lobby, 'rooms'>): { all: number; taken: number } {
  const open = lobby.rooms.filter((room) => !room.isClosed);
  const sum = (of: (room: Room) => number) => open.reduce((total, room) => total + of(room), 0);
  return { all: sum((room) => room.seats), taken: sum((room) => room.players) };
}

/** The engine that the settings name. @throws NearlightError NL_SETTING */
export function createEngine({ engine, cacheDir, cacheBytesMax }: Config): Engine {
  if (engine === 'wasmedge' || engine === 'wasmedge-interpreter')
    return createWasmEdgeEngine({
      cacheDir,
      cacheBytesMax,
      interpreter: engine === 'wasmedge-interpreter',
    });
  if (engine === 'javascript') return createJavaScriptEngine();
  throw new NearlightError('NL_SETTING', `ENGINE=${engine} is none of wasmedge, wasmedge-interpreter, javascript`);
}

/** The engine, which records what it loads where that is wanted. */
function recorded(engine: Engine, { modules, record, log }: HostOptions): Engine {
  if (record === undefined) return engine;
  let sessions = 0;
  const open = () => createRecordingFile({ path: numbered(record, sessions++), log });
  return recordingEngine(engine, { name: roomName(modules[0]!), open });
}

/** The room that a module file gets. */
export function roomName(path: string): string {
  return basename(path).replace(/\.wasm$/, '');
}

/** The same error, saying which of the modules has it; a player may read it, so without the folder. */
function named(path: string, error: unknown): unknown {
  if (!(error instanceof NearlightError) || error instanceof GuestExit) return error;
  return new NearlightError(error.code, `${basename(path)}: ${error.detail}`, { cause: error });
}

async function open(
  path: string,
  context: HostOptions & Pick<ServeOptions, 'gpu' | 'engine' | 'meters'>,
): Promise<Room> {
  const name = roomName(path);
  const module = await readModule(path);
  const assets = context.pack ?? (await packAssets(context.assets ?? join(dirname(path), `${name}.assets`)));
  return openRoom(context.engine, module, roomOptions({ ...context, name, assets, locate: locator(path, module) }));
}

/** What a room is made with. */
export interface RoomParts {
  name: string;
  config: Config;
  log: Log;
  gpu: Gpu;
  meters: Meters;
  /** The asset pack. */
  assets: Uint8Array;
  /** See LoadOptions. */
  locate?: LoadOptions['locate'];
}

/** The options of openRoom for a room on this process's GPU, encoder and clock. */
export function roomOptions(parts: RoomParts): Parameters<typeof openRoom>[2] {
  const { name, config, log, gpu, meters, assets } = parts;
  if (gpu.device.features.has('timestamp-query')) meters.gpuMs ??= 0;
  const table = readAssets(assets);
  const asset = (handle: number): Uint8Array | undefined => {
    const entry = table[handle];
    return entry && assets.subarray(entry.offset, entry.offset + entry.bytes);
  };
  return {
    name,
    clock: systemClock,
    config,
    meters,
    warmUpTicks: config.tickRate,
    load: {
      limits: config,
      seed: config.seed || randomInt(1, 2 ** 47),
      tickRate: config.tickRate,
      seats: config.maxPlayers,
      assets,
      gpu: capabilities(gpu.device, config),
      ...(parts.locate ? { locate: parts.locate } : {}),
      log: (level, message) => log(level, `${name}: ${message}`),
    },
    log,
    createReplay: (owner) => new Replay({ device: gpu.device, limits: config, asset, ...owner }),
    createView: (request, connection, onError) => createView(parts, request, connection, onError),
  };
}

/** @throws NearlightError NL_MODULE_NOT_FOUND */
export async function readModule(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new NearlightError('NL_MODULE_NOT_FOUND', `${code}; give the path of a .wasm file`, { cause });
  }
}

async function createView(
  { gpu, config, log, meters }: RoomParts,
  request: ViewRequest,
  connection: PlayerConnection,
  onError: (error: unknown) => void,
): Promise<View> {
  const { width, height, fps } = request;
  const rate = new RateControl(request, config.bitrateMax);
  const encoder = await createEncoder({
    width,
    height,
    fps,
    bitrate: rate.bitrate,
    hardware: !gpu.software,
    log,
  });
  const capture = new Capture({ device: gpu.device, width, height });
  return new View({
    capture,
    encoder,
    connection,
    rate,
    clock: systemClock,
    meters,
    onError,
  });
}

function status(lobby: Pick<Lobby, 'rooms'>, gpu: Gpu, engine: Engine): object {
  return {
    engine: engine.name,
    gpu: gpu.adapter,
    memory: { rssBytes: process.memoryUsage.rss() },
    cpuMs: Math.round(process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000),
    rooms: lobby.rooms.map((room) => room.status()),
  };
}
