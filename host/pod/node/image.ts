import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble, type Image, readFolder } from '../../../oci/image.ts';
import type { TarEntry } from '../../../oci/tar.ts';
import { must } from '../../base/assert.ts';

/** Go's names for Node's processor architectures, which container images use. */
const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Creates a container image that installs the node bundle on the cluster node whose folders are mounted into the container
 * (oci/k3s/node).
 * @param encoder archives of the video encoder that the image should hold, by their names
 */
export async function bundleImage(
  folder: string,
  encoder: ReadonlyMap<string, Uint8Array> = new Map(),
): Promise<Image> {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  const archives = [...encoder].map(([name, data]): TarEntry => ({ name: `bundle/encoder/${name}`, data }));
  const entries = [...(await readFolder(folder, 'bundle/')), ...archives];
  // The image has no operating system, so Node starts with the C library that the node bundle holds for guest processes.
  const lib = 'bundle/runtime/wasmedge/lib';
  const loader = must(
    entries.find(({ name }) => name.startsWith(`${lib}/ld-linux`)),
    `dynamic loader in ${lib}`,
  ).name;
  const Entrypoint = [
    `/${loader}`,
    '--library-path',
    `/${lib}`,
    '/bundle/bin/node',
    '/bundle/host/pod/node/install.js',
  ];
  const architectures = [must(ARCHITECTURES[process.arch], `name for the architecture ${process.arch}`)];
  return assemble({
    entries,
    config: { Entrypoint, WorkingDir: '/' },
    architectures,
    title: 'nearlight-node',
    version,
  });
}
