import { expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { buildPlayer } from '../../host/player/build.ts';

test('the page is complete, loads nothing from other sites, and has no inline script or style', async () => {
  const files = await buildPlayer();
  expect([...files.keys()]).toEqual(['/', '/player.js', '/style.css', '/favicon.svg']);
  const html = must(files.get('/'), 'page').body.toString();
  const references = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, name]) => name);
  expect(references.filter((name) => name !== '.' && !files.has(`/${name}`))).toEqual([]);
  expect(html).not.toMatch(/<script(?![^>]*src)|<style|\sstyle=|\son\w+=/);
  for (const { type, body } of files.values()) {
    expect(type).toMatch(/^(text|image)\//);
    expect(body.length).toBeGreaterThan(100);
    expect(body.toString().replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//);
  }
});
