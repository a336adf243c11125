import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { eventually } from '../wait.ts';

const ROOT = join(import.meta.dirname, '../..');
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

test('SIGUSR1 makes no debugger listen in a host that npm start runs', async () => {
  const command = `${must(scripts.start, 'script')} build/arena.wasm`;
  const path = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`;
  const env = { ...process.env, PATH: path, PORT: '0' };
  const host = spawn('sh', ['-c', command], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [host.stdout, host.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
  try {
    const url = await eventually(() => must(/http:\/\/\S+/.exec(output)?.[0], 'address'), 60_000);
    for (let n = 0; n < 3; n++) host.kill('SIGUSR1');
    // The signals are handled before a request that comes after them is answered.
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(url)).status).toBe(200);
    expect(output).not.toContain('Debugger');
  } finally {
    const ended = once(host, 'exit');
    host.kill('SIGTERM');
    await ended;
  }
});

test.each(Object.entries(scripts).filter(([, script]) => script.includes('host/cli/main.ts')))(
  'the script %s starts Node so that a signal cannot make it listen for a debugger',
  (_, script) => expect(script).toMatch(/ exec node --disable-sigusr1 (--\S+ )*host\/cli\/main\.ts/),
);
