import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const MODULE = join(import.meta.dirname, 'leftovers.ts');

function run(script: string, msMax: number) {
  const begun = performance.now();
  const source = `import { endSoon } from ${JSON.stringify(MODULE)}; ${script}; endSoon(${msMax});`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
  return { status, stderr, ms: performance.now() - begun };
}

test('a process that leaves nothing open ends at once, without a word', () => {
  const { status, stderr, ms } = run('', 600_000);
  expect([status, stderr]).toEqual([0, '']);
  expect(ms).toBeLessThan(600_000);
});

test.each([
  ['a timer', 'setInterval(() => {}, 1000)', /: Timeout\n$/],
  ['a server', "(await import('node:net')).createServer().listen(0, '127.0.0.1')", /tcp .*127\.0\.0\.1/],
  ['a child process', "(await import('node:child_process')).spawn('sleep', ['2'])", /process \{"pid":\d+/],
])('a process that leaves %s open is ended, and says so', (_, script, words) => {
  const { status, stderr } = run(script, 10);
  expect(status).toBe(0);
  expect(stderr).toMatch(/^bench: the process is ended, because these keep it alive: /);
  expect(stderr).toMatch(words);
});
