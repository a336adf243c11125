import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { GameSource } from '../../play/project.ts';

/** An asset pack. Its `id` changes when its content does. */
export interface Pack {
  id: number;
  bytes: Uint8Array;
}

/**
 * Returns the folders in which a game's assets may be: NAME.assets beside the game's main file, then build/NAME.assets. The
 * first one that exists is used.
 */
export function assetFolders({ name, root, assets }: GameSource): string[] {
  return [join(root, assets), join(root, 'build', `${name}.assets`)];
}

/** Returns the first folder that exists. */
export function firstFolder(folders: readonly string[]): string | undefined {
  return folders.find((path) => existsSync(path));
}

/** Packs a game's assets when they are needed, and again after they have changed. */
export class Assets {
  readonly #read: () => Promise<Uint8Array>;
  #pack: Promise<Pack> | undefined;
  #id = 0;

  constructor(read: () => Promise<Uint8Array>) {
    this.#read = read;
  }

  /** Makes the next pack() read the assets again. Call this when a file has changed. */
  invalidate(): void {
    this.#pack = undefined;
  }

  pack(): Promise<Pack> {
    if (this.#pack) return this.#pack;
    const id = ++this.#id;
    const pack = this.#read().then((bytes) => ({ id, bytes }));
    this.#pack = pack;
    // Reading fails if an asset is deleted meanwhile. Forget the failed pack, so that the next build tries again.
    pack.catch(() => {
      if (this.#pack === pack) this.#pack = undefined;
    });
    return pack;
  }
}
