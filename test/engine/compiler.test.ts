import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compile } from '../../host/engine/wasmedge/compiler.ts';
import { options } from './modules.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
  const source = 'int main() { __builtin_trap(); }';
  execFileSync('c++', ['-x', 'c++', '-', '-o', join(folder, 'crash')], { input: source });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Compiles with a shell script in place of the guest program. The script runs `first` at the first optimisation level and
 * `second` at the second. It reads the module from descriptor 3, and writes the native code to descriptor 4. It is the first
 * process of a pid namespace, which no signal of its own ends, so it crashes by running the program "crash".
 */
async function run(first: string, { second = 'printf code >&4', compileMsMax = 60_000 } = {}) {
  const program = join(folder, 'compiler');
  const script = `#!/bin/sh\ncrash=${folder}/crash\nif [ "$3" = Oz ]; then ${first}; else ${second}; fi\n`;
  writeFileSync(program, script, { mode: 0o755 });
  const { limits, log, lines } = options({ compileMsMax });
  const code = await compile(new TextEncoder().encode('module'), { command: [program], required: [], limits, log });
  return { code: new TextDecoder().decode(code), log: lines.join() };
}

test('the compiler reads the module from one descriptor and writes the native code to another', async () => {
  expect((await run('cat /proc/self/fd/3 >&4')).code).toBe('module');
});

test('native code of an optimisation level that failed is thrown away', async () => {
  expect((await run('printf "a long beginning" >&4; exit 1')).code).toBe('code');
});

test('a compiler without a required layer of confinement is not tried again', async () => {
  await expect(run('echo 0 >&2; exit 5')).rejects.toThrow(/^NL_CONFINEMENT: /);
});

test('a module that compiles at the first optimisation level is not compiled at the second', async () => {
  expect((await run('printf best >&4')).code).toBe('best');
});

test.each([
  ['crashes', 'exec $crash', 'SIGILL'],
  ['is out of CPU time', 'exit 6', 'took longer'],
  ['is out of memory', 'exit 4', 'needed more than'],
  ['fails with a message', 'echo no such pass >&2; exit 1', 'no such pass'],
])('the second optimisation level is tried if the compiler %s at the first', async (_, first, reason) => {
  const { code, log } = await run(first);
  expect(code).toBe('code');
  expect(log).toMatch(new RegExp(`warn: compiling at Oz failed .*${reason}.*info: compiling .* at O0`));
});

test('a compiler that hangs at the first optimisation level leaves time for the second', async () => {
  // The second level, a shell that prints a word, has some seconds left.
  expect((await run('exec sleep 60', { compileMsMax: 10_000 })).code).toBe('code');
});

test('NL_COMPILE says why compiling failed at each optimisation level', async () => {
  await expect(run('exit 4', { second: 'exec $crash' })).rejects.toThrow(
    /^NL_COMPILE: .*Oz: it needed more.*O0: .*SIGILL/,
  );
});

test('an invalid module is not compiled again at the second optimisation level', async () => {
  await expect(run('echo type mismatch >&2; exit 3')).rejects.toThrow(/^NL_MODULE_INVALID: .*type mismatch/);
});

test('endless output of the compiler is cut off', async () => {
  await expect(run('yes | head -c 1000000 >&2; exit 3')).rejects.toThrow(/^NL_MODULE_INVALID: .*: y$/);
});
