import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { compileModule } from '../../host/build.ts';
import { createGame } from '../../host/new.ts';
import { commandsOf, key, load } from '../renderer/driver.ts';
import { copySources } from './browser.ts';

vi.setConfig({ testTimeout: 60_000 });

const copy = copySources(['examples/triangle.ts']);
afterAll(() => copy.remove());

test('a new game compiles, draws, moves, and goes on from its state', async () => {
  const file = createGame('star-hunt', copy.folder);
  expect(file).toBe('renderer/star-hunt/index.ts');
  expect(readFileSync(join(copy.folder, file), 'utf8')).toContain('class StarHunt extends Game');
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
  const text = execFileSync(process.execPath, [join(import.meta.dirname, '../../host/new.ts'), '--help']).toString();
  expect(text).toContain('npm run new -- NAME');
});
