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

/** Imports an image whose entrypoint is any file, which createImage() would refuse; resolves with the image's name. */
export function importProgram(rig: Rig, name: string, program: Uint8Array): Promise<string> {
  const layer = tar([{ name: 'program', data: program, executable: true }]);
  return importLayers(rig, name, { layers: [layer], entrypoint: ['/program'] });
}

/** Imports an image that consists of layers, each a tar archive, the lowest first; resolves with the image's name. */
export async function importLayers(
  rig: Rig,
  name: string,
  { layers: archives, entrypoint }: { layers: readonly Uint8Array[]; entrypoint: readonly string[] },
): Promise<string> {
  const blobs: { name: string; data: Uint8Array }[] = [];
  const add = (mediaType: string, data: Uint8Array) => {
    const digest = digestOf(data);
    blobs.push({ name: `blobs/${digest.replace(':', '/')}`, data });
    return { mediaType, digest, size: data.length };
  };
  const json = (value: object) => Buffer.from(JSON.stringify(value));
  const config = add(
    TYPES.config,
    json({
      architecture: 'amd64',
      os: 'linux',
      config: { Entrypoint: entrypoint },
      rootfs: { type: 'layers', diff_ids: archives.map(digestOf) },
    }),
  );
  const layers = archives.map((archive) => add('application/vnd.oci.image.layer.v1.tar', archive));
  const manifest = add(TYPES.manifest, json({ schemaVersion: 2, mediaType: TYPES.manifest, config, layers }));
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
