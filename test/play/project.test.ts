import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findGame, listModules, modulePath, openProject } from '../../host/play/project.ts';

let root = '';

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nearlight-project-')));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const manifest = (fields: object) => write('package.json', JSON.stringify(fields));

test('the only game of a project is src/index.ts, named after the project', () => {
  manifest({ name: '@me/star-hunt' });
  write('src/index.ts');
  const { games } = openProject(root);
  expect(games).toEqual([{ name: 'star-hunt', root, entry: 'src/index.ts', assets: 'assets' }]);
  expect(games.map(modulePath)).toEqual([join(root, 'build/star-hunt.wasm')]);
});

test('a project is found from any folder inside it', () => {
  manifest({ name: 'star' });
  write('src/deep/er.ts');
  expect(openProject(join(root, 'src/deep')).root).toBe(root);
});

test('package.json may list games: folders with an index.ts, files, and all files of a folder', () => {
  manifest({ nearlight: { games: ['arena/index.ts', 'gone.ts', 'small/*.ts', 'none/*.ts'] } });
  for (const file of ['arena/index.ts', 'small/b.ts', 'small/a.ts', 'small/notes.md']) write(file);
  expect(openProject(root).games.map(({ name, assets }) => [name, assets])).toEqual([
    ['arena', 'arena/arena.assets'],
    ['a', 'small/a.assets'],
    ['b', 'small/b.assets'],
  ]);
});

test('package.json may list risk rules, whose modules have a folder of their own', () => {
  manifest({ nearlight: { games: ['speed.ts'], rules: ['checks/*.ts'] } });
  for (const file of ['speed.ts', 'checks/speed.ts']) write(file);
  const project = openProject(root);
  expect(project.rules.map(modulePath)).toEqual([join(root, 'build/rules/speed.wasm')]);
  expect(findGame('rules/speed', project).entry).toBe('checks/speed.ts');
  expect(findGame('speed', project).entry).toBe('speed.ts');
});

test('a folder without package.json and without sources has no games', () => {
  expect(openProject(root)).toEqual({ root, games: [], rules: [] });
});

test('a game is found by its name or by its file, and an unknown one is refused with a list of games', () => {
  manifest({ name: 'star' });
  write('src/index.ts');
  write('other.ts');
  const project = openProject(root);
  expect(findGame('star', project).entry).toBe('src/index.ts');
  expect(findGame(join(root, 'other.ts'), project)).toMatchObject({ name: 'other', entry: 'other.ts', root });
  expect(() => findGame('moon', project)).toThrow(/^NL_USAGE: .*there is no game moon in .*; there are: star$/);
  expect(() => findGame(join(root, 'gone.ts'), project)).toThrow(/^NL_USAGE: .*there is no file .*gone\.ts$/);
});

test('a game in a package of its own belongs to the project that lists it', () => {
  manifest({ nearlight: { games: ['games/star/index.ts'] } });
  write('games/package.json', '{}');
  write('games/star/index.ts');
  write('games/moon/index.ts');
  expect(findGame(join(root, 'games/star/index.ts')).root).toBe(root);
  expect(findGame(join(root, 'games/moon/index.ts')).root).toBe(join(root, 'games'));
});

test('a package.json that is not JSON is refused with its path', () => {
  write('package.json', '{');
  expect(() => openProject(root)).toThrow(/^NL_USAGE: .*package\.json is not valid JSON/);
});

test("the modules that can be built here include this program's own games", () => {
  expect([...listModules().values()].map(({ name }) => name)).toEqual(expect.arrayContaining(['arena', 'model']));
});
