import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import { NearlightError } from '../base/errors.ts';
import { type Mount, type Resources, TaskError } from './tasks.ts';

/** containerd's own files are some ten kilobytes. */
const CONFIG_BYTES_MAX = 4 * 2 ** 20;
const LINKS_MAX = 40;

/** What of a bundle's config.json (OCI runtime specification) matters to a game. */
export interface Bundle {
  /** A pod's sandbox, a container in one, or a container of its own, as `ctr run` makes it. */
  kind: 'sandbox' | 'container' | 'standalone';
  /** Name of the container in its pod; the last part of the id where there is none. */
  name: string | undefined;
  args: string[];
  env: Record<string, string>;
  /** The network namespace to enter: a path, `host`, or `new` for one of its own. */
  network: { path: string } | 'host' | 'new';
  /** linux.cgroupsPath; empty where there is none. */
  cgroupsPath: string;
  resources: Resources;
  mounts: { destination: string; source: string; type: string; options: string[] }[];
  /** The image's files where containerd or `ctr --rootfs` has put them in place already. */
  rootPath: string;
}

interface Config {
  annotations?: Record<string, string>;
  process?: { args?: string[]; env?: string[] };
  root?: { path?: string };
  mounts?: { destination: string; source?: string; type?: string; options?: string[] }[];
  linux?: { namespaces?: { type: string; path?: string }[]; cgroupsPath?: string; resources?: Resources };
}

/**
 * Reads config.json of a bundle.
 * @throws TaskError where it cannot be read or is none
 */
export function readBundle(folder: string): Bundle {
  const path = join(folder, 'config.json');
  const config = readConfig(path);
  const { annotations = {}, process = {}, linux = {}, mounts = [] } = config;
  const type = annotations['io.kubernetes.cri.container-type'];
  const network = linux.namespaces?.find((namespace) => namespace.type === 'network');
  return {
    kind: type === 'sandbox' || type === 'container' ? type : 'standalone',
    name: annotations['io.kubernetes.cri.container-name'],
    args: process.args ?? [],
    env: Object.fromEntries((process.env ?? []).map((entry) => split(entry))),
    network: network === undefined ? 'host' : network.path ? { path: network.path } : 'new',
    cgroupsPath: linux.cgroupsPath ?? '',
    resources: linux.resources ?? {},
    mounts: mounts.map(({ destination, source = '', type: kind = '', options = [] }) => {
      return { destination, source, type: kind, options };
    }),
    rootPath: isAbsolute(config.root?.path ?? '') ? config.root!.path! : join(folder, config.root?.path ?? 'rootfs'),
  };
}

function split(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}

function readConfig(path: string): Config {
  try {
    const { size } = statSync(path);
    if (size > CONFIG_BYTES_MAX) throw new Error(`${size} bytes are more than ${CONFIG_BYTES_MAX}`);
    const config: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof config !== 'object' || config === null) throw new Error('it is no object');
    return config;
  } catch (cause) {
    throw new TaskError('invalidArgument', `${path} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/**
 * The folders that an image's files lie in, uppermost first: read without mounting anything.
 * @throws TaskError for a mount of another kind
 */
export function layersOf(rootfs: readonly Mount[], rootPath: string): string[] {
  const mount = rootfs[0];
  if (!mount) return [rootPath];
  const option = (name: string) => mount.options.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
  if (mount.type === 'overlay') {
    const lower = option('lowerdir')?.split(':') ?? [];
    const upper = option('upperdir');
    return upper === undefined ? lower : [upper, ...lower];
  }
  if (mount.type === 'bind' || mount.options.some((entry) => /^r?bind$/.test(entry))) return [mount.source];
  throw new TaskError(
    'unimplemented',
    `an image on a ${mount.type} mount cannot be read; use the overlayfs or native snapshotter`,
  );
}

/**
 * Finds a path of the image in its layers: the uppermost that has it decides, a whiteout hides what is below, and links
 * lead to places in the image only (overlayfs.rst, "whiteouts and opaque directories"; an opaque folder's mark is not
 * readable without privileges, and means nothing for a file that no lower layer has).
 * @returns the path on the node, or undefined where the image has none
 */
export function resolveInLayers(layers: readonly string[], path: string): string | undefined {
  let parts = normalize(`/${path}`).split('/').filter(Boolean);
  let links = 0;
  let found = '';
  for (let at = 0; at < parts.length; at++) {
    const name = join(...parts.slice(0, at + 1));
    const entry = uppermost(layers, name);
    if (!entry) return undefined;
    if (entry.isLink) {
      if (++links > LINKS_MAX) throw new NearlightError('NL_IMAGE', `${path}: too many symbolic links`);
      const target = readlinkSync(entry.path);
      const whole = isAbsolute(target) ? target : join('/', ...parts.slice(0, at), target);
      parts = [...normalize(whole).split('/').filter(Boolean), ...parts.slice(at + 1)];
      at = -1;
    } else {
      found = entry.path;
    }
  }
  return found || layers[0];
}

function uppermost(layers: readonly string[], name: string) {
  for (const layer of layers) {
    const path = join(layer, name);
    const entry = lstatSync(path, { throwIfNoEntry: false });
    if (!entry) continue;
    // A whiteout is a character device 0/0.
    if (entry.isCharacterDevice() && entry.rdev === 0) return undefined;
    return { path, isLink: entry.isSymbolicLink() };
  }
  return undefined;
}

/** The game in an image. */
export interface ImageGame {
  module: Uint8Array;
  /** The folder /assets, where the image has one that holds something. */
  assets: string | undefined;
}

/**
 * Reads the module that a container's first argument names, without mounting the image.
 * @throws NearlightError NL_IMAGE for an image that holds no game, NL_MODULE_LIMIT for a module that is too large
 */
export function readGame(layers: readonly string[], args: readonly string[], bytesMax: number): ImageGame {
  const name = args[0];
  if (name === undefined)
    throw new NearlightError('NL_IMAGE', 'the image has no entrypoint; set it to the module, such as ["/app.wasm"]');
  const path = resolveInLayers(layers, name);
  const module = path === undefined ? undefined : readRegular(path, name, bytesMax);
  if (!module)
    throw new NearlightError('NL_IMAGE', `the image has no file ${name}; its entrypoint must be the game's module`);
  const magic = Buffer.from(module.subarray(0, 4)).toString('latin1');
  if (magic === '\x7fELF' || magic.startsWith('#!'))
    throw new NearlightError(
      'NL_IMAGE',
      `${name} is an ordinary program; this RuntimeClass runs games that are WebAssembly modules: remove runtimeClassName from the pod, or set the entrypoint to the module`,
    );
  if (magic !== '\0asm') throw new NearlightError('NL_IMAGE', `${name} is no WebAssembly module`);
  const assets = resolveInLayers(layers, '/assets');
  const holds = assets !== undefined && statSync(assets).isDirectory() && readdirSync(assets).length > 0;
  return { module, assets: holds ? assets : undefined };
}

function readRegular(path: string, name: string, bytesMax: number): Uint8Array | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const entry = fstatSync(file);
    if (!entry.isFile()) return undefined;
    if (entry.size > bytesMax)
      throw new NearlightError(
        'NL_MODULE_LIMIT',
        `${name} has ${entry.size} bytes, more than ${bytesMax} (MODULE_BYTES_MAX)`,
      );
    return readFileSync(file);
  } catch (error) {
    if (error instanceof NearlightError) throw error;
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
