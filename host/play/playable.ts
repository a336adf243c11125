import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createAssetPackFromFolder } from '../../assets/folder.ts';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { locator } from '../engine/symbols.ts';
import type { Playable } from './launch.ts';

export interface PlayableOptions {
  /** Folder of assets; without it, the folder `NAME.assets` beside the module. */
  assets?: string | undefined;
  /** An asset pack that is used instead of a folder of assets. */
  pack?: Uint8Array | undefined;
}

/** Reads a module, its assets and its source map from files. @throws NearlightError NL_MODULE_NOT_FOUND */
export async function readPlayable(path: string, { assets, pack }: PlayableOptions): Promise<Playable> {
  const name = playableName(path);
  const module = await readModule(path);
  return {
    name,
    module,
    assets: pack ?? (await createAssetPackFromFolder(assets ?? join(dirname(path), `${name}.assets`))),
    locate: locator(path, module),
  };
}

/** Returns the name of a game: that of its module file, without the ending. */
export function playableName(path: string): string {
  return basename(path).replace(/\.wasm$/, '');
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

/** Returns a game's seed: that of the settings, or a random one if they set none. */
export function seedOf({ seed }: Pick<Config, 'seed'>): number {
  return seed || randomInt(1, 2 ** 47);
}

/** Makes the asset pack of a glTF model. The packer's libraries are loaded only now, because few commands need them. */
export async function packModel(path: string, announce: (line: string) => void): Promise<Uint8Array> {
  const { modelAssets } = await import('../../assets/model.ts');
  return modelAssets(path, announce);
}
