import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readConfig } from '../host/base/config.ts';
import { NearlightError } from '../host/base/errors.ts';
import { checkModule } from '../host/engine/module.ts';
import { bill } from './sbom.ts';
import { byName, type TarEntry, tar } from './tar.ts';

/** What an image may weigh, compressed: a node pulls it while a player waits. */
export const IMAGE_BYTES_MAX = 5_000_000;
/** Assets beyond this are not even read. */
export const ASSETS_BYTES_MAX = 256 * 2 ** 20;
/** Nobody in particular; nothing in a game's pod runs as root. */
const USER = '65532:65532';
const EPOCH = '1970-01-01T00:00:00Z';

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
  /** The game's module. */
  module: Uint8Array;
  /** Folder whose files become /assets; without it, /assets is empty. */
  assets?: string;
  /** org.opencontainers.image.title, version and source; what is not known is left out. */
  title: string;
  version?: string;
  source?: string;
}

/** An image in memory: every blob by its digest, and where to begin. */
export interface Image {
  blobs: Map<string, Uint8Array>;
  /** The index over the platforms, which a tag names. */
  index: Descriptor;
  /** The bill of materials: a manifest whose subject is the index (image-spec 1.1, "referrers"). */
  bill: Descriptor;
  /** What a node of one platform pulls, in bytes. */
  bytes: number;
}

/**
 * Makes the image of a game, FROM scratch: /app.wasm, /assets, entrypoint /app.wasm. The same input gives the same bytes.
 * @throws NearlightError NL_MODULE_* for what is no module, NL_IMAGE_SIZE with what is large, NL_IMAGE_ASSETS
 */
export async function createImage({ module, assets, title, version, source }: ImageOptions): Promise<Image> {
  checkModule(module, readConfig({}));
  const entries: TarEntry[] = [{ name: 'app.wasm', data: module, executable: true }, { name: 'assets/' }];
  if (assets !== undefined) {
    const files = await readFolder(assets, 'assets/', ASSETS_BYTES_MAX);
    // Nobody runs an asset, and two checkouts may differ in that.
    for (const file of files) entries.push({ ...file, executable: false });
  }
  const config = { User: USER, Entrypoint: ['/app.wasm'], WorkingDir: '/', ExposedPorts: { '8080/tcp': {} } };
  const about = { title, ...(version === undefined ? {} : { version }), ...(source === undefined ? {} : { source }) };
  const image = assemble({ entries, config, architectures: ['amd64', 'arm64'], ...about });
  if (image.bytes > IMAGE_BYTES_MAX) throw tooLarge(image.bytes, entries);
  return image;
}

export interface AssembleOptions extends Pick<ImageOptions, 'title' | 'version' | 'source'> {
  entries: readonly TarEntry[];
  /** Of the image's configuration (config.md). */
  config: object;
  architectures: readonly string[];
}

/**
 * An image of one layer, the same for each architecture.
 * @throws NearlightError NL_IMAGE_ASSETS for a name that an archive has no room for
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
  const manifests = architectures.map((architecture) => {
    const described = add(TYPES.config, json({ created: EPOCH, architecture, os: 'linux', config, rootfs, history }));
    const manifest = { schemaVersion: 2, mediaType: TYPES.manifest, config: described, layers: [layer], annotations };
    return { ...add(TYPES.manifest, json(manifest)), platform: { os: 'linux', architecture } };
  });
  const index = add(TYPES.index, json({ schemaVersion: 2, mediaType: TYPES.index, manifests, annotations }));
  const bytes = layer.size + manifests[0]!.size + blobs.get(configDigest(blobs, manifests[0]!))!.length;
  const document = bill({ title, digest: index.digest, entries, ...(version === undefined ? {} : { version }) });
  return { blobs, index, bill: attach(add, index, document), bytes };
}

function configDigest(blobs: Map<string, Uint8Array>, manifest: Descriptor): string {
  const text = Buffer.from(blobs.get(manifest.digest)!).toString();
  return (JSON.parse(text) as { config: Descriptor }).config.digest;
}

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
 * A third of the size, so that a tar as it is was not to be had; the header (RFC 1952) says nothing of the machine. The bytes
 * are those of the pinned Node's zlib: another one may give a layer with another digest and the same contents.
 */
function compress(archive: Uint8Array): Buffer {
  const bytes = gzipSync(archive, { level: 9 });
  bytes.writeUInt32LE(0, 4);
  bytes[9] = 0xff;
  return bytes;
}

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
  /** Of a file. */
  path?: string;
}

/**
 * The files below a folder, and the folders, with a prefix to their names.
 * @throws NearlightError NL_IMAGE_ASSETS where it cannot be read, or has more than `bytesMax`
 */
export async function readFolder(folder: string, prefix: string, bytesMax = Infinity): Promise<TarEntry[]> {
  try {
    const found = await list(folder, prefix);
    const bytes = found.reduce((sum, { size }) => sum + size, 0);
    if (bytes > bytesMax)
      throw new NearlightError(
        'NL_IMAGE_ASSETS',
        `the files of ${folder} have ${bytes} bytes, and at most ${bytesMax} are read; is it the right folder?`,
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

/** What is neither file nor folder is refused: a link or a device would mean something else on the node. */
async function list(folder: string, prefix: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const [path, name] = [join(folder, entry.name), prefix + entry.name];
    if (entry.isDirectory()) found.push({ name: `${name}/`, size: 0 }, ...(await list(path, `${name}/`)));
    else if (entry.isFile()) {
      const { size, mode } = await stat(path);
      found.push({ name, path, size, executable: (mode & 0o100) !== 0 });
    } else
      throw new NearlightError('NL_IMAGE_ASSETS', `${path} is neither a file nor a folder; put a copy in its place`);
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
    `${bytes} bytes compressed, and at most ${IMAGE_BYTES_MAX} are allowed; make smaller, the largest first:${list.join('')}`,
  );
}

/** Writes an image as an OCI layout (image-layout.md), in place of what was there; `name` is what tools call it by. */
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

/** The files of an image's layout, for a folder or for an archive. */
export function layoutEntries({ blobs, index, bill: referrer }: Image, name: string): TarEntry[] {
  const named = { ...index, annotations: { 'org.opencontainers.image.ref.name': name } };
  const root = { schemaVersion: 2, mediaType: TYPES.index, manifests: [named, referrer] };
  return [
    { name: 'oci-layout', data: json({ imageLayoutVersion: '1.0.0' }) },
    { name: 'index.json', data: json(root) },
    ...[...blobs].map(([digest, data]) => ({ name: `blobs/${digest.replace(':', '/')}`, data })),
  ];
}
