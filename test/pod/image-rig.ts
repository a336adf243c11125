import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAssets } from '../../host/base/assets.ts';
import { readConfig } from '../../host/base/config.ts';
import { imageLayers, readGame } from '../../host/pod/image.ts';
import { buildKernel } from '../../host/pod/native.ts';
import type { OciBundle } from '../../host/pod/oci-bundle.ts';
import { type ImageLimits, ImageOpener, type ImageRequest } from '../../host/pod/opener.ts';
import type { Mount } from '../../host/pod/tasks.ts';
import { good } from '../engine/modules.ts';
import { Layers } from '../fuzz/layers.ts';

export const MODULE = Buffer.from(good());
const LIMITS: ImageLimits = readConfig({});

/** Files, folders (with a slash at their end) and links (`-> TARGET`) of a layer, by their paths. */
export type Entries = Record<string, string | Uint8Array>;

/** Where the image is that a test reads, and how. */
export interface Source {
  rootfs?: Mount[];
  /** The image's folder, if there is no mount. */
  folder?: string;
  entrypoint?: string;
  /** Volumes of the container: the path on this machine by the path in the container. */
  volumes?: Record<string, string>;
  limits?: Partial<ImageLimits>;
}

/** Makes images of any layers, and reads games from them. */
export class ImageRig {
  readonly layers = new Layers();
  readonly opener = new ImageOpener();
  #number = 0;

  static async start(): Promise<ImageRig> {
    await buildKernel();
    return new ImageRig();
  }

  close(): void {
    this.opener.close();
    this.layers.close();
  }

  /** Makes a layer; returns its folder. */
  layer(entries: Entries): string {
    const folder = join(this.layers.folder, `layer${this.#number++}`);
    mkdirSync(folder);
    for (const [name, what] of Object.entries(entries)) {
      const path = join(folder, name);
      mkdirSync(join(path, '..'), { recursive: true });
      if (name.endsWith('/')) mkdirSync(path, { recursive: true });
      else if (typeof what === 'string' && what.startsWith('-> ')) symlinkSync(what.slice(3), path);
      else writeFileSync(path, what);
    }
    return folder;
  }

  /** The mount of a stack, the uppermost layer first, as containerd asks for it. */
  overlay(...stack: string[]): Mount[] {
    const [upperdir, ...lower] = [this.layer({}), ...stack];
    const options = ['index=off', `workdir=${upperdir}.work`, `upperdir=${upperdir}`, `lowerdir=${lower.join(':')}`];
    return [{ type: 'overlay', source: 'overlay', target: '', options }];
  }

  bundle(rootPath: string, args: string[], volumes: Record<string, string> = {}): OciBundle {
    const mounts = Object.entries(volumes).map(([destination, source]) => {
      return { destination, source, type: 'bind', options: ['rbind', 'ro'] };
    });
    return { folder: this.layers.folder, rootPath, args, cwd: '/', mounts } as unknown as OciBundle;
  }

  /** The request to the image opener for a game in an image. */
  request({ rootfs = [], folder = '/', entrypoint = '/app.wasm', limits }: Source): ImageRequest {
    const layers = imageLayers(rootfs, this.bundle(folder, []));
    return { ...layers, entrypoint, volumes: [], limits: { ...LIMITS, ...limits } };
  }

  /** Reads the game of an image; resolves with its module and with its assets as text by name. */
  async read({ rootfs = [], folder = '/', entrypoint = '/app.wasm', volumes, limits }: Source) {
    const bundle = this.bundle(folder, [entrypoint], volumes);
    const { module, assets } = await readGame({
      images: this.opener,
      rootfs,
      bundle,
      limits: { ...LIMITS, ...limits },
    });
    const bytes = assets?.bytes ?? new Uint8Array(0);
    const found = readAssets(bytes).map((asset) => [
      asset.name,
      Buffer.from(bytes.subarray(asset.offset, asset.offset + asset.bytes)).toString(),
    ]);
    return { module, assets: Object.fromEntries(found) as Record<string, string> };
  }
}
