import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { buildModules, modulePaths } from './build.ts';
import type { Config } from './config.ts';
import type { GpuFacts, Instance, Submission } from './engine/engine.ts';
import { packAssets } from './engine/pack.ts';
import { buildNative } from './engine/wasmedge/build.ts';
import { NearlightError } from './errors.ts';
import { type Gpu, openGpu } from './gpu/dawn.ts';
import type { Surface } from './gpu/replay.ts';
import { createEngine, readModule, roomName, roomOptions } from './host.ts';
import { createLog, type Log } from './observe/log.ts';
import { Meters } from './observe/meters.ts';
import { Answers } from './session/answers.ts';
import { readRecordingFile } from './session/file.ts';
import { idle } from './session/film.ts';
import type { Call } from './session/format.ts';
import { verify } from './session/replay.ts';

/** A game to be played without players or server: a module with nobody but an onlooker, or a recorded session. */
export interface Source {
  name: string;
  module: Uint8Array;
  /** The asset pack. */
  assets: Uint8Array;
  seed: number;
  tickRate: number;
  seats: number;
  /** Without end where nothing was recorded. */
  calls: Iterable<Call>;
  /** The calls are a session's, with the replies that it had. */
  recorded: boolean;
  /** What a session's module was told of its GPU. */
  gpu?: GpuFacts | undefined;
}

export interface SourceOptions {
  /** A module's file, the name of one of this repository's games, or a session's file (.nlr). */
  what: string;
  config: Config;
  /** Of a session, where its module is not one of the repository's. */
  module?: string;
  /** Folder of assets; without it, the folder NAME.assets beside the module. */
  assets?: string;
  /** Is told what takes a while. */
  announce(line: string): void;
}

/**
 * Finds, builds where it is this repository's own, and reads what is to be played.
 * @throws NearlightError NL_USAGE, NL_SOURCE, NL_MODULE_NOT_FOUND, NL_RECORDING
 */
export async function openSource({ what, config, module, assets, announce }: SourceOptions): Promise<Source> {
  if (!what.endsWith('.nlr')) {
    const found = await readGame(what, { assets, announce });
    const { tickRate, maxPlayers: seats } = config;
    return { ...found, seed: config.seed || randomInt(1, 2 ** 47), tickRate, seats, calls: idle(), recorded: false };
  }
  const { header, calls, complete } = await readRecordingFile(what);
  if (!complete) announce(`${what} was cut: it has no end, and is played as far as it goes`);
  const found = await readGame(module ?? header.name, { assets, announce });
  await verify(header, found);
  return { ...found, ...header, module: found.module, assets: found.assets, calls, recorded: true };
}

type Game = Pick<Source, 'name' | 'module' | 'assets'>;

async function readGame(
  what: string,
  { assets, announce }: { assets: string | undefined; announce(line: string): void },
): Promise<Game> {
  const path = findModule(what);
  const own = modulePaths().get(path);
  if (own) await buildModules([own], announce);
  const name = roomName(path);
  const folder = assets ?? join(dirname(path), `${name}.assets`);
  return { name, module: await readModule(path), assets: await packAssets(folder) };
}

function findModule(what: string): string {
  const games = modulePaths();
  if (existsSync(what) || games.has(resolve(what))) return resolve(what);
  for (const [path, name] of games) if (name === what) return path;
  const names = [...games.values()].join(', ');
  throw new NearlightError(
    'NL_MODULE_NOT_FOUND',
    `there is no file ${what}, and no game of that name; give a .wasm file or one of ${names}`,
  );
}

/** A loaded game and what its commands are executed with. */
export interface Offline {
  readonly instance: Instance;
  readonly gpu: Gpu;
  readonly answers: Answers;
  /** Milliseconds of the GPU's time so far; 0 where it does not tell. */
  readonly gpuMs: number;
  /** Executes what a call submitted, into `surface` where it draws. @throws NearlightError as Replay.run */
  run(submission: Submission, surface?: Surface): void;
  /** Ends the module and gives the GPU back. */
  close(): Promise<void>;
}

/** Loads a game on the engine and the GPU of the settings. @throws NearlightError for whatever of these fails */
export async function openOffline(source: Source, config: Config): Promise<Offline> {
  const log: Log = createLog(config.logLevel);
  await buildNative((line) => log('info', line));
  const gpu = await openGpu({
    hardwareRequired: config.gpuEnabled,
    log: (level, line) => level !== 'warn' && log(level, line),
  });
  const meters = new Meters();
  const options = roomOptions({ name: source.name, config, log, gpu, meters, assets: source.assets });
  const { seed, tickRate, seats, gpu: told } = source;
  const load = { ...options.load, seed, tickRate, seats, ...(told ? { gpu: told } : {}) };
  const answers = new Answers();
  try {
    const instance = await createEngine(config).load(source.module, load);
    const replay = options.createReplay({
      log: options.load.log,
      reply(record) {
        answers.answer();
        // A session's own replies are among its calls.
        if (!source.recorded) instance.reply(record);
      },
      write(address, bytes) {
        if (!source.recorded) instance.write(address, bytes);
      },
    });
    let gpuMs = 0;
    let failure: NearlightError | undefined;
    replay.observer = {
      onGpu(ms) {
        gpuMs += ms;
      },
      onError(error) {
        failure ??= error;
      },
    };
    const close = async () => {
      await instance.close();
      replay.destroy();
      gpu.close();
    };
    return {
      instance,
      gpu,
      answers,
      get gpuMs() {
        return gpuMs;
      },
      run(submission, surface) {
        if (failure) throw failure;
        replay.run(submission, surface);
      },
      close,
    };
  } catch (error) {
    gpu.close();
    throw error;
  }
}

/** The name of a file without its folder and its ending. */
export function baseName(path: string): string {
  return basename(path).replace(/\.\w+$/, '');
}
