import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startHostProcess } from '../e2e/host.ts';
import { good } from '../engine/modules.ts';
import { poll, type Rig } from '../k3s/containerd.ts';
import { ready, startGame } from '../k3s/game.ts';
import { importGame } from '../k3s/image.ts';
import { installation, startInstalledRig } from './installed.ts';
import { buildLibrary, buildProgram } from './native.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await startInstalledRig();
});
afterAll(() => rig?.close());

/** A game that logs its own name, so that the code of another game in its place shows. */
const named = (name: string) =>
  good({
    fields: `(data (i32.const 8192) "this is ${name}")`,
    tick: `(if (i32.eqz (local.get 0)) (then (call $log (i32.const 2) (i32.const 8192) (i32.const ${8 + name.length}))))`,
  });

const entries = () => readdirSync(rig.cacheDir).filter((name) => name.endsWith('.native'));

/** Plays an image until its game is ready. Returns what the game logged. */
async function play(image: string): Promise<string> {
  const game = await startGame(rig, image);
  try {
    await ready(rig, game.container);
    return rig.cri.log(game.pod, 'game').join('\n');
  } finally {
    await rig.cri.removePod(game.pod);
  }
}

/** Plays a new game, so that the node compiles it. Returns its image and the path of its entry in the compile cache. */
async function cached(name: string): Promise<{ image: string; path: string }> {
  const before = entries();
  const image = await importGame(rig, name, named(name));
  await play(image);
  const entry = await poll(() => entries().find((one) => !before.includes(one)) ?? false, 'nothing is cached');
  return { image, path: join(rig.cacheDir, entry) };
}

it('a library in the place of a cached module, with its right checksum, is never loaded', async () => {
  const marker = join(rig.folder, 'marker');
  const { image, path } = await cached('forged');
  const whole = readFileSync(path);
  const code = readFileSync(buildLibrary('forged', { MARKER: marker }));
  const magic = whole.subarray(0, 8);
  writeFileSync(path, Buffer.concat([magic, createHash('sha256').update(code).digest(), code]));
  const log = await play(image).catch((error: Error) => error.message);
  expect(existsSync(marker) && readFileSync(marker, 'utf8')).toBe(false);
  expect(log).toContain('this is forged');
});

it('an entry of the compile cache under the name of another game is not loaded', async () => {
  const [one, two] = [await cached('one'), await cached('two')];
  writeFileSync(one.path, readFileSync(two.path));
  const log = await play(one.image);
  expect(log).toContain('this is one');
  expect(log).not.toContain('this is two');
});

it('a truncated entry of the compile cache is compiled again', async () => {
  const { image, path } = await cached('short');
  truncateSync(path, Math.floor(readFileSync(path).length / 2));
  expect(await play(image)).toContain('this is short');
});

it('a host on a kernel without seccomp runs no module, and says what is missing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nl-noseccomp-'));
  const path = join(folder, 'game.wasm');
  writeFileSync(path, named('unfiltered'));
  const { home } = installation();
  const command = [buildProgram('noseccomp'), join(home, 'bin/node'), join(home, 'host/cli/main.js')];
  const output = await startHostProcess([path], { CACHE_DIR: join(folder, 'cache') }, command).then(
    async (host) => {
      const said = host.output();
      await host.stop();
      return said;
    },
    (error: Error) => error.message,
  );
  rmSync(folder, { recursive: true, force: true });
  expect(output).not.toContain('Play at');
  expect(output).toMatch(/seccomp/);
});
