import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { load } from './driver.ts';

const root = join(import.meta.dirname, '../..');
const source = join(root, 'build/exit.ts');
const path = join(root, 'build/exit.test.wasm');

const game = `
import { exit, Game, log, play } from '@nearlight/sdk';
export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

class Short extends Game {
  tick(n: u32): void {
    if (n < 3) return;
    exit(42);
    log.info('not reached');
  }

  render(_seat: i32, _width: u32, _height: u32): void {}
}

play(new Short());
`;

beforeAll(async () => {
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(source, game);
  const asc = join(root, 'node_modules/assemblyscript/bin/asc.js');
  const parameters = [asc, 'build/exit.ts', '-o', 'build/exit.test.wasm', '--target', 'release'];
  await promisify(execFile)(process.execPath, parameters, { cwd: root });
});

afterAll(() => {
  rmSync(source, { force: true });
  rmSync(path, { force: true });
});

test('a game that calls exit ends with the status that it gives', async () => {
  const instance = await load(path);
  for (let n = 0; n < 3; n++) await instance.tick(n);
  await expect(instance.tick(3)).rejects.toMatchObject({ code: 'NL_GUEST_EXIT', status: 42 });
});
