import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { packAssets } from '../../assets/folder.ts';
import { type Config, readConfig } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { createLog, type Log } from '../base/log.ts';
import type { GpuFacts, Instance, LoadOptions, Submission } from '../engine/engine.ts';
import { locator } from '../engine/symbols.ts';
import { buildNative } from '../engine/wasmedge/build.ts';
import { type Gpu, openGpu } from '../gpu/dawn.ts';
import type { Surface } from '../gpu/replay.ts';
import { Meters } from '../observe/meters.ts';
import { Answers } from '../session/answers.ts';
import { readRecordingFile } from '../session/file.ts';
import { idle } from '../session/film.ts';
import type { Call } from '../session/format.ts';
import { verify } from '../session/replay.ts';
import { createEngine, readModule, roomName, roomOptions } from './host.ts';
import { buildModules, modulePaths } from './modules.ts';

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
  /** A session's calls, with the replies that it had; undefined where nothing was recorded. */
  recorded: readonly Call[] | undefined;
  /** Seats that somebody takes at some time. */
  taken: readonly number[];
  locate: NonNullable<LoadOptions['locate']>;
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
  /** A glTF model, of which the assets are made. */
  model?: string;
  /** Is told what takes a while. */
  announce(line: string): void;
}

/** What the command lines of render and inspect share. */
export interface SourceValues {
  module?: string | undefined;
  assets?: string | undefined;
  model?: string | undefined;
  seed?: string | undefined;
}

/** What a command line asks to be played; without anything, the arena. @throws NearlightError NL_USAGE */
export function askedSource(positionals: string[], values: SourceValues): Omit<SourceOptions, 'config' | 'announce'> {
  const usage = (detail: string) => new NearlightError('NL_USAGE', detail);
  if (positionals.length > 1) throw usage(`one game at a time, and not ${positionals.join(', ')}`);
  const { module, assets, model, seed } = values;
  const what = positionals[0] ?? (model === undefined ? 'arena' : MODEL);
  const session = what.endsWith('.nlr');
  if (session && seed !== undefined)
    throw usage(`--seed ${seed}: a session is played with the seed that it was recorded with; leave --seed out`);
  if (!session && module !== undefined) throw usage(`--module is for a session; to play ${module}, give it by itself`);
  if (model !== undefined && (assets !== undefined || (!session && what !== MODEL)))
    throw usage('--model shows a model by itself, or in a session of it; leave games and --assets out');
  return { what, ...(module ? { module } : {}), ...(assets ? { assets } : {}), ...(model ? { model } : {}) };
}

/** The settings of a command that plays by itself: with nothing said, it is quiet, and plays the same each time. */
export function askedConfig(
  { engine, seed }: { engine?: string | undefined; seed?: string | undefined },
  environment: Record<string, string | undefined>,
): Config {
  return readConfig({
    LOG_LEVEL: 'warn',
    ...environment,
    ...(engine === undefined ? {} : { ENGINE: engine }),
    SEED: seed ?? (environment.SEED || SEED),
  });
}

const SEED = '1';
/** The game that shows a model. */
const MODEL = 'model';

/**
 * Finds, builds where it is this repository's own, and reads what is to be played.
 * @throws NearlightError NL_USAGE, NL_SOURCE, NL_MODULE_NOT_FOUND, NL_MODEL, NL_RECORDING
 */
export async function openSource({ what, config, module, ...options }: SourceOptions): Promise<Source> {
  if (!what.endsWith('.nlr')) {
    const found = await readGame(what, options);
    const { tickRate, maxPlayers: seats } = config;
    const seed = config.seed || randomInt(1, 2 ** 47);
    return { ...found, seed, tickRate, seats, calls: idle(), recorded: undefined, taken: [0] };
  }
  const { header, calls, complete } = await readRecordingFile(what);
  if (!complete) options.announce(`${what} was cut: it has no end, and is played as far as it goes`);
  const found = await readGame(module ?? header.name, options);
  await verify(header, found);
  const taken = [...new Set(calls.flatMap((asked) => (asked.kind === 'join' ? asked.seat : [])))].sort((a, b) => a - b);
  return { ...found, ...header, module: found.module, assets: found.assets, calls, recorded: calls, taken };
}

type Game = Pick<Source, 'name' | 'module' | 'assets' | 'locate'>;

async function readGame(
  what: string,
  { assets, model, announce }: Pick<SourceOptions, 'assets' | 'model' | 'announce'>,
): Promise<Game> {
  const path = findModule(what);
  const own = modulePaths().get(path);
  if (own) await buildModules([own], announce);
  const name = roomName(path);
  const module = await readModule(path);
  const pack = await (model === undefined
    ? packAssets(assets ?? join(dirname(path), `${name}.assets`))
    : packModel(model, announce));
  return { name, module, assets: pack, locate: locator(path, module) };
}

/** The packer's libraries are loaded where there is something to pack. */
async function packModel(path: string, announce: (line: string) => void): Promise<Uint8Array> {
  const { modelAssets } = await import('../../assets/model.ts');
  return modelAssets(path, announce);
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
  const { name, assets, locate } = source;
  const options = roomOptions({ name, config, log, gpu, meters, assets, locate });
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
      onGpu(ms, renders) {
        gpuMs += ms * renders;
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
