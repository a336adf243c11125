import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { findCredentials } from '../../oci/credentials.ts';
import { createImage, IMAGE_BYTES_MAX, layoutEntries, writeLayout } from '../../oci/image.ts';
import { type Progress, pushImage } from '../../oci/push.ts';
import { parseReference, Registry } from '../../oci/registry.ts';
import { tar } from '../../oci/tar.ts';
import { readArguments } from '../base/arguments.ts';
import { must } from '../base/assert.ts';
import { readConfig } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { checkModule } from '../engine/module.ts';
import { buildGames } from '../play/modules.ts';
import { openProject, ownProject } from '../play/project.ts';

const root = join(import.meta.dirname, '../..');
/** Folder of the OCI layout: a path from the working folder, which under npm is the root of the project. */
const OUT = 'build/image';

const HELP = `Builds the image of a game, FROM scratch, for linux/amd64 and linux/arm64. It needs neither Docker nor root.

Usage: npm run image [-- FILE.wasm] [options]

Without a file, the first game of the project, or the arena outside a project. The OCI layout goes to ${OUT}. The same input
gives the same digest on every machine. An image may have at most ${IMAGE_BYTES_MAX / 1e6} MB when compressed.

Options:
  --assets DIR                   files for /assets (default: NAME.assets beside the module)
  --config FILE                  JSON that the game gets as the asset config.json; /config.json in the image
  --version TEXT                 org.opencontainers.image.version (the arena's is that of package.json)
  --source URL                   org.opencontainers.image.source, the address of the sources
  --tar FILE                     also write the layout as one archive
  --push REGISTRY/NAME:TAG       push the image, with its bill of materials (SPDX)
  --plain-http                   use no TLS for the registry; on loopback addresses this is the default
  --help                         this text

Credentials come from REGISTRY_USER and REGISTRY_PASSWORD, or from what \`docker login\` has stored.
`;

/** @throws NearlightError NL_USAGE, NL_MODULE_*, NL_SOURCE, NL_IMAGE, NL_REGISTRY */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const reference = values.push === undefined ? undefined : parseReference(values.push);
  const path = positionals[0] ?? (await buildFirst());
  const title = basename(path, '.wasm');
  const version = values.version ?? (positionals.length === 0 ? await ownVersion() : undefined);
  const assets = values.assets ?? (await assetsBeside(path));
  const module = await readModule(path);
  const image = await createImage({
    module,
    checkModule: (bytes) => checkModule(bytes, readConfig({})),
    title,
    ...defined({ version, source: values.source, assets, gameConfig: await readConfigFile(values.config) }),
  });
  // Tools accept only these characters in an image's name (image-spec 1.1, annotations.md: org.opencontainers.image.ref.name).
  const name = `${title}:${version ?? 'latest'}`.replace(/[^\w.:-]+/g, '-');
  await writeLayout(image, OUT, name);
  say(`${OUT}  ${name}  ${(image.bytes / 1000).toFixed(1)} kB  ${image.index.digest}`);
  if (values.tar !== undefined) await writeTar(values.tar, tar(layoutEntries(image, name)));
  if (!reference) return 0;
  const credentials = await findCredentials(reference.registry);
  const registry = new Registry(reference, defined({ plainHttp: values['plain-http'], credentials }));
  await pushImage(registry, image, reference.tag, show);
  const repository = `${reference.registry}/${reference.name}`;
  say(`pushed  ${repository}:${reference.tag}\n        ${repository}@${image.index.digest}`);
  return 0;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Returns a copy of an object without its undefined fields. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

function parse(args: string[]) {
  const options = {
    assets: { type: 'string' },
    config: { type: 'string' },
    version: { type: 'string' },
    source: { type: 'string' },
    tar: { type: 'string' },
    push: { type: 'string' },
    'plain-http': { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  const parsed = readArguments(args, options, '--help');
  const { positionals } = parsed;
  if (positionals.length > 1)
    throw new NearlightError(
      'NL_USAGE',
      `give only one module, not ${positionals.join(' ')}; --help lists the options`,
    );
  return parsed;
}

/** Builds the first game of the project in the working folder, or the arena outside a project. */
async function buildFirst(): Promise<string> {
  const game = must(openProject().games[0] ?? ownProject().games[0], 'game');
  const [built] = await buildGames([game], (line) => process.stderr.write(`${line}\n`));
  return must(built, 'module').path;
}

async function ownVersion(): Promise<string> {
  return (JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}

async function readModule(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new NearlightError('NL_MODULE_NOT_FOUND', `${path}: ${code}; give the path of a .wasm file`, { cause });
  }
}

async function readConfigFile(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new NearlightError('NL_USAGE', `--config ${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Returns the folder NAME.assets beside a module, from which `npm start` also takes assets; undefined if there is none. */
async function assetsBeside(path: string): Promise<string | undefined> {
  const folder = join(dirname(path), `${basename(path, '.wasm')}.assets`);
  return (await stat(folder).catch(() => undefined))?.isDirectory() ? folder : undefined;
}

async function writeTar(path: string, archive: Uint8Array): Promise<void> {
  try {
    await writeFile(path, archive);
  } catch (cause) {
    throw new NearlightError('NL_USAGE', `--tar ${path} cannot be written: ${(cause as Error).message}`, { cause });
  }
  say(path);
}

/** Shows the progress of a push in place on a terminal, and otherwise prints one line for each finished blob. */
function show({ digest, sent, size, existed }: Progress): void {
  const name = digest.slice(7, 19);
  const line = existed
    ? `${name}  was there`
    : `${name}  ${String(Math.floor((100 * sent) / size)).padStart(3)} % of ${(size / 1000).toFixed(1)} kB`;
  if (process.stdout.isTTY) process.stdout.write(`\r${line}${sent === size ? '\n' : ''}`);
  else if (sent === size) process.stdout.write(`${line}\n`);
}
