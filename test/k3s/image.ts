import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, layoutEntries, TYPES } from '../../oci/image.ts';
import { tar } from '../../oci/tar.ts';
import { createGameImage } from '../oci/game-image.ts';
import type { Rig } from './containerd.ts';

/** Imports a game's image into containerd, for `ctr` and for the CRI; resolves with the image's name. */
export async function importGame(rig: Rig, name: string, module: Uint8Array): Promise<string> {
  const image = await createGameImage({ module, title: name, version: '1' });
  return importArchive(rig, `nearlight.test/${name}:1`, tar(layoutEntries(image, `nearlight.test/${name}:1`)));
}

async function importArchive(rig: Rig, name: string, archive: Uint8Array): Promise<string> {
  const path = join(rig.folder, 'import.tar');
  writeFileSync(path, archive);
  for (const namespace of [rig.name, 'k8s.io']) await rig.ctr('-n', namespace, 'images', 'import', path);
  return name;
}

/** Imports an image whose module is any file, which createImage() would refuse; resolves with the image's name. */
export async function importProgram(rig: Rig, name: string, program: Uint8Array): Promise<string> {
  const layers = [tar([{ name: 'program.wasm', data: program, executable: true }])];
  return importLayers(rig, name, { layers, entrypoint: '/program.wasm' });
}

/** Makes a layer from a folder, with its links, devices and FIFOs. @returns an archive, compressed with gzip */
export function layerOf(folder: string): Uint8Array {
  return execFileSync('sh', ['-c', 'tar -C "$0" --numeric-owner -cf - . | gzip -1', folder], { maxBuffer: 2 ** 28 });
}

export interface ImageLayers {
  /** The layers as archives, the lowest first, all or none of them compressed with gzip. */
  layers: readonly Uint8Array[];
  entrypoint: string;
}

/** Imports an image of any layers; resolves with its name. */
export async function importLayers(rig: Rig, name: string, { layers, entrypoint }: ImageLayers): Promise<string> {
  const blobs: { name: string; data: Uint8Array }[] = [];
  const add = (mediaType: string, data: Uint8Array) => {
    const digest = digestOf(data);
    blobs.push({ name: `blobs/${digest.replace(':', '/')}`, data });
    return { mediaType, digest, size: data.length };
  };
  const json = (value: object) => Buffer.from(JSON.stringify(value));
  const isPacked = (layer: Uint8Array) => layer[0] === 0x1f && layer[1] === 0x8b;
  const config = add(
    TYPES.config,
    json({
      architecture: 'amd64',
      os: 'linux',
      config: { Entrypoint: [entrypoint] },
      rootfs: {
        type: 'layers',
        diff_ids: layers.map((layer) => (isPacked(layer) ? unpackedDigest(layer) : digestOf(layer))),
      },
    }),
  );
  const type = 'application/vnd.oci.image.layer.v1.tar';
  const described = layers.map((layer) => add(isPacked(layer) ? `${type}+gzip` : type, layer));
  const manifest = add(
    TYPES.manifest,
    json({ schemaVersion: 2, mediaType: TYPES.manifest, config, layers: described }),
  );
  const full = `nearlight.test/${name}:1`;
  const index = {
    schemaVersion: 2,
    manifests: [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': full } }],
  };
  const root = [
    { name: 'oci-layout', data: json({ imageLayoutVersion: '1.0.0' }) },
    { name: 'index.json', data: json(index) },
  ];
  return importArchive(rig, full, tar([...root, ...blobs]));
}

/** The digest of a layer's archive before it was compressed. A pipe keeps gigabytes of zeros out of memory. */
function unpackedDigest(layer: Uint8Array): string {
  const sum = execFileSync('sh', ['-c', 'gzip -dc | sha256sum'], { input: layer });
  return `sha256:${sum.toString().slice(0, 64)}`;
}
