import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeMisplacedAssets } from '../../host/play/misplaced.ts';
import { buildModules } from '../../host/play/modules.ts';
import { type GameSource, openProject } from '../../host/play/project.ts';
import { installSdk } from '../renderer/project.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nearlight-assets-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const star = (): GameSource => ({
  name: 'star',
  root,
  entry: 'renderer/star/index.ts',
  assets: 'renderer/star/star.assets',
});
const own = (): GameSource => ({ name: 'my-game', root, entry: 'src/index.ts', assets: 'assets' });
const folders = (...paths: string[]) => {
  for (const path of paths) mkdirSync(join(root, path), { recursive: true });
};

test('assets in the right place, or in a folder that is not searched, are not reported as misplaced', () => {
  folders(
    'renderer/star/star.assets/star.assets',
    'build/star.assets',
    'node_modules/x/star.assets',
    '.git/star.assets',
  );
  expect(describeMisplacedAssets(star())).toEqual([]);
  folders('assets', 'src');
  expect(describeMisplacedAssets(own())).toEqual([]);
});

test('assets in a wrong place are reported with the right place', () => {
  folders('renderer/star.assets', 'star.assets', 'renderer/star/assets');
  expect(describeMisplacedAssets(star()).sort()).toEqual([
    'renderer/star.assets is not read: the assets of star belong in renderer/star/star.assets',
    'renderer/star/assets is not read: the assets of star belong in renderer/star/star.assets',
    'star.assets is not read: the assets of star belong in renderer/star/star.assets',
  ]);
  folders('src/assets');
  expect(describeMisplacedAssets(own())).toEqual(['src/assets is not read: the assets of my-game belong in assets']);
});

test('only folders are reported as misplaced assets, and only down to four deep', () => {
  folders('a/b/c/star.assets', 'a/b/c/d/star.assets');
  mkdirSync(join(root, 'renderer'));
  writeFileSync(join(root, 'renderer/star.assets'), '');
  expect(describeMisplacedAssets(star())).toEqual([
    'a/b/c/star.assets is not read: the assets of star belong in renderer/star/star.assets',
  ]);
});

/** Builds the only game of a project. Returns the lines that the build announced. */
async function build(source: string): Promise<string[]> {
  installSdk(root);
  folders('src');
  writeFileSync(join(root, 'package.json'), '{ "name": "my-game" }');
  writeFileSync(join(root, 'src/index.ts'), source);
  const lines: string[] = [];
  await buildModules(undefined, (line) => lines.push(line), openProject(root));
  return lines;
}

const EXPORTS = "export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';\n";
const game = (tick: string) => `import { Game, log, play } from '@nearlight/sdk';
class MyGame extends Game {
  tick(n: u32): void { ${tick} }
  render(_seat: i32, _width: u32, _height: u32): void {}
}
play(new MyGame());
`;

test('a build names misplaced assets', async () => {
  folders('src/assets');
  const lines = await build(EXPORTS + game('log.info(n.toString());'));
  expect(lines).toContain('src/assets is not read: the assets of my-game belong in assets');
});

test("a build refuses JavaScript's functions, all by their names, with what to use instead", async () => {
  const calls = 'if (Math.random() < 0) console.log("a"); if (Date.now() < 0 || performance.now() < 0) trace("b");';
  const error: Error = await build(EXPORTS + game(calls)).catch((thrown) => thrown);
  for (const text of [
    'Math.random',
    'use Random',
    'console.log',
    'use log.info',
    'Date.now',
    'performance.now',
    'count ticks',
  ])
    expect(error.message).toContain(text);
  expect(error.message).toMatch(/^NL_MODULE_IMPORT: /);
});

test('a build shows the line of exports that is missing', async () => {
  await expect(build(game('log.info(n.toString());'))).rejects.toThrow(
    /^NL_MODULE_EXPORT: .*Add this line .*export \{ init, join, leave, load, render, save, tick, version \} from "@nearlight\/sdk\/game";/,
  );
});
