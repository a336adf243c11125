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
import { isAbsolute, join, normalize, resolve } from 'node:path';
import { NearlightError } from '../base/errors.ts';
import { type Mount, type Resources, TaskError } from './tasks.ts';

/** Largest config.json of an OCI bundle that is read, in bytes. Those of containerd have about ten kilobytes. */
const CONFIG_BYTES_MAX = 4 * 2 ** 20;
/** How many symbolic links a path in an image may lead through. */
const LINKS_MAX = 40;

/** The parts of an OCI bundle's config.json that matter to a game (OCI runtime specification). */
export interface OciBundle {
  /** A pod's sandbox, a container in such a sandbox, or a container without a sandbox, as `ctr run` creates it. */
  kind: 'sandbox' | 'container' | 'standalone';
  /** The container's name in its pod; undefined for a container that has no pod. */
  name: string | undefined;
  args: string[];
  env: Record<string, string>;
  /** The network namespace to enter: an existing one by its path, the node's own (`host`), or a `new` one. */
  network: { path: string } | 'host' | 'new';
  /** linux.cgroupsPath; empty if the container needs no cgroup. */
  cgroupsPath: string;
  resources: Resources;
  mounts: { destination: string; source: string; type: string; options: string[] }[];
  /** Folder of the image's files, if containerd or `ctr --rootfs` has mounted them. */
  rootPath: string;
}

/** The parsed config.json of an OCI bundle, before defaults are filled in. */
interface ConfigJson {
  annotations?: Record<string, string>;
  process?: { args?: string[]; env?: string[] };
  root?: { path?: string };
  mounts?: { destination: string; source?: string; type?: string; options?: string[] }[];
  linux?: { namespaces?: { type: string; path?: string }[]; cgroupsPath?: string; resources?: Resources };
}

/**
 * Reads the config.json of an OCI bundle.
 * @throws TaskError if it cannot be read or is not an object in JSON
 */
export function readOciBundle(folder: string): OciBundle {
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
    rootPath: resolve(folder, config.root?.path ?? 'rootfs'),
  };
}

/** Splits NAME=VALUE; an entry without = has an empty value. */
function split(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}

/** Returns the annotations of an OCI bundle; none if its config.json cannot be read. */
export function annotationsOf(folder: string): Readonly<Record<string, string>> {
  try {
    return readConfig(join(folder, 'config.json')).annotations ?? {};
  } catch {
    return {};
  }
}

function readConfig(path: string): ConfigJson {
  try {
    const { size } = statSync(path);
    if (size > CONFIG_BYTES_MAX) throw new Error(`it has ${size} bytes, and ${CONFIG_BYTES_MAX} are allowed`);
    const config: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof config !== 'object' || config === null) throw new Error('it is not an object');
    return config;
  } catch (cause) {
    throw new TaskError('invalidArgument', `${path} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Returns the folders that contain an image's files, the uppermost layer first, so that we can read the image without mounting
 * it.
 * @throws TaskError if the image is on a mount other than overlay or bind
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
 * Finds a file of the image in its layers. The uppermost layer that contains it wins, a whiteout hides it in the layers below
 * (overlayfs.rst, "whiteouts and opaque directories"), and symbolic links never lead out of the image. Opaque folders are
 * treated as ordinary ones, because their mark can only be read with privileges.
 * @returns the path on the node; undefined if the image has no such file
 * @throws NearlightError NL_IMAGE for too many symbolic links
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
      if (++links > LINKS_MAX)
        throw new NearlightError('NL_IMAGE', `${path} leads through more than ${LINKS_MAX} symbolic links`);
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

/** Finds a file in the uppermost layer of an image that contains it; undefined if none does or a whiteout hides it. */
function uppermost(layers: readonly string[], name: string) {
  for (const layer of layers) {
    const path = join(layer, name);
    const entry = lstatSync(path, { throwIfNoEntry: false });
    if (!entry) continue;
    // A whiteout is a character device with the number 0/0.
    if (entry.isCharacterDevice() && entry.rdev === 0) return undefined;
    return { path, isLink: entry.isSymbolicLink() };
  }
  return undefined;
}

/** The game in a container image. */
export interface ImageGame {
  module: Uint8Array;
  /** The image's folder /assets as a path on the node; undefined if it is missing or empty. */
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
    throw new NearlightError('NL_IMAGE', `the image has no file ${name}; set its entrypoint to the game's module`);
  const magic = Buffer.from(module.subarray(0, 4)).toString('latin1');
  if (magic === '\x7fELF' || magic.startsWith('#!'))
    throw new NearlightError(
      'NL_IMAGE',
      `${name} is an ordinary program; this RuntimeClass runs games that are WebAssembly modules: remove runtimeClassName from the pod, or set the entrypoint to the module`,
    );
  if (magic !== '\0asm') throw new NearlightError('NL_IMAGE', `${name} is not a WebAssembly module`);
  const assets = resolveInLayers(layers, '/assets');
  const hasAssets = assets !== undefined && statSync(assets).isDirectory() && readdirSync(assets).length > 0;
  return { module, assets: hasAssets ? assets : undefined };
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
        `${name} has ${entry.size} bytes, and ${bytesMax} are allowed (MODULE_BYTES_MAX)`,
      );
    return readFileSync(file);
  } catch (error) {
    if (error instanceof NearlightError) throw error;
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
