import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Watch } from '../../../host/cli/dev/watch.ts';
import { eventually } from '../../wait.ts';

let root = '';
let changes = 0;
let watch: Watch;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nearlight-watch-'));
  write('game/index.ts', 'one');
  changes = 0;
  watch = new Watch({
    folder: join(root, 'game'),
    wanted: (name) => name.endsWith('.ts'),
    changed: () => changes++,
  });
});

afterEach(() => {
  watch.close();
  rmSync(root, { recursive: true });
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

const seen = (count: number) => eventually(() => expect(changes).toBe(count));

test('saves by a rename are seen, again and again, and so is one in place', async () => {
  const begun = performance.now();
  for (let n = 1; n <= 3; n++) {
    write('game/.index.ts.swp', `number ${n}`);
    renameSync(join(root, 'game/.index.ts.swp'), join(root, 'game/index.ts'));
    await seen(n);
  }
  write('game/index.ts', 'in place');
  await seen(4);
  // As told by the system: looking now and then would take a second each.
  expect(performance.now() - begun).toBeLessThan(3000);
});

test('new folders are watched, also where one takes the place of another', async () => {
  write('game/level/one.ts', 'one');
  await seen(1);
  write('game/level/one.ts', 'another');
  await seen(2);
  rmSync(join(root, 'game/level'), { recursive: true });
  await seen(3);
  write('game/level/one.ts', 'one');
  await seen(4);
  write('game/level/one.ts', 'the last');
  await seen(5);
});

test('a folder that comes later is seen', async () => {
  watch.close();
  const folder = join(root, 'game.assets');
  watch = new Watch({ folder, wanted: () => true, changed: () => changes++ });
  write('game.assets/song.txt', 'la');
  await seen(1);
  write('game.assets/song.txt', 'la la');
  await seen(2);
});

test('what is not wanted, and what stays as it was, changes nothing', async () => {
  write('game/notes.txt', 'text');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(changes).toBe(0);
  write('game/index.ts', 'two');
  await seen(1);
});
