import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { buildPlayer } from '../../host/player/build.ts';

/** The scripts that another site's page loads at once may have this size, compressed. */
const PLAYER_BYTES_MAX = 30_300;
/** Name of a part of the element's script. */
const PART = /^\/[\w-]+-[A-Z0-9]{8}\.js$/;

test('the page is complete, loads nothing from other sites, and has no inline script or style', async () => {
  const files = await buildPlayer();
  const names = [...files.keys()].filter((path) => !PART.test(path));
  expect(names).toEqual(['/', '/player.js', '/site.js', '/site.css', '/favicon.svg']);
  const html = must(files.get('/'), 'page').body.toString();
  const references = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, name]) => name);
  expect(references).toHaveLength(4);
  expect(references.filter((name) => !files.has(`/${name}`))).toEqual([]);
  expect(html).not.toMatch(/<script(?![^>]*src)|<style|\sstyle=|\son\w+=/);
  for (const { type, body } of files.values()) {
    expect(type).toMatch(/^(text|image)\//);
    expect(body.length).toBeGreaterThan(50);
    expect(body.toString().replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//);
  }
});

test('other sites may load the element and its parts alone, and what loads at its start is small', async () => {
  const files = await buildPlayer();
  const shared = [...files].filter(([, { isShared }]) => isShared).map(([path]) => path);
  expect(shared.filter((path) => !PART.test(path))).toEqual(['/player.js']);
  const textOf = (path: string) => must(files.get(path), path).body.toString();
  const atStart = new Set(['/player.js']);
  for (const path of atStart)
    for (const [, name] of textOf(path).matchAll(/(?:\bfrom|\bimport)\s*"\.(\/[\w-]+\.js)"/g)) atStart.add(name ?? '');
  const sizeOf = (paths: Iterable<string>) =>
    [...paths].reduce((sum, path) => sum + gzipSync(textOf(path), { level: 9 }).length, 0);
  process.stdout.write(`compressed: ${sizeOf(atStart)} bytes at the start, ${sizeOf(shared)} in all\n`);
  expect(atStart.size).toBeLessThan(shared.length);
  expect(sizeOf(atStart)).toBeLessThan(PLAYER_BYTES_MAX);
});

test('a server that renders pages can load the element, which does nothing there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-element-'));
  try {
    const file = join(folder, 'player.js');
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    for (const [path, { body, isShared }] of await buildPlayer()) if (isShared) writeFileSync(join(folder, path), body);
    const script = `import { NearlightPlayer } from ${JSON.stringify(file)}; console.log(typeof NearlightPlayer)`;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })).toBe(
      'function\n',
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
