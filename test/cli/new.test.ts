import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createGame } from '../../host/cli/new.ts';
import { compileModule } from '../../host/play/modules.ts';
import { commandsOf, key, load } from '../renderer/driver.ts';
import { copySources } from './dev/browser.ts';

const copy = copySources(['examples/triangle.ts']);
afterAll(() => copy.remove());

test('a new game compiles, draws, moves, and goes on from its state', async () => {
  const file = createGame('star-hunt', copy.folder);
  expect(file).toBe('renderer/star-hunt/index.ts');
  expect(readFileSync(join(copy.folder, file), 'utf8')).toContain("label: 'star-hunt'");
  const path = join(copy.folder, 'star-hunt.wasm');
  await compileModule(file, path, copy.folder);
  const game = await load(path);
  await game.join(0);
  const place = async () => {
    const { commands, data } = await game.render(0, 320, 180);
    expect([...commandsOf({ commands, data })].length).toBeGreaterThan(4);
    return new Float32Array(data.slice(0, 48).buffer)[8]!;
  };
  const before = await place();
  key(game, 0, 7, true);
  for (let n = 0; n < 60; n++) await game.tick(n);
  const after = await place();
  expect(after).toBeGreaterThan(before + 0.3);
  const other = await load(path);
  await other.restore((await game.save())!);
  await other.join(0);
  expect((await other.render(0, 320, 180)).data).toEqual((await game.render(0, 320, 180)).data);
  await Promise.all([game.close(), other.close()]);
});

test('a name decides no name of the source, and so collides with none', async () => {
  const template = readFileSync(join(import.meta.dirname, '../../host/cli/template.txt'), 'utf8');
  const imported = /^import \{([^}]*)\}/
    .exec(template)![1]!
    .split(',')
    .map((word) => word.trim());
  const declared = [...template.matchAll(/^(?:class|const|let|function) (\w+)/gm)].map((match) => match[1]!);
  const names = [...imported, ...declared].filter((name) => name !== '');
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(['Game', 'Random', 'State', 'Player', 'MyGame', 'shader']));
  const files = new Map<string, string>();
  for (const name of [...names.map((text) => text.toLowerCase()).filter((text) => /^[a-z]+$/.test(text)), 'my-game']) {
    const file = createGame(name, copy.folder);
    const text = readFileSync(join(copy.folder, file), 'utf8');
    expect(text.replace(`label: '${name}'`, "label: 'NAME'")).toBe(template);
    files.set(name, file);
  }
  const path = join(copy.folder, 'player.wasm');
  expect(await compileModule(files.get('player')!, path, copy.folder)).toBeGreaterThan(1000);
});

test.each([
  ['', 'is no name'],
  ['Star', 'is no name'],
  ['../star', 'is no name'],
  ['1star', 'is no name'],
  ['a'.repeat(41), 'is no name'],
  ['sdk', 'is taken'],
  ['scene', 'is taken'],
  ['triangle', 'is taken \\(renderer/examples/triangle.ts\\)'],
])('the name "%s" is refused', (name, why) => {
  expect(() => createGame(name, copy.folder)).toThrow(new RegExp(`^NL_USAGE: .*${why}`));
});

test('the longest name is taken, once', () => {
  createGame('a'.repeat(40), copy.folder);
  expect(() => createGame('a'.repeat(40), copy.folder)).toThrow('is taken');
});

test('the command says how it is used', () => {
  const text = execFileSync(process.execPath, [
    join(import.meta.dirname, '../../host/cli/main.ts'),
    'new',
    '--help',
  ]).toString();
  expect(text).toContain('npm run new -- NAME');
});
