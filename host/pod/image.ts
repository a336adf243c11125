import { fstatSync, readSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { NearlightError } from '../base/errors.ts';
import type { OciBundle } from './oci-bundle.ts';
import type { AssetMemory, ImageAccess, ImageLayers, ImageLimits } from './opener.ts';
import { type Mount, TaskError } from './tasks.ts';
import { volumesOf } from './volumes.ts';

/** Options of an overlay mount that change which files it shows. The others concern writing, and a game's image is only read. */
const VISIBLE_OPTIONS = /^(userxattr|(redirect_dir|metacopy|xino)=[a-z]+)$/;

/** The end of a layer's path: snapshotters that come with containerd give each layer a number. */
const SNAPSHOT = /\/snapshots\/[^/]+(\/fs)?$/;

/**
 * Returns the layers of an image from the mounts that containerd asks for, or from the folder where containerd has mounted the
 * image itself. Relative paths start at the OCI bundle, as they do for other runtimes.
 * @throws TaskError if the image is on a mount other than overlay or bind
 */
export function imageLayers(rootfs: readonly Mount[], { folder, rootPath }: OciBundle): ImageLayers {
  const [mount, second] = rootfs;
  if (!mount) return { kind: 'folder', layers: [rootPath], options: [] };
  if (second) throw unreadable('several mounts');
  const { type, source, options } = mount;
  if (type === 'overlay') {
    const value = (name: string) => options.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
    const upper = value('upperdir');
    const layers = [...(upper === undefined ? [] : [unescaped(upper)]), ...splitLayers(value('lowerdir') ?? '')];
    if (layers.includes('')) throw unreadable('an overlay mount with data-only layers');
    return {
      // The kernel mounts no overlay of a single layer.
      kind: layers.length > 1 ? 'overlay' : 'folder',
      layers: layers.map((layer) => resolve(folder, layer)),
      options: options.filter((option) => VISIBLE_OPTIONS.test(option)),
    };
  }
  if (type === 'bind' || options.some((option) => /^r?bind$/.test(option)))
    return { kind: 'folder', layers: [resolve(folder, source)], options: [] };
  throw unreadable(`a ${type} mount`);
}

/**
 * Where the layers of a pod's images are, derived from the layers of its first container, as ImageAccess.seal() takes them. That
 * container is a sandbox, whose image is in the same snapshotter as those of the pod's games, or the pod's only one.
 */
export function imagePlaces(rootfs: readonly Mount[], bundle: OciBundle): string[] {
  if (bundle.kind !== 'sandbox')
    return [...imageLayers(rootfs, bundle).layers, ...bundle.mounts.map(({ source }) => source)];
  const snapshots = sandboxLayers(rootfs, bundle).map((layer) => layer.replace(SNAPSHOT, '/snapshots/*$1'));
  // Where containerd itself mounts images.
  return [...new Set([...snapshots, join(dirname(bundle.folder), '*', basename(bundle.rootPath))])];
}

/** The layers of a sandbox's image; none if they could not be read. The image itself is not read. */
function sandboxLayers(rootfs: readonly Mount[], bundle: OciBundle): string[] {
  try {
    return imageLayers(rootfs, bundle).layers;
  } catch {
    return [];
  }
}

function unreadable(what: string): TaskError {
  return new TaskError('unimplemented', `an image on ${what} cannot be read; use the overlayfs or native snapshotter`);
}

/** Splits the value of `lowerdir` at its colons, except those behind a backslash (overlayfs.rst, "Multiple lower layers"). */
function splitLayers(value: string): string[] {
  return (value.match(/(?:^|:)(?:\\.|[^:\\])*/gs) ?? []).map((part) => unescaped(part.replace(/^:/, '')));
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, '$1');
}

/** The game in a container. */
export interface ImageGame {
  module: Uint8Array;
  /** The files in its folder /assets, and its file /config.json; undefined if there are none. */
  assets: AssetMemory | undefined;
}

export interface ReadGameOptions {
  images: ImageAccess;
  rootfs: readonly Mount[];
  bundle: OciBundle;
  limits: ImageLimits;
}

/**
 * Reads the module that a container's first argument names, and the assets of its image and its volumes.
 * @throws NearlightError NL_IMAGE for an image that holds no game, NL_IMAGE_SIZE for assets and NL_MODULE_LIMIT for a module
 * beyond a limit, NL_POD if the image cannot be mounted, or for arguments or a volume that a game cannot have; TaskError as imageLayers
 */
export async function readGame({ images, rootfs, bundle, limits }: ReadGameOptions): Promise<ImageGame> {
  const name = bundle.args[0];
  if (name === undefined)
    throw new NearlightError('NL_IMAGE', 'the image has no entrypoint; set it to the module, such as ["/app.wasm"]');
  if (bundle.args.length > 1)
    throw new NearlightError(
      'NL_POD',
      `args: a game takes no arguments, and this container has ${bundle.args.slice(1).join(' ')}; give them in /config.json or as files in /assets`,
    );
  const entrypoint = pathIn(bundle.cwd, name);
  const volumes = volumesOf(bundle, entrypoint);
  const image = await images.open({ ...imageLayers(rootfs, bundle), entrypoint, volumes, limits });
  try {
    const module = readRegular(image.module, name, limits.moduleBytesMax);
    expectModule(module, name);
    return { module, assets: await image.readAssets() };
  } finally {
    image.close();
  }
}

/** Returns the path of a file in a container, where a relative one counts from the working directory. */
function pathIn(cwd: string, name: string): string {
  return (name.startsWith('/') ? name : `${cwd}/${name}`).replace(/\/+/g, '/');
}

function expectModule(module: Uint8Array, name: string): void {
  const magic = Buffer.from(module.subarray(0, 4)).toString('latin1');
  if (magic === '\x7fELF' || magic.startsWith('#!'))
    throw new NearlightError(
      'NL_IMAGE',
      `${name} is an ordinary program; this RuntimeClass runs games that are WebAssembly modules: remove runtimeClassName from the pod, or set the entrypoint to the module`,
    );
  if (magic !== '\0asm') throw new NearlightError('NL_IMAGE', `${name} is not a WebAssembly module`);
}

/** Reads an open file that has at most `bytesMax` bytes, also if it grows while it is read. */
function readRegular(file: number, name: string, bytesMax: number): Uint8Array {
  const tooLarge = (bytes: string) =>
    new NearlightError('NL_MODULE_LIMIT', `${name} has ${bytes}, and ${bytesMax} are allowed (MODULE_BYTES_MAX)`);
  const { size } = fstatSync(file);
  if (size > bytesMax) throw tooLarge(`${size} bytes`);
  // One more byte than the file has shows that it has not grown.
  const bytes = Buffer.alloc(size + 1);
  let length = 0;
  while (length < bytes.length) {
    const count = readSync(file, bytes, length, bytes.length - length, length);
    if (count === 0) return bytes.subarray(0, length);
    length += count;
  }
  throw new NearlightError('NL_IMAGE', `${name} has changed while it was read`);
}
