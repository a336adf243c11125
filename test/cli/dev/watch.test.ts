import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Watch } from '../../../host/cli/dev/watch.ts';
import { eventually } from '../../wait.ts';

const isSource = (name: string) => name.endsWith('.ts');
let root = '';
let changes = 0;
let watch: Watch;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nearlight-watch-'));
  write('game/index.ts', 'one');
  changes = 0;
  watch = new Watch({
    folder: join(root, 'game'),
    filter: isSource,
    onChange: () => changes++,
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

test('a change to a file is seen each time, whether a rename replaces the file or a write changes it', async () => {
  // Only the system's file events can show these changes, because this watch never scans its folder within the test.
  watch.close();
  watch = new Watch({ folder: join(root, 'game'), filter: isSource, onChange: () => changes++, scanMs: 2 ** 30 });
  for (let n = 1; n <= 3; n++) {
    write('game/.index.ts.swp', `number ${n}`);
    renameSync(join(root, 'game/.index.ts.swp'), join(root, 'game/index.ts'));
    await seen(n);
  }
  write('game/index.ts', 'in place');
  await seen(4);
});

test('new folders are watched, even if one replaces another of the same name', async () => {
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

test('a folder that is created later is watched', async () => {
  watch.close();
  const folder = join(root, 'game.assets');
  watch = new Watch({ folder, filter: () => true, onChange: () => changes++ });
  write('game.assets/song.txt', 'la');
  await seen(1);
  write('game.assets/song.txt', 'la la');
  await seen(2);
});

test('changes to files that the filter rejects are not reported', async () => {
  write('game/notes.txt', 'text');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(changes).toBe(0);
  write('game/index.ts', 'two');
  await seen(1);
});
