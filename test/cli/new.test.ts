import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { createProject } from '../../host/cli/new.ts';
import { buildGames } from '../../host/play/modules.ts';
import { modulePath, openProject } from '../../host/play/project.ts';
import { commandsOf, key, load } from '../renderer/driver.ts';
import { installSdk } from '../renderer/project.ts';

const specifiers = { nearlight: '^1.2.3', '@nearlight/sdk': 'file:/somewhere/nearlight-sdk-1.2.3.tgz' };
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-new-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function create(name: string): string {
  const project = join(folder, name);
  createProject(project, specifiers);
  return project;
}

test('a new game compiles, draws, moves, and continues from its state', async () => {
  const project = create('star-hunt');
  installSdk(project, { keepManifest: true });
  const games = openProject(project).games;
  await buildGames(games, () => {});
  const path = modulePath(must(games[0], 'game'));
  expect(path).toBe(join(project, 'build/star-hunt.wasm'));
  const game = await load(path);
  await game.join(0);
  const place = async () => {
    const { commands, data } = await game.render(0, 320, 180);
    expect([...commandsOf({ commands, data })].length).toBeGreaterThan(4);
    return must(new Float32Array(data.slice(0, 48).buffer)[8], 'number');
  };
  const before = await place();
  key(game, 0, 7, true);
  for (let n = 0; n < 60; n++) await game.tick(n);
  expect(await place()).toBeGreaterThan(before + 0.3);
  const other = await load(path);
  await other.restore(must(await game.save(), 'state'));
  await other.join(0);
  expect((await other.render(0, 320, 180)).data).toEqual((await game.render(0, 320, 180)).data);
  await Promise.all([game.close(), other.close()]);
});

test("a new project's package.json has the commands, and the versions of the packages that made it", () => {
  const project = create('star');
  const { name, scripts, dependencies } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  expect(name).toBe('star');
  expect(scripts).toEqual({
    start: 'nearlight start',
    dev: 'nearlight dev',
    build: 'nearlight build',
    test: 'nearlight test',
    image: 'nearlight image',
  });
  expect(dependencies.nearlight).toBe('^1.2.3');
  expect(dependencies['@nearlight/sdk']).toMatch(/^file:(\.\.\/)+somewhere\/nearlight-sdk-1\.2\.3\.tgz$/);
});

test('a new project has the files of a repository, with its own name in them', () => {
  const project = create('star');
  const files = ['.gitignore', '.github/workflows/game.yml', 'tsconfig.json', 'test/game.test.ts', 'assets'];
  for (const file of files) expect(existsSync(join(project, file)), file).toBe(true);
  expect(readFileSync(join(project, 'README.md'), 'utf8')).toMatch(/^# star\n/);
  expect(readFileSync(join(project, 'src/index.ts'), 'utf8')).toContain("label: 'star'");
});

test.each(['Star', '1star', 'st ar', 'a'.repeat(41), '-star'])('the name "%s" is refused', (name) => {
  expect(() => create(name)).toThrow(/^NL_USAGE: .*cannot name a game/);
  expect(existsSync(join(folder, name))).toBe(false);
});

test('the longest name of a game is accepted, but not twice', () => {
  create('a'.repeat(40));
  expect(() => create('a'.repeat(40))).toThrow(/already exists/);
});

test('a new project may go into an empty folder; a folder with files is refused and left unchanged', () => {
  mkdirSync(join(folder, 'star'));
  expect(existsSync(join(create('star'), 'package.json'))).toBe(true);
  mkdirSync(join(folder, 'moon'));
  writeFileSync(join(folder, 'moon/notes.txt'), 'mine');
  expect(() => create('moon')).toThrow(/already exists/);
  expect(readFileSync(join(folder, 'moon/notes.txt'), 'utf8')).toBe('mine');
});

test('nearlight new --help explains the usage', () => {
  const main = join(import.meta.dirname, '../../host/cli/main.ts');
  expect(execFileSync(process.execPath, [main, 'new', '--help'], { encoding: 'utf8' })).toContain(
    'npx nearlight new FOLDER',
  );
});
