import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compile } from '../../host/engine/wasmedge/compiler.ts';
import { options } from './modules.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Compiles with a shell script in place of the guest program. The script runs `first` at the first optimisation level and
 * `second` at the second; its third argument is the output file.
 */
async function run(first: string, { second = 'printf code > "$3"', compileMsMax = 60_000 } = {}) {
  const program = join(folder, 'compiler');
  writeFileSync(program, `#!/bin/sh\nif [ "$4" = Oz ]; then ${first}; else ${second}; fi\n`, { mode: 0o755 });
  const { limits, log, lines } = options({ compileMsMax });
  const code = await compile(Uint8Array.of(1), { command: [program], folder, limits, log });
  return { code: new TextDecoder().decode(code), log: lines.join() };
}

test('a module that compiles at the first optimisation level is not compiled at the second', async () => {
  expect((await run('printf best > "$3"')).code).toBe('best');
});

test.each([
  ['crashes', 'kill -SEGV $$', 'SIGSEGV'],
  ['is out of CPU time', 'kill -XCPU $$', 'took longer'],
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
  await expect(run('exit 4', { second: 'kill -ABRT $$' })).rejects.toThrow(
    /^NL_COMPILE: .*Oz: it needed more.*O0: .*SIGABRT/,
  );
});

test('an invalid module is not compiled again at the second optimisation level', async () => {
  await expect(run('echo type mismatch >&2; exit 3')).rejects.toThrow(/^NL_MODULE_INVALID: .*type mismatch/);
});

test('endless output of the compiler is cut off', async () => {
  await expect(run('yes | head -c 1000000 >&2; exit 3')).rejects.toThrow(/^NL_MODULE_INVALID: .*: y$/);
});
