import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makePackages } from '../../host/cli/package.ts';
import { operatorUrlIn } from '../e2e/host.ts';
import { playAndAsk } from '../stream/operator.ts';
import { until } from '../stream/peer.ts';

const ROOT = join(import.meta.dirname, '../..');
/** The folder into which npm would install the packages, and the project of a new game inside that folder. */
let folder = '';
let project = '';
let host: ChildProcess | undefined;

/** Unpacks a tarball as npm does. */
function unpack(tarball: string, name: string): void {
  const target = join(folder, 'node_modules', name);
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
}

/** Runs the installed command as `npx nearlight` does. */
function nearlight(args: string[], cwd = project): string {
  const program = join(folder, 'node_modules/nearlight/host/cli/nearlight.js');
  return execFileSync(process.execPath, [program, ...args], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-package-'));
  const { nearlight: program, sdk, player } = await makePackages(() => {});
  // The packages' dependencies are links to those of this checkout, because this does not test a package registry.
  mkdirSync(join(folder, 'node_modules/@nearlight'), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules')).filter((name) => !name.startsWith('.')))
    if (name !== '@nearlight') symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  unpack(program, 'nearlight');
  unpack(sdk, '@nearlight/sdk');
  unpack(player, '@nearlight/player');
  project = join(folder, 'star');
}, 180_000);

afterAll(async () => {
  if (host && host.exitCode === null) {
    const gone = new Promise((resolve) => host?.once('exit', resolve));
    host.kill('SIGTERM');
    await gone;
  }
  rmSync(folder, { recursive: true, force: true });
});

test('the packages hold JavaScript and no TypeScript of the program, and name no path of this checkout', () => {
  const files = readdirSync(join(folder, 'node_modules/nearlight'), { recursive: true, encoding: 'utf8' });
  expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([]);
  expect(files).toEqual(expect.arrayContaining(['host/cli/main.js', 'host/cli/setup.sh', 'build/arena.wasm']));
  for (const file of files.filter((file) => /\.(js|json|sh)$/.test(file)))
    expect(readFileSync(join(folder, 'node_modules/nearlight', file), 'utf8'), file).not.toContain(`${dirname(ROOT)}/`);
});

test('the package of the element holds one script and its types, which an embedding site compiles against', () => {
  const folderOf = join(folder, 'node_modules/@nearlight/player');
  const files = readdirSync(folderOf, { recursive: true, encoding: 'utf8' }).filter((file) => /\.\w+$/.test(file));
  const others = files.filter((file) => !/\.d\.ts$|^[\w-]+-[A-Z0-9]{8}\.js$/.test(file));
  expect(others.sort()).toEqual(['README.md', 'package.json', 'player.js']);
  const manifest = JSON.parse(readFileSync(join(folderOf, 'package.json'), 'utf8')) as Record<string, unknown>;
  expect([manifest.name, manifest.dependencies]).toEqual(['@nearlight/player', undefined]);
  const source = `import { NearlightPlayer, type PlayerState } from '@nearlight/player';
const player = document.createElement('nearlight-player');
player.src = 'https://games.example/';
player.addEventListener('statechange', ({ detail }) => { const state: PlayerState = detail; void state; });
player.addEventListener('seat', ({ detail }) => { const seat: number = detail.seat; void seat; });
player.addEventListener('click', ({ clientX }) => void clientX);
const { state } = player;
if (state.kind === 'ended') console.log(state.code, state.message, player.stats()?.latencyP99, player instanceof NearlightPlayer);
// @ts-expect-error a volume is a number
player.setVolume('loud');
// @ts-expect-error this is for the page of the host only
void player.client;
`;
  const at = join(folder, 'site.ts');
  writeFileSync(at, source);
  const compilerOptions = { module: 'esnext', moduleResolution: 'bundler', strict: true, noEmit: true, types: [] };
  const lib = ['es2022', 'dom', 'dom.iterable'];
  const config = join(folder, 'tsconfig.site.json');
  writeFileSync(
    config,
    JSON.stringify({ compilerOptions: { ...compilerOptions, target: 'es2022', lib }, files: [at] }),
  );
  const { stdout, status } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', config], { encoding: 'utf8' });
  expect([stdout, status]).toEqual(['', 0]);
});

test('nearlight new makes a project without a checkout of this repository near it', () => {
  expect(nearlight(['new', 'star'], folder)).toContain('Made star.');
  expect(existsSync(join(project, 'src/index.ts'))).toBe(true);
});

test("an editor's compiler accepts the new game, whose descriptors leave fields out", () => {
  const config = JSON.parse(readFileSync(join(project, 'tsconfig.json'), 'utf8')) as { extends: string };
  expect(config.extends).toBe('assemblyscript/std/assembly.json');
  // The checkout's TypeScript 7 does not support the module resolution that the project's TypeScript 5.9 uses.
  const std = join(ROOT, 'node_modules/assemblyscript/std');
  const file = join(project, 'tsconfig.7.json');
  const compilerOptions = {
    module: 'esnext',
    moduleResolution: 'bundler',
    noEmit: true,
    typeRoots: [join(std, 'types')],
  };
  writeFileSync(
    file,
    JSON.stringify({ extends: join(std, 'assembly.json'), compilerOptions, files: ['src/index.ts'] }),
  );
  const { stdout } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', file], { encoding: 'utf8' });
  expect(stdout.split('\n').filter((line) => line.includes('/src/index.ts'))).toEqual([]);
});

test('nearlight build compiles the game, and nearlight image makes its container image', () => {
  expect(nearlight(['build'])).toMatch(/build\/star\.wasm +\d+\.\d kB +compiled in/);
  expect(nearlight(['build'])).toContain('up to date');
  expect(nearlight(['image'])).toMatch(/star:0\.1\.0 +\d+\.\d kB +sha256:/);
});

test("the new game's own tests pass", { timeout: 120_000 }, () => {
  expect(nearlight(['test'])).toMatch(/pass 2\n.*fail 0\n/);
});

test('nearlight start plays the game, and answers all requests of an operator', { timeout: 240_000 }, async () => {
  const program = join(folder, 'node_modules/nearlight/host/cli/nearlight.js');
  const env = { ...process.env, PORT: '0', OPERATOR_PORT: '0' };
  host = spawn(process.execPath, [program, 'start'], { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [host.stdout, host.stderr]) stream?.on('data', (chunk) => (output += chunk));
  const url = await until(() => /Play at (\S+)/.exec(output)?.[1], 'the page', 200_000).catch((error: Error) => {
    throw new Error(`${error.message}: ${output}`);
  });
  await playAndAsk({ url, operatorUrl: operatorUrlIn(output) }, 'star');
});
