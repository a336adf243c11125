import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readConfig } from '../host/config.ts';
import { checkModule } from '../host/engine/module.ts';
import { NearlightError } from '../host/errors.ts';
import { bill } from './sbom.ts';
import { type TarEntry, tar } from './tar.ts';

/** What an image may weigh, compressed: a node pulls it while a player waits. */
export const IMAGE_BYTES_MAX = 5_000_000;
/** A module is the same on each. */
const ARCHITECTURES = ['amd64', 'arm64'] as const;
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
  /** org.opencontainers.image.title and version. */
  title: string;
  version: string;
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
export async function createImage({ module, assets, title, version }: ImageOptions): Promise<Image> {
  checkModule(module, readConfig({}));
  const entries: TarEntry[] = [{ name: 'app.wasm', data: module, executable: true }, { name: 'assets/' }];
  if (assets !== undefined) entries.push(...(await readAssets(assets, 'assets/')));
  const blobs = new Map<string, Uint8Array>();
  const add = (mediaType: string, data: Uint8Array): Descriptor => {
    const digest = digestOf(data);
    blobs.set(digest, data);
    return { mediaType, digest, size: data.length };
  };
  const archive = tar(entries);
  const layer = add(TYPES.layer, compress(archive));
  const annotations = {
    'org.opencontainers.image.title': title,
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.created': EPOCH,
  };
  const manifests = ARCHITECTURES.map((architecture) => {
    const config = add(TYPES.config, json(configOf(architecture, digestOf(archive))));
    const manifest = { schemaVersion: 2, mediaType: TYPES.manifest, config, layers: [layer], annotations };
    return { ...add(TYPES.manifest, json(manifest)), platform: { os: 'linux', architecture } };
  });
  const index = add(TYPES.index, json({ schemaVersion: 2, mediaType: TYPES.index, manifests, annotations }));
  const bytes = layer.size + manifests[0]!.size + blobs.get(configDigest(blobs, manifests[0]!))!.length;
  if (bytes > IMAGE_BYTES_MAX) throw tooLarge(bytes, entries);
  return { blobs, index, bill: attach(add, index, bill({ title, version, digest: index.digest, entries })), bytes };
}

function configOf(architecture: string, diffId: string): object {
  return {
    created: EPOCH,
    architecture,
    os: 'linux',
    config: { User: USER, Entrypoint: ['/app.wasm'], WorkingDir: '/', ExposedPorts: { '8080/tcp': {} } },
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created: EPOCH, created_by: 'nearlight image' }],
  };
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

/** Compressed by the pinned Node's zlib; the header (RFC 1952) says nothing of the machine. */
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

/** What is no file is refused: a link or a device would mean something else on the node. */
async function readAssets(folder: string, prefix: string): Promise<TarEntry[]> {
  let names: import('node:fs').Dirent[];
  try {
    names = await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    throw new NearlightError('NL_IMAGE_ASSETS', `${folder} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const entries: TarEntry[] = [];
  for (const entry of names) {
    const [path, name] = [join(folder, entry.name), prefix + entry.name];
    if (entry.isDirectory()) entries.push({ name: `${name}/` }, ...(await readAssets(path, `${name}/`)));
    else if (entry.isFile()) entries.push({ name, data: await readFile(path) });
    else throw new NearlightError('NL_IMAGE_ASSETS', `${path} is neither a file nor a folder; put a copy in its place`);
  }
  return entries;
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
