import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { GpuFacts } from '../engine/engine.ts';
import { readRecordingFile } from '../session/file.ts';
import { idle } from '../session/film.ts';
import type { Call } from '../session/format.ts';
import { verify } from '../session/replay.ts';
import type { Playable } from './launch.ts';
import { buildGames } from './modules.ts';
import { packModel, readPlayable, seedOf } from './playable.ts';
import { listModules } from './project.ts';

/** A game to play without players or a server: a module that one idle player watches, or a recorded session. */
export interface Source extends Playable {
  seed: number;
  tickRate: number;
  seats: number;
  /** Calls to make of the module. They are endless unless they come from a recorded session. */
  calls: Iterable<Call>;
  /** The recorded calls of a session, with their replies; undefined for a module. */
  recorded: readonly Call[] | undefined;
  /** Numbers of the seats that a player has at some time in the session. */
  taken: readonly number[];
  /** Features and limits of the GPU that the module saw when its session was recorded. */
  gpu?: GpuFacts | undefined;
}

export interface SourceOptions {
  /** Path of a module, name of one of the project's games, or path of a recorded session (.nlr). */
  what: string;
  config: Config;
  /** Path or name of the module of a recorded session; by default the game that the session names. */
  module?: string;
  /** Folder of assets; without it, the folder NAME.assets beside the module. */
  assets?: string;
  /** Path of a glTF model from which the assets are made. */
  model?: string;
  /** Takes a line about work that takes a while. */
  announce(line: string): void;
}

/**
 * Finds the game or session, builds it if it is one of the project's games, and reads it.
 * @throws NearlightError NL_USAGE, NL_SOURCE, NL_MODULE_NOT_FOUND, NL_MODEL, NL_RECORDING
 */
export async function openSource({ what, config, module, ...options }: SourceOptions): Promise<Source> {
  if (!what.endsWith('.nlr')) {
    const found = await readGame(what, options);
    const { tickRate, maxPlayers: seats } = config;
    return { ...found, seed: seedOf(config), tickRate, seats, calls: idle(), recorded: undefined, taken: [0] };
  }
  const { header, calls, complete } = await readRecordingFile(what);
  if (!complete) options.announce(`${what} is cut off; it plays up to the cut`);
  const found = await readGame(module ?? header.name, options);
  await verify(header, found);
  const taken = [...new Set(calls.flatMap((call) => (call.kind === 'join' ? call.seat : [])))].sort((a, b) => a - b);
  return { ...found, ...header, module: found.module, assets: found.assets, calls, recorded: calls, taken };
}

async function readGame(
  what: string,
  { assets, model, announce }: Pick<SourceOptions, 'assets' | 'model' | 'announce'>,
): Promise<Playable> {
  const path = findModule(what);
  const own = listModules().get(path);
  if (own) await buildGames([own], announce);
  const pack = model === undefined ? undefined : await packModel(model, announce);
  return readPlayable(path, { assets, pack });
}

function findModule(what: string): string {
  const games = listModules();
  if (existsSync(what) || games.has(resolve(what))) return resolve(what);
  for (const [path, { name }] of games) if (name === what) return path;
  const names = [...games.values()].map(({ name }) => name).join(', ');
  throw new NearlightError(
    'NL_MODULE_NOT_FOUND',
    `there is neither a file nor a game named ${what}; give a .wasm file or one of ${names}`,
  );
}
