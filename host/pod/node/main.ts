import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeLayout } from '../../../oci/image.ts';
import { pushImage } from '../../../oci/push.ts';
import { findCredentials, parseReference, Registry } from '../../../oci/registry.ts';
import { exitStatus, NearlightError } from '../../base/errors.ts';
import { archiveBundle, makeBundle } from './bundle.ts';
import { bundleImage } from './image.ts';

const out = join(import.meta.dirname, '../../../build/bundle');

const HELP = `Makes the folder with which a node runs games: the host, its own Node, WasmEdge, Dawn and a software Vulkan driver,
with the libraries that they need. A node provides its C and C++ libraries, of Debian 12 or later (glibc 2.36).
It goes to build/bundle, with an archive of it.

Usage: npm run node:bundle [-- --image [--push REGISTRY/NAME:TAG]]
       npm run node:install [-- INSTALLER OPTIONS]    makes the bundle and installs it here

  --image    make the image that installs it on the nodes of a cluster, too: an OCI layout in build/node-image
  --push     push that image; credentials as for npm run image

The installer's options: see install.sh --help in the bundle.
`;

const say = (line: string) => void process.stdout.write(`${line}\n`);

async function main(args: string[]): Promise<void> {
  const install = args[0] === '--install';
  const { values } = parseArgs({
    args: install ? [] : args,
    options: { image: { type: 'boolean' }, push: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
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
  const image = await bundleImage(folder);
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

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`node:bundle: ${error instanceof NearlightError ? error.message : (error as Error).message}\n`);
  process.exitCode = exitStatus(error);
}
