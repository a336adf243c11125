import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { must } from '../host/base/assert.ts';
import { NearlightError } from '../host/base/errors.ts';
import { bill } from './sbom.ts';
import { byName, type TarEntry, tar } from './tar.ts';

/** Most bytes of a game's image, compressed. A node pulls the image while a player waits. */
export const IMAGE_BYTES_MAX = 5_000_000;
/** Most bytes of a game's assets to read. A folder with more is probably the wrong one. */
export const ASSETS_BYTES_MAX = 256 * 2 ** 20;
/** A user and a group without any rights, because nothing in a game's pod may run as root. */
export const USER = '65532:65532';
const EPOCH = '1970-01-01T00:00:00Z';

/** The media types of OCI blobs and manifests. */
export const TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  empty: 'application/vnd.oci.empty.v1+json',
  spdx: 'application/spdx+json',
} as const;

/** A content descriptor (OCI image-spec 1.1, descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform?: { os: string; architecture: string };
  artifactType?: string;
  annotations?: Record<string, string>;
}

export interface ImageOptions {
  /** The game's WebAssembly module. */
  module: Uint8Array;
  /** Throws if a host process would refuse the game's module. */
  checkModule(module: Uint8Array): void;
  /** Folder whose files become /assets in the image. Without it, /assets is empty. */
  assets?: string;
  /** Text of the game's configuration, which becomes /config.json in the image. Without it, there is no such file. */
  gameConfig?: string;
  /** The annotations org.opencontainers.image.title, version and source. Missing ones are left out. */
  title: string;
  version?: string;
  source?: string;
}

/** An OCI image in memory. */
export interface Image {
  /** All blobs and manifests, by their digests. */
  blobs: Map<string, Uint8Array>;
  /** The index, which lists the manifest of each platform. A tag refers to it. */
  index: Descriptor;
  /** The bill of materials, in a manifest whose subject is the index (image-spec 1.1, "referrers"). */
  bill: Descriptor;
  /** How many bytes a node pulls for one architecture. */
  bytes: number;
}

/**
 * Creates the image of a game with nothing but /app.wasm, which is its entrypoint, /assets and /config.json. The same input always
 * gives the same bytes.
 * @throws NearlightError NL_MODULE_*, NL_IMAGE_SIZE with the largest files, NL_IMAGE_ASSETS, also for a configuration that is not JSON
 */
export async function createImage(options: ImageOptions): Promise<Image> {
  const { module, checkModule, assets, gameConfig, title, version, source } = options;
  checkModule(module);
  const entries: TarEntry[] = [{ name: 'app.wasm', data: module, executable: true }, { name: 'assets/' }];
  if (assets !== undefined) {
    const files = await readFolder(assets, 'assets/', ASSETS_BYTES_MAX);
    // Clear the executable bit: an asset never runs, and its mode may differ between two checkouts.
    for (const file of files) entries.push({ ...file, executable: false });
  }
  if (gameConfig !== undefined) entries.push({ name: 'config.json', data: configData(gameConfig) });
  const config = {
    User: USER,
    Entrypoint: ['/app.wasm'],
    WorkingDir: '/',
    ExposedPorts: { '8080/tcp': {}, '9464/tcp': {} },
  };
  const about = { title, ...(version === undefined ? {} : { version }), ...(source === undefined ? {} : { source }) };
  const image = assemble({ entries, config, architectures: ['amd64', 'arm64'], ...about });
  if (image.bytes > IMAGE_BYTES_MAX) throw tooLarge(image.bytes, entries);
  return image;
}

function configData(text: string): Uint8Array {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new NearlightError('NL_IMAGE_ASSETS', `the configuration is not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  return Buffer.from(text);
}

export interface AssembleOptions extends Pick<ImageOptions, 'title' | 'version' | 'source'> {
  entries: readonly TarEntry[];
  /** The field `config` of the image's configuration (config.md). */
  config: object;
  architectures: readonly string[];
}

/**
 * Creates an image with one layer, the same for each architecture.
 * @throws NearlightError NL_IMAGE_ASSETS for a name that is too long for an archive
 */
export function assemble(options: AssembleOptions): Image {
  const { architectures, title, version, source } = options;
  const entries = [...options.entries].sort(byName);
  const blobs = new Map<string, Uint8Array>();
  const add = (mediaType: string, data: Uint8Array): Descriptor => {
    const digest = digestOf(data);
    blobs.set(digest, data);
    return { mediaType, digest, size: data.length };
  };
  const archive = pack(entries);
  const layer = add(TYPES.layer, compress(archive));
  const annotations = {
    'org.opencontainers.image.title': title,
    ...(version === undefined ? {} : { 'org.opencontainers.image.version': version }),
    ...(source === undefined ? {} : { 'org.opencontainers.image.source': source }),
    'org.opencontainers.image.created': EPOCH,
  };
  const config = { ...options.config, Labels: annotations };
  const rootfs = { type: 'layers', diff_ids: [digestOf(archive)] };
  const history = [{ created: EPOCH, created_by: 'nearlight image' }];
  const sizes: number[] = [];
  const manifests = architectures.map((architecture) => {
    const described = add(TYPES.config, json({ created: EPOCH, architecture, os: 'linux', config, rootfs, history }));
    const manifest = { schemaVersion: 2, mediaType: TYPES.manifest, config: described, layers: [layer], annotations };
    const descriptor = add(TYPES.manifest, json(manifest));
    sizes.push(layer.size + descriptor.size + described.size);
    return { ...descriptor, platform: { os: 'linux', architecture } };
  });
  const index = add(TYPES.index, json({ schemaVersion: 2, mediaType: TYPES.index, manifests, annotations }));
  const [bytes = layer.size] = sizes;
  const document = bill({ title, digest: index.digest, entries, ...(version === undefined ? {} : { version }) });
  return { blobs, index, bill: attach(add, index, document), bytes };
}

/** Returns the bytes of a blob or a manifest of an image. */
export function blobOf({ blobs }: Pick<Image, 'blobs'>, digest: string): Uint8Array {
  return must(blobs.get(digest), `blob ${digest}`);
}

/** Adds a document to an image, in a manifest that refers to `subject` (a referrer). */
function attach(
  add: (type: string, data: Uint8Array) => Descriptor,
  subject: Descriptor,
  document: object,
): Descriptor {
  const layer = add(TYPES.spdx, json(document));
  const manifest = {
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    artifactType: TYPES.spdx,
    config: add(TYPES.empty, Buffer.from('{}')),
    layers: [layer],
    subject,
    annotations: { 'org.opencontainers.image.created': EPOCH },
  };
  return { ...add(TYPES.manifest, json(manifest)), artifactType: TYPES.spdx };
}

/**
 * Compresses a layer, typically to a third of its size. The gzip header (RFC 1952) reveals neither the time nor the system. The
 * bytes depend on the zlib of the pinned Node; another version may give the same layer another digest.
 */
function compress(archive: Uint8Array): Buffer {
  const bytes = gzipSync(archive, { level: 9 });
  bytes.writeUInt32LE(0, 4);
  bytes[9] = 0xff;
  return bytes;
}

/** The digest of a blob, in the form that OCI uses. */
export function digestOf(data: Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function pack(entries: readonly TarEntry[]): Buffer {
  try {
    return tar(entries);
  } catch (cause) {
    throw new NearlightError('NL_IMAGE_ASSETS', (cause as Error).message, { cause });
  }
}

interface Found extends TarEntry {
  size: number;
  /** Path from which to read the file; undefined for a folder. */
  path?: string;
}

/**
 * Reads all files and folders below a folder. The names of the entries start with `prefix`.
 * @throws NearlightError NL_IMAGE_ASSETS if the folder cannot be read, or has more than `bytesMax` bytes in files
 */
export async function readFolder(folder: string, prefix: string, bytesMax = Infinity): Promise<TarEntry[]> {
  try {
    const found = await list(folder, prefix);
    const bytes = found.reduce((sum, { size }) => sum + size, 0);
    if (bytes > bytesMax)
      throw new NearlightError(
        'NL_IMAGE_ASSETS',
        `the files of ${folder} have ${bytes} bytes, and ${bytesMax} are allowed; check that it is the right folder`,
      );
    const entries: TarEntry[] = [];
    for (const { name, path, executable = false } of found)
      entries.push(path === undefined ? { name } : { name, executable, data: await readFile(path) });
    return entries;
  } catch (cause) {
    if (cause instanceof NearlightError) throw cause;
    throw new NearlightError('NL_IMAGE_ASSETS', `${folder} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Lists the files and folders below a folder. Refuses anything else, because a link or a device would mean something else on a
 * node.
 */
async function list(folder: string, prefix: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const [path, name] = [join(folder, entry.name), prefix + entry.name];
    if (entry.isDirectory()) found.push({ name: `${name}/`, size: 0 }, ...(await list(path, `${name}/`)));
    else if (entry.isFile()) {
      const { size, mode } = await stat(path);
      found.push({ name, path, size, executable: (mode & 0o100) !== 0 });
    } else
      throw new NearlightError('NL_IMAGE_ASSETS', `${path} is neither a file nor a folder; replace it with a copy`);
  }
  return found;
}

function tooLarge(bytes: number, entries: readonly TarEntry[]): NearlightError {
  const list = entries
    .map(({ name, data = Buffer.alloc(0) }) => ({ name, size: data.length, packed: compress(data).length }))
    .sort((a, b) => b.packed - a.packed)
    .slice(0, 10)
    .map(
      ({ name, size, packed }) => `\n  ${String(packed).padStart(9)} bytes of ${String(size).padStart(9)}  /${name}`,
    );
  return new NearlightError(
    'NL_IMAGE_SIZE',
    `it has ${bytes} bytes compressed, and ${IMAGE_BYTES_MAX} are allowed; reduce the largest files:${list.join('')}`,
  );
}

/**
 * Writes an image to a folder as an OCI layout (image-layout.md), and replaces what was there.
 * @param name the name under which tools find the image in the layout
 */
export async function writeLayout(image: Image, folder: string, name: string): Promise<void> {
  const temporary = `${folder}.${process.pid}`;
  await rm(temporary, { recursive: true, force: true });
  for (const { name: path, data } of layoutEntries(image, name)) {
    if (!data) continue;
    await mkdir(dirname(join(temporary, path)), { recursive: true });
    await writeFile(join(temporary, path), data);
  }
  await rm(folder, { recursive: true, force: true });
  await rename(temporary, folder);
}

/** The files of an OCI layout with this image. */
export function layoutEntries({ blobs, index, bill: referrer }: Image, name: string): TarEntry[] {
  const named = { ...index, annotations: { 'org.opencontainers.image.ref.name': name } };
  const root = { schemaVersion: 2, mediaType: TYPES.index, manifests: [named, referrer] };
  return [
    { name: 'oci-layout', data: json({ imageLayoutVersion: '1.0.0' }) },
    { name: 'index.json', data: json(root) },
    ...[...blobs].map(([digest, data]) => ({ name: `blobs/${digest.replace(':', '/')}`, data })),
  ];
}
