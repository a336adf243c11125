import { expect, test } from 'vitest';
import { buildPlayer } from '../../host/player/build.ts';

test('the page is whole, and needs nothing from elsewhere and nothing inline', async () => {
  const files = await buildPlayer();
  expect([...files.keys()]).toEqual(['/', '/player.js', '/style.css', '/favicon.svg']);
  const html = files.get('/')!.body.toString();
  const refers = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1]);
  expect(refers.filter((name) => name !== '.' && !files.has(`/${name}`))).toEqual([]);
  expect(html).not.toMatch(/<script(?![^>]*src)|<style|\sstyle=|\son\w+=/);
  for (const { type, body } of files.values()) {
    expect(type).toMatch(/^(text|image)\//);
    expect(body.length).toBeGreaterThan(100);
    expect(body.toString().replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//);
  }
});
