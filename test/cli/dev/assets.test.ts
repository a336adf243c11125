import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readAssets } from '../../../host/base/assets.ts';
import { Assets, assetFolders } from '../../../host/cli/dev/assets.ts';
import { eventually } from '../../wait.ts';
import { copySources, serve } from './browser.ts';

let copy: ReturnType<typeof copySources>;
let dev: Awaited<ReturnType<typeof serve>> | undefined;

beforeEach(() => {
  copy = copySources(['examples/triangle.ts']);
});

afterEach(async () => {
  await dev?.close();
  copy.remove();
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(copy.folder, file)), { recursive: true });
  writeFileSync(join(copy.folder, file), text);
}

async function names(id: number): Promise<string[]> {
  const answer = await fetch(`${dev?.url}assets/${id}`);
  expect(answer.status).toBe(200);
  return readAssets(new Uint8Array(await answer.arrayBuffer())).map(({ name, bytes }) => `${name} ${bytes}`);
}

const builds = (count: number) =>
  eventually(() => expect(dev?.lines.filter((line) => line.includes('compiled')).length).toBe(count));

test('assets are packed again when they change, and each build has its own pack', async () => {
  write('renderer/examples/triangle.assets/a.txt', 'a');
  dev = await serve(copy.path('examples/triangle.ts'));
  expect(await names(1)).toEqual(['a.txt 1']);
  write('renderer/examples/triangle.assets/b/c.txt', 'cc');
  await builds(2);
  expect(await names(2)).toEqual(['a.txt 1', 'b/c.txt 2']);
  expect(await names(1)).toEqual(['a.txt 1']);
  const triangle = copy.path('examples/triangle.ts');
  writeFileSync(triangle, `${readFileSync(triangle, 'utf8')}\n`);
  await builds(3);
  expect((await fetch(`${dev.url}assets/3`)).status).toBe(404);
});

test('the assets beside the module are used if there are none beside the source', async () => {
  write('build/triangle.assets/there.txt', 'there');
  dev = await serve(copy.path('examples/triangle.ts'));
  expect(await names(1)).toEqual(['there.txt 5']);
  write('renderer/examples/triangle.assets/here.txt', 'here');
  await builds(2);
  expect(await names(2)).toEqual(['here.txt 4']);
});

test('the folders of assets are named after the game', () => {
  const source = { name: 'star', root: '/games', entry: 'renderer/star/index.ts', assets: 'renderer/star/star.assets' };
  expect(assetFolders(source)).toEqual(['/games/renderer/star/star.assets', '/games/build/star.assets']);
});

test('assets can be packed after a failure to pack them', async () => {
  let fails = true;
  const assets = new Assets(async () => {
    if (fails) throw new Error('deleted');
    return new Uint8Array(1);
  });
  await expect(assets.pack()).rejects.toThrow('deleted');
  fails = false;
  expect((await assets.pack()).bytes.length).toBe(1);
});
