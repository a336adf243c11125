import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { buildPlayer } from '../../host/player/build.ts';

/** The script that another site's page loads may have this size, compressed. */
const PLAYER_BYTES_MAX = 30_000;

test('the page is complete, loads nothing from other sites, and has no inline script or style', async () => {
  const files = await buildPlayer();
  expect([...files.keys()]).toEqual(['/', '/player.js', '/site.js', '/site.css', '/favicon.svg']);
  const html = must(files.get('/'), 'page').body.toString();
  const references = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, name]) => name);
  expect(references).toHaveLength(4);
  expect(references.filter((name) => !files.has(`/${name}`))).toEqual([]);
  expect(html).not.toMatch(/<script(?![^>]*src)|<style|\sstyle=|\son\w+=/);
  for (const { type, body } of files.values()) {
    expect(type).toMatch(/^(text|image)\//);
    expect(body.length).toBeGreaterThan(100);
    expect(body.toString().replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//);
  }
});

test('the element is one small script, the only file that other sites may load', async () => {
  const files = await buildPlayer();
  expect([...files].filter(([, { isShared }]) => isShared).map(([path]) => path)).toEqual(['/player.js']);
  const { body } = must(files.get('/player.js'), 'script');
  expect(body.toString()).not.toMatch(/\bimport\s*[({"'*]|\bfrom\s*["']/);
  const { length } = gzipSync(body, { level: 9 });
  process.stdout.write(`player.js: ${body.length} bytes, ${length} compressed\n`);
  expect(length).toBeLessThan(PLAYER_BYTES_MAX);
});

test('a server that renders pages can load the element, which does nothing there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-element-'));
  try {
    const file = join(folder, 'player.mjs');
    writeFileSync(file, must((await buildPlayer()).get('/player.js'), 'script').body);
    const script = `import { NearlightPlayer } from ${JSON.stringify(file)}; console.log(typeof NearlightPlayer)`;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })).toBe(
      'function\n',
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
