import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { GameSource } from '../../play/project.ts';

/** A pack with its number, which changes with what is in it. */
export interface Pack {
  id: number;
  bytes: Uint8Array;
}

/**
 * The folders that a game's assets may lie in, of which the first that exists counts: NAME.assets beside the file that
 * the game starts at, then beside its module, build/NAME.wasm.
 */
export function assetFolders({ name, root, assets }: GameSource): string[] {
  return [join(root, assets), join(root, 'build', `${name}.assets`)];
}

/** The first that exists. */
export function firstFolder(folders: readonly string[]): string | undefined {
  return folders.find((path) => existsSync(path));
}

/** A game's assets, packed when they are asked for, and again after they have changed. */
export class Assets {
  readonly #read: () => Promise<Uint8Array>;
  #pack: Promise<Pack> | undefined;
  #id = 0;

  constructor(read: () => Promise<Uint8Array>) {
    this.#read = read;
  }

  changed(): void {
    this.#pack = undefined;
  }

  pack(): Promise<Pack> {
    if (this.#pack) return this.#pack;
    const id = ++this.#id;
    const pack = this.#read().then((bytes) => ({ id, bytes }));
    this.#pack = pack;
    // A file may be gone by the time that it is read: the next build tries again.
    pack.catch(() => {
      if (this.#pack === pack) this.#pack = undefined;
    });
    return pack;
  }
}
