import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { buildTargets } from '../../host/base/native.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-native-'));
  writeFileSync(join(folder, 'program.cc'), 'int main() {}');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes a script in place of the C++ compiler. It counts its runs in a file, then runs `what`. */
function compiler(what = 'for last; do :; done; echo built >"$last"', name = 'c++'): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\necho run >>${folder}/runs\n${what}\n`, { mode: 0o755 });
  return path;
}

async function build(path: string, source = 'program.cc'): Promise<number> {
  const targets = [{ name: 'program', sources: [join(folder, source)], headers: [], flags: [] }];
  await buildTargets({ folder: join(folder, 'out'), targets, compiler: path });
  return readFileSync(join(folder, 'runs'), 'utf8').split('\n').length - 1;
}

test('a native program is built once, and again after its source has changed', async () => {
  const path = compiler();
  expect([await build(path), await build(path)]).toEqual([1, 1]);
  writeFileSync(join(folder, 'program.cc'), 'int main() { return 1; }');
  expect(await build(path)).toBe(2);
});

test.each(['by its path', 'by its name on PATH'])(
  'a compiler that is given %s and was replaced in place builds the program again',
  async (how) => {
    const path = compiler();
    const given = how === 'by its path' ? path : 'c++';
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    expect(await build(given)).toBe(1);
    utimesSync(path, 1, 1);
    expect([await build(given), await build(given)]).toEqual([2, 2]);
  },
);

test.each([
  ['a source that does not compile', 'echo "a.cc:1: error: expected" >&2; exit 1', /^NL_NATIVE: .*CXX.*expected/s],
  [
    'the header of WasmEdge missing',
    'echo "fatal error: wasmedge/wasmedge.h: No such file" >&2; exit 1',
    /^NL_NO_WASMEDGE: .*WASMEDGE_DIR/,
  ],
  [
    'the library of WasmEdge missing',
    'echo "/usr/bin/ld: cannot find -l:libwasmedge.so.0" >&2; exit 1',
    /^NL_NO_WASMEDGE: /,
  ],
  ['a path with the name wasmedge', 'echo "host/engine/wasmedge/guest.cc:1: error: x" >&2; exit 1', /^NL_NATIVE: /],
])('with %s the error has the right code', async (_, what, message) => {
  await expect(build(compiler(what))).rejects.toThrow(message);
});

test('without a compiler the error says so, and does not speak of WasmEdge', async () => {
  await expect(build(join(folder, 'missing'))).rejects.toThrow(/^NL_NATIVE: .*ENOENT/s);
});
