import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildModules } from '../host/build.ts';
import { exitStatus, NearlightError } from '../host/errors.ts';
import { createImage, IMAGE_BYTES_MAX, layoutEntries, writeLayout } from './image.ts';
import { type Progress, pushImage } from './push.ts';
import { findCredentials, parseReference, Registry } from './registry.ts';
import { tar } from './tar.ts';

const root = join(import.meta.dirname, '..');
const out = join(root, 'build/image');

const HELP = `Builds the image of a game, FROM scratch, for linux/amd64 and linux/arm64; no Docker and no root needed.

Usage: npm run image [-- FILE.wasm] [options]

Without a file, the arena. The OCI layout goes to build/image; the same input gives the same digest everywhere.
An image may have ${IMAGE_BYTES_MAX / 1e6} MB, compressed.

Options:
  --assets DIR                   files for /assets (default: NAME.assets beside the module)
  --version TEXT                 org.opencontainers.image.version (default: that of package.json)
  --tar FILE                     write the layout as one archive too
  --push REGISTRY/NAME:TAG       push it, with its bill of materials (SPDX)
  --plain-http                   speak to the registry without TLS; loopback addresses always are
  --help                         this text

Credentials come from REGISTRY_USER and REGISTRY_PASSWORD, or from what \`docker login\` left.
`;

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const reference = values.push === undefined ? undefined : parseReference(values.push);
  const path = positionals[0] ?? (await arena());
  const title = basename(path, '.wasm');
  const module = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new NearlightError('NL_MODULE_NOT_FOUND', `${path}: ${cause.code}; give the path of a .wasm file`, { cause });
  });
  const assets = values.assets ?? (await beside(join(dirname(path), `${title}.assets`)));
  const version =
    values.version ?? (JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }).version;
  const image = await createImage({ module, title, version, ...(assets === undefined ? {} : { assets }) });
  await writeLayout(image, out, `${title}:${version}`);
  process.stdout.write(
    `build/image  ${title} ${version}  ${(image.bytes / 1000).toFixed(1)} kB  ${image.index.digest}\n`,
  );
  if (values.tar !== undefined) {
    await writeFile(values.tar, tar(layoutEntries(image, `${title}:${version}`)));
    process.stdout.write(`${values.tar}\n`);
  }
  if (!reference) return;
  const credentials = await findCredentials(reference.registry);
  const options = { plainHttp: values['plain-http'] ?? false, ...(credentials ? { credentials } : {}) };
  await pushImage(new Registry(reference, options), image, reference.tag, show);
  const { registry, name, tag } = reference;
  process.stdout.write(`pushed  ${registry}/${name}:${tag}\n        ${registry}/${name}@${image.index.digest}\n`);
}

function parse(args: string[]) {
  try {
    const parsed = parseArgs({
      args,
      allowPositionals: true,
      options: {
        assets: { type: 'string' },
        version: { type: 'string' },
        tar: { type: 'string' },
        push: { type: 'string' },
        'plain-http': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (parsed.positionals.length > 1) throw new Error(`one module a time, and not ${parsed.positionals.join(' ')}`);
    return parsed;
  } catch (cause) {
    const [what] = (cause as Error).message.split('. ');
    throw new NearlightError('NL_USAGE', `${what}; --help lists what there is`, { cause });
  }
}

async function arena(): Promise<string> {
  const [built] = await buildModules(['arena'], (line) => process.stderr.write(`${line}\n`));
  return built.path;
}

async function beside(folder: string): Promise<string | undefined> {
  return (await stat(folder).catch(() => undefined))?.isDirectory() ? folder : undefined;
}

/** On a terminal a line that grows, elsewhere one line a blob. */
function show({ digest, sent, size, existed }: Progress): void {
  const name = digest.slice(7, 19);
  const line = existed
    ? `${name}  was there`
    : `${name}  ${String(Math.floor((100 * sent) / size)).padStart(3)} % of ${(size / 1000).toFixed(1)} kB`;
  if (process.stdout.isTTY) process.stdout.write(`\r${line}${sent === size ? '\n' : ''}`);
  else if (sent === size) process.stdout.write(`${line}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`image: ${error instanceof NearlightError ? error.message : (error as Error).stack}\n`);
  process.exitCode = exitStatus(error);
}
