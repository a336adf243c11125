#!/usr/bin/env node
import { randomInt } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildModules, modulePaths } from './build.ts';
import { type Config, readConfig, settings } from './config.ts';
import { readAssets } from './engine/assets.ts';
import type { Engine } from './engine/engine.ts';
import { createJavaScriptEngine } from './engine/javascript.ts';
import { packAssets } from './engine/pack.ts';
import { buildNative } from './engine/wasmedge/build.ts';
import { createWasmEdgeEngine } from './engine/wasmedge/engine.ts';
import { exitStatus, NearlightError } from './errors.ts';
import { type Gpu, openGpu } from './gpu/dawn.ts';
import { Replay } from './gpu/replay.ts';
import { createLog, type Log } from './observe/log.ts';
import { buildPlayer } from './player/build.ts';
import { systemClock } from './room/clock.ts';
import { Lobby } from './room/lobby.ts';
import { openRoom, type Room } from './room/room.ts';
import { View } from './room/view.ts';
import type { PlayerConnection, ViewRequest } from './stream/player.ts';
import { RateControl } from './stream/rate.ts';
import { createStreamServer, type StreamServer } from './stream/server.ts';
import { Capture } from './video/capture.ts';
import { createEncoder } from './video/h264.ts';

const ARENA = join(import.meta.dirname, '../build/arena.wasm');

/** The usual picture: one that the machine can draw and encode 60 times a second beside the browser that shows it. */
const HARDWARE_VIEW: ViewRequest = { width: 1280, height: 720, fps: 60 };
const SOFTWARE_VIEW: ViewRequest = { width: 848, height: 480, fps: 60 };

export interface HostOptions {
  /** Module files; each gets a room named after its file, the first is what a page plays that does not ask. */
  modules: string[];
  config: Config;
  log: Log;
  /** Folder of assets for every module; without it, the folder `NAME.assets` beside each module. */
  assets?: string;
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
  const engine = createEngine(config);
  const lobby = new Lobby(systemClock);
  const [files, gpu] = await Promise.all([buildPlayer(), openGpu({ hardwareRequired: config.gpuEnabled, log })]);
  try {
    const context = { ...options, gpu, engine };
    for (const path of options.modules)
      await lobby.add(roomName(path), () => open(path, context).catch((error) => Promise.reject(named(path, error))));
    const server = await createStreamServer({
      config,
      log: {
        info: (message) => log('info', message),
        warn: (message) => log('warn', message),
      },
      files,
      usual: gpu.software ? SOFTWARE_VIEW : HARDWARE_VIEW,
      accept: (request) => lobby.accept(request.game, request),
      status: () => status(lobby, gpu, engine),
    });
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

function createEngine({ engine, cacheDir }: Config): Engine {
  if (engine === 'wasmedge' || engine === 'wasmedge-interpreter')
    return createWasmEdgeEngine({
      cacheDir,
      interpreter: engine === 'wasmedge-interpreter',
    });
  if (engine === 'javascript') return createJavaScriptEngine();
  throw new NearlightError('NL_SETTING', `ENGINE=${engine} is none of wasmedge, wasmedge-interpreter, javascript`);
}

function roomName(path: string): string {
  return basename(path).replace(/\.wasm$/, '');
}

/** The same error, saying which of the modules has it; a player may read it, so without the folder. */
function named(path: string, error: unknown): unknown {
  if (!(error instanceof NearlightError)) return error;
  return new NearlightError(error.code, `${basename(path)}: ${error.detail}`, { cause: error });
}

async function open(path: string, context: HostOptions & { gpu: Gpu; engine: Engine }): Promise<Room> {
  const { config, log, gpu, engine } = context;
  const name = roomName(path);
  const module = await readModule(path);
  const assets = await packAssets(context.assets ?? join(dirname(path), `${name}.assets`));
  const table = readAssets(assets);
  const asset = (handle: number): Uint8Array | undefined => {
    const entry = table[handle];
    return entry && assets.subarray(entry.offset, entry.offset + entry.bytes);
  };
  const load = {
    limits: config,
    seed: config.seed || randomInt(1, 2 ** 47),
    tickRate: config.tickRate,
    seats: config.maxPlayers,
    assets,
    log: (level: Parameters<Log>[0], message: string) => log(level, `${name}: ${message}`),
  };
  return openRoom(engine, module, {
    name,
    clock: systemClock,
    config,
    load,
    log,
    createReplay: (owner) => new Replay({ device: gpu.device, limits: config, asset, ...owner }),
    createView: (request, connection, onError) => createView(context, request, connection, onError),
  });
}

async function readModule(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new NearlightError('NL_MODULE_NOT_FOUND', `${code}; give the path of a .wasm file`, { cause });
  }
}

async function createView(
  { gpu, config, log }: HostOptions & { gpu: Gpu },
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
    onError,
  });
}

function status(lobby: Lobby, gpu: Gpu, engine: Engine): object {
  return {
    engine: engine.name,
    gpu: gpu.adapter,
    memory: { rssBytes: process.memoryUsage.rss() },
    cpuMs: Math.round(process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000),
    rooms: lobby.rooms.map((room) => room.status()),
  };
}

const HELP = `Nearlight: games rendered at the edge, from one Wasm module.

Usage: npm start -- [MODULE.wasm ...] [options]
       npm start -- doctor

Plays a game in the browser at http://127.0.0.1:8080/; without a module, the arena.
Several modules get a room each: the first at /, others at /?game=NAME.
The page takes ?size=1280x720&fps=60.

Commands:
  doctor           say what this machine has and what is missing

Options:
  --assets DIR     folder of assets (default: NAME.assets beside the module)
  --port N         same as PORT
  --host ADDRESS   same as HOST
  --engine NAME    same as ENGINE
  --help           this text
  --version        the version

Environment:
${Object.values(settings)
  .map(
    ({ env, about, ...setting }) => `  ${env.padEnd(22)} ${about} (${setting.default === '' ? '-' : setting.default})`,
  )
  .join('\n')}
`;

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.version) {
    process.stdout.write(`nearlight ${await version()}\n`);
    return 0;
  }
  const environment = { ...process.env };
  for (const name of ['port', 'host', 'engine'] as const)
    if (values[name] !== undefined) environment[settings[name].env] = values[name];
  const config = readConfig(environment);
  if (positionals[0] === 'doctor') return (await import('./doctor.ts')).doctor(config);
  const log = createLog(config.logLevel);
  const modules = positionals.length > 0 ? positionals : [ARENA];
  await check(modules, values.assets);
  const announce = (line: string) => log('info', line);
  await Promise.all([buildNative(announce), buildOwn(modules, announce)]);
  const host = await startHost({
    modules,
    config,
    log,
    ...(values.assets === undefined ? {} : { assets: values.assets }),
  });
  const { gpu, engine, server } = host;
  // Before the line that a supervisor waits for.
  const ended = signal();
  process.stdout.write(
    `Nearlight ${await version()}: ${modules.map(roomName).join(', ')} on ${engine.name} and ${gpu.adapter.device || gpu.adapter.description}\n`,
  );
  process.stdout.write(`Play at ${server.url}   (Ctrl+C ends)\n`);
  await ended;
  await host.close();
  return 0;
}

/** @throws NearlightError NL_USAGE for what a command line asks for and cannot have */
async function check(modules: string[], assets: string | undefined): Promise<void> {
  const names = modules.map(roomName);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined)
    throw new NearlightError('NL_USAGE', `two modules are named ${twice}, and a room has its module's; rename a file`);
  if (assets !== undefined && !(await stat(assets).catch(() => undefined))?.isDirectory())
    throw new NearlightError('NL_USAGE', `--assets ${assets} is no folder`);
}

/** Compiles those of the modules that are made of sources of this repository, where they changed. */
async function buildOwn(modules: string[], announce: (line: string) => void): Promise<void> {
  const own = modulePaths();
  await buildModules(
    modules.flatMap((path) => own.get(resolve(path)) ?? []),
    announce,
  );
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        assets: { type: 'string' },
        port: { type: 'string' },
        host: { type: 'string' },
        engine: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
  } catch (cause) {
    // Node's second sentence is about file names that begin with a dash.
    const [what] = (cause as Error).message.split('. ');
    throw new NearlightError('NL_USAGE', `${what}; --help lists what there is`, { cause });
  }
}

async function version(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; a second one, whichever, ends the process at once. */
function signal(): Promise<void> {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  return new Promise((resolve) => {
    const end = () => {
      for (const name of names) process.off(name, end);
      resolve();
    };
    for (const name of names) process.on(name, end);
  });
}

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof NearlightError ? error.message : (error as Error).stack}\n`);
    process.exitCode = exitStatus(error);
  }
  // What libraries still hold (a WebRTC thread, a GPU poll) must not keep the process.
  process.exit();
}
