/**
 * Makes the packages `nearlight`, `@nearlight/sdk` and `@nearlight/player` as tarballs in build/packages: `npm run package`.
 * Works in a checkout only. Plain JavaScript is emitted file by file, because Node strips no types inside node_modules.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PACKAGE_ROOT } from '../base/self.ts';
import { buildModules } from '../play/modules.ts';
import { ownProject } from '../play/project.ts';
import { buildPlayer, writePlayer } from '../player/build.ts';
import { emitJavaScript, run, tsc } from './emit.ts';

/** Paths of the tarballs. */
export interface Packages {
  nearlight: string;
  sdk: string;
  player: string;
}

interface Manifest {
  name: string;
  version: string;
  description: string;
  license: string;
  dependencies: Record<string, string>;
}

const BUILD = join(PACKAGE_ROOT, 'build');
const OUT = join(BUILD, 'packages');
/** Source folders of the program, which go into the package `nearlight`. */
const FOLDERS = ['host', 'assets', 'oci', 'renderer/contract'];
/** Files that the compiled JavaScript reads or runs. All other files of the source folders are left out of the package. */
const RESOURCE = /(\.(html|css|tar\.gz|svg|wgsl|json|proto|cc|h|sh|js|d\.ts)|containerd-shim-wasmedge-v1)$/;
/** Games in the package `nearlight`, which the program plays outside a project or for --model. */
const GAMES = ['arena', 'model'];
/** Source file of the element in the package `@nearlight/player`. */
const PLAYER = 'host/player/element.ts';
/** Parts of renderer/ that belong to the SDK's package. */
const SDK_FILES = ['index.ts', 'game.ts', 'rule.ts', 'asconfig.json', 'sdk', 'scene', 'contract'];

/** Makes the tarballs. @throws Error with the output of the command that failed */
export async function makePackages(announce: (line: string) => void): Promise<Packages> {
  rmSync(OUT, { recursive: true, force: true });
  const sdk = makeSdk();
  announce(`${sdk}`);
  const player = await makePlayer();
  announce(`${player}`);
  const nearlight = await makePackage(announce);
  announce(`${nearlight}`);
  return { nearlight, sdk, player };
}

function makePackage(announce: (line: string) => void): Promise<string> {
  const folder = join(OUT, 'nearlight');
  return makeProgram(folder, announce).then(() => pack(folder));
}

/** Writes the program into a folder, with the files and the package.json of an installed package. */
export async function makeProgram(folder: string, announce: (line: string) => void): Promise<void> {
  await buildModules(GAMES, announce, ownProject());
  mkdirSync(folder, { recursive: true });
  emit(folder);
  for (const part of FOLDERS) copyFiles(part, folder, (file) => RESOURCE.test(file));
  await writePlayer(join(folder, 'host/player'));
  for (const name of GAMES) {
    for (const ending of ['wasm', 'wasm.map']) copyInto(folder, `build/${name}.${ending}`);
    const assets = join(PACKAGE_ROOT, `renderer/${name}/${name}.assets`);
    if (existsSync(assets)) cpSync(assets, join(folder, `build/${name}.assets`), { recursive: true });
  }
  for (const file of ['LICENSE', 'README.md']) copyInto(folder, file);
  const { name, version, description, license, dependencies } = readManifest('package.json');
  writeManifest(folder, {
    name,
    version,
    description,
    license,
    type: 'module',
    engines: { node: '>=20' },
    bin: { nearlight: 'host/cli/nearlight.js' },
    exports: {
      './test': { types: './host/play/test.d.ts', default: './host/play/test.js' },
      './package.json': './package.json',
    },
    dependencies,
    peerDependencies: { '@nearlight/sdk': version },
  });
}

/** Compiles the program to JavaScript, and emits the type declarations that a game's tests import. */
function emit(folder: string): void {
  emitJavaScript({ folders: FOLDERS, work: BUILD, folder, options: ['--declaration', '--stripInternal'] });
  const kept = declarationsOf(join(folder, 'host/play/test.d.ts'));
  for (const file of filesBelow(folder))
    if (file.endsWith('.d.ts') && !kept.has(join(folder, file))) rmSync(join(folder, file));
}

/** Lists a TypeScript declaration file and all declaration files that it imports, directly or indirectly. */
function declarationsOf(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path)) return found;
  found.add(path);
  for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(/from '(\.[^']+)\.[jt]s'/g))
    declarationsOf(join(dirname(path), `${target}.d.ts`), found);
  return found;
}

function makeSdk(): string {
  const folder = join(OUT, 'sdk');
  mkdirSync(folder, { recursive: true });
  for (const part of SDK_FILES) cpSync(join(PACKAGE_ROOT, 'renderer', part), join(folder, part), { recursive: true });
  copyInto(folder, 'LICENSE');
  const manifest = readManifest('renderer/package.json');
  // AssemblyScript compiles the SDK's sources. TypeScript in an editor cannot, so it gets declarations of an adapted copy.
  const copy = join(OUT, 'typed');
  for (const part of ['index.ts', 'game.ts', 'rule.ts', 'sdk', 'contract'])
    cpSync(join(PACKAGE_ROOT, 'renderer', part), join(copy, part), { recursive: true });
  for (const file of filesBelow(copy))
    if (file.endsWith('.ts'))
      writeFileSync(join(copy, file), withOptionalFields(readFileSync(join(copy, file), 'utf8')));
  const config = join(OUT, 'types.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(PACKAGE_ROOT, 'node_modules/assemblyscript/std/assembly.json'),
      compilerOptions: {
        declaration: true,
        emitDeclarationOnly: true,
        noCheck: true,
        stripInternal: true,
        module: 'esnext',
        moduleResolution: 'bundler',
        rootDir: copy,
        outDir: join(folder, 'types'),
        typeRoots: [join(PACKAGE_ROOT, 'node_modules/assemblyscript/std/types')],
      },
      files: ['index.ts', 'game.ts', 'rule.ts'].map((file) => join(copy, file)),
    }),
  );
  tsc('-p', config);
  writeManifest(folder, { ...manifest, types: 'index.d.ts', typesVersions: { '*': { '*': ['types/*'] } } });
  return pack(folder);
}

/** Makes the package `@nearlight/player`: the element as ES modules without dependencies, with its type declarations. */
async function makePlayer(): Promise<string> {
  const folder = join(OUT, 'player');
  mkdirSync(folder, { recursive: true });
  for (const [path, { body, isShared }] of await buildPlayer()) if (isShared) writeFileSync(join(folder, path), body);
  const types = join(folder, 'types');
  const options = ['--declaration', '--emitDeclarationOnly', '--stripInternal'];
  emitJavaScript({ files: [PLAYER], work: OUT, folder: types, options });
  const main = PLAYER.replace(/\.ts$/, '.d.ts');
  const kept = declarationsOf(join(types, main));
  for (const file of filesBelow(types)) if (!kept.has(join(types, file))) rmSync(join(types, file));
  copyInto(folder, 'LICENSE');
  copyFileSync(join(PACKAGE_ROOT, 'host/player/PLAYER.md'), join(folder, 'README.md'));
  const { version, license } = readManifest('package.json');
  writeManifest(folder, {
    name: '@nearlight/player',
    version,
    description: 'The element <nearlight-player>, which plays games of a Nearlight host in any web page.',
    license,
    type: 'module',
    exports: { '.': { types: `./types/${main}`, default: './player.js' }, './package.json': './package.json' },
    sideEffects: ['./player.js'],
  });
  return pack(folder);
}

/**
 * Makes the fields of descriptors that have defaults optional in the SDK's source: AssemblyScript lets an object literal
 * leave them out, but TypeScript does not. A descriptor is a class without methods.
 */
function withOptionalFields(source: string): string {
  return source.replace(/^export class \w+[^{]*\{\n([\s\S]*?)^\}/gm, (declared, body: string) =>
    /^ {2}(?![/* ])[^\n=]*\(/m.test(body) ? declared : declared.replace(/^( {2}\w+): ([^=\n]+) = /gm, '$1?: $2 = '),
  );
}

/** Makes the npm tarball of a folder and returns its path. */
function pack(folder: string): string {
  const file = run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', OUT], folder).trim();
  return join(OUT, file);
}

function readManifest(file: string): Manifest {
  return JSON.parse(readFileSync(join(PACKAGE_ROOT, file), 'utf8')) as Manifest;
}

function writeManifest(folder: string, manifest: object): void {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

function copyInto(folder: string, file: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  copyFileSync(join(PACKAGE_ROOT, file), join(folder, file));
}

function copyFiles(part: string, folder: string, wanted: (file: string) => boolean): void {
  for (const file of filesBelow(join(PACKAGE_ROOT, part))) if (wanted(file)) copyInto(folder, `${part}/${file}`);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

if (import.meta.main) {
  const started = performance.now();
  await makePackages((line) => process.stdout.write(`${line}\n`));
  process.stdout.write(`done in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}
