import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeLayout } from '../../../oci/image.ts';
import { pushImage } from '../../../oci/push.ts';
import { findCredentials, parseReference, Registry } from '../../../oci/registry.ts';
import { exitStatus, NearlightError } from '../../base/errors.ts';
import { archiveBundle, makeBundle } from './bundle.ts';
import { encoderArchive, encoderPackages } from './encoder.ts';
import { bundleImage } from './image.ts';

const out = join(import.meta.dirname, '../../../build/bundle');

const HELP = `Makes the node bundle: a folder with all that a node needs to run games. It holds the host, Node, WasmEdge, Dawn, a software
Vulkan driver, and their libraries. Only the C and C++ libraries are the node's own; they must be those of Debian 12 or later
(glibc 2.36). The bundle goes to build/bundle, with an archive of it.

Usage: npm run node:bundle [-- --image [--with-encoder] [--push REGISTRY/NAME:TAG]]
       npm run node:install [-- INSTALLER OPTIONS]    makes the bundle and installs it here

  --image         also make the image that installs the bundle on the nodes of a cluster: an OCI layout in build/node-image
  --with-encoder  put the video encoder into that image, from npm's registry, so that the nodes need none. Its licence does
                  not allow giving such an image to others; use it on nodes of your own
  --push          push that image, with the same credentials as npm run image

For the installer's options, see install.sh --help in the bundle.
`;

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function main(args: string[]): Promise<void> {
  const install = args[0] === '--install';
  const { values } = parseArgs({
    args: install ? [] : args,
    options: {
      image: { type: 'boolean' },
      'with-encoder': { type: 'boolean' },
      push: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const reference = values.push === undefined ? undefined : parseReference(values.push);
  const { folder, bytes } = await makeBundle(out, say);
  say(`${folder}  ${(bytes / 1e6).toFixed(0)} MB`);
  if (install) {
    execFileSync(join(folder, 'install.sh'), args.slice(1), { stdio: 'inherit' });
    return;
  }
  const archive = archiveBundle(folder);
  say(`${archive}  ${(statSync(archive).size / 1e6).toFixed(0)} MB`);
  if (!values.image && !reference) return;
  const image = await bundleImage(folder, values['with-encoder'] ? await encoderArchives(folder) : undefined);
  await writeLayout(image, join(out, '../node-image'), 'nearlight-node');
  say(`build/node-image  ${(image.bytes / 1e6).toFixed(0)} MB  ${image.index.digest}`);
  if (!reference) return;
  const credentials = await findCredentials(reference.registry);
  await pushImage(
    new Registry(reference, credentials ? { credentials } : {}),
    image,
    reference.tag,
    ({ digest, sent, size }) => {
      if (sent === size) say(`${digest.slice(7, 19)}  ${(size / 1e6).toFixed(1)} MB`);
    },
  );
  say(`pushed  ${values.push}`);
}

/** Gets the archives of the video encoder that the bundle's lock file names. Returns them by their names. */
async function encoderArchives(folder: string): Promise<Map<string, Uint8Array>> {
  const archives = new Map<string, Uint8Array>();
  for (const wanted of encoderPackages(join(folder, 'package-lock.json')))
    archives.set(wanted.archive, await encoderArchive(wanted, {}));
  return archives;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`node:bundle: ${error instanceof NearlightError ? error.message : (error as Error).message}\n`);
  process.exitCode = exitStatus(error);
}
