import { expect, test } from 'vitest';
import { readImports } from './imports.ts';
import { withProgram } from './program.ts';

/**
 * Returns what each import in `files[path]` was found to be, as one string: its line, whether of types or values, its kind
 * and target.
 */
function see(files: Record<string, string>, path: string): Promise<string[]> {
  return withProgram(files, async (root) =>
    (await readImports(root))
      .filter(({ from }) => from === path)
      .map(({ line, typeOnly, kind, to }) => `${line} ${typeOnly ? 'types' : 'values'} ${kind} ${to}`.trim()),
  );
}

test('every form of import in TypeScript is seen, with its line', async () => {
  const forms = [
    "import { a } from './a.ts';",
    "import type { A } from './a.ts';",
    "import { type A } from './a.ts';",
    "import './a.ts';",
    "export { a } from './a.ts';",
    "export type { A } from './a.ts';",
    "export * from './a.ts';",
    "const lazy = import('./a.ts');",
    "let t: import('./a.ts').A;",
    "import a = require('./a.ts');",
    "require('./a.ts');",
    "new Worker(new URL('./a.ts', import.meta.url));",
    "import.meta.resolve('./a.ts');",
    "fork(join(import.meta.dirname, '../room/a.ts'));",
  ];
  const typeOnly = [2, 6, 9];
  expect(await see({ 'host/room/a.ts': '', 'host/room/b.ts': forms.join('\n') }, 'host/room/b.ts')).toEqual(
    forms.map((_, i) => `${i + 1} ${typeOnly.includes(i + 1) ? 'types' : 'values'} file host/room/a.ts`),
  );
});

test('imports in comments, strings and templates are not imports', async () => {
  const text =
    "// import './a.ts'\n/* import './a.ts' */\nconst s = \"import './a.ts'\";\nconst t = `import './a.ts'`;\n";
  expect(await see({ 'host/room/a.ts': '', 'host/room/b.ts': text }, 'host/room/b.ts')).toEqual([]);
});

test('a quoted path counts as an import only if a source file has that path', async () => {
  const text = "f('../gpu/b.ts');\nf('../gpu/none.ts');\nf('../gpu/style.css');\nf('gpu/b.ts');\n";
  const files = { 'host/gpu/b.ts': '', 'host/gpu/style.css': '', 'host/room/a.ts': text };
  expect(await see(files, 'host/room/a.ts')).toEqual(['1 values file host/gpu/b.ts']);
});

test('imports of packages, of missing files and of computed paths are each marked as such', async () => {
  const text =
    "import 'node:fs';\nimport 'sharp/x';\nimport './gone.ts';\nimport(name);\nnew URL('./gone.wgsl', import.meta.url);\n";
  expect(await see({ 'host/room/a.ts': text }, 'host/room/a.ts')).toEqual([
    '1 values external node:fs',
    '2 values external sharp/x',
    '3 values missing host/room/gone.ts',
    '4 values computed',
    '5 values missing host/room/gone.wgsl',
  ]);
});

test('imports in AssemblyScript may leave out the extension, name a folder, or name the SDK', async () => {
  const files = {
    'renderer/index.ts': '',
    'renderer/sdk/index.ts': '',
    'renderer/scene/file.ts': '',
    'renderer/arena/index.ts':
      "import { sdk } from '@nearlight/sdk'\nimport { file } from '@nearlight/sdk/scene/file'\n",
    'renderer/scene/orbit.ts': "import { a } from '../sdk'\nimport { b } from './file'\n",
  };
  expect(await see(files, 'renderer/arena/index.ts')).toEqual([
    '1 values file renderer/index.ts',
    '2 values file renderer/scene/file.ts',
  ]);
  expect(await see(files, 'renderer/scene/orbit.ts')).toEqual([
    '1 values file renderer/sdk/index.ts',
    '2 values file renderer/scene/file.ts',
  ]);
});

test('syntax that only AssemblyScript has is read by its own parser', async () => {
  const text =
    "import { a } from './a'\n@inline\nexport function f(x: i32): i32 { return x }\nexport { b } from './b'\n";
  const files = { 'renderer/sdk/a.ts': '', 'renderer/sdk/b.ts': '', 'renderer/sdk/c.ts': text };
  expect(await see(files, 'renderer/sdk/c.ts')).toEqual([
    '1 values file renderer/sdk/a.ts',
    '4 values file renderer/sdk/b.ts',
  ]);
});

test('a file that does not parse is an error, in TypeScript and in AssemblyScript', async () => {
  await expect(see({ 'host/room/a.ts': 'let = ;' }, '')).rejects.toThrow(/^host\/room\/a\.ts does not parse: /);
  await expect(see({ 'renderer/sdk/a.ts': 'let = ;' }, '')).rejects.toThrow(/^renderer\/sdk\/a\.ts does not parse: /);
});

test('includes of C++ are seen outside comments and strings', async () => {
  const text = [
    '#include "a.h"',
    '#include <vector>',
    '// #include "b.h"',
    '/*',
    '#include "b.h"',
    '*/',
    'const char *s = R"(',
    '#include "b.h"',
    ')";',
    "const char quote = '\"';",
    '  #  include "../gpu/b.h"',
    '#include "constants.h"',
  ].join('\n');
  const files = {
    'host/engine/wasmedge/a.h': '',
    'host/engine/wasmedge/mapping.ts': '',
    'host/engine/wasmedge/a.cc': text,
  };
  expect(await see(files, 'host/engine/wasmedge/a.cc')).toEqual([
    '1 values file host/engine/wasmedge/a.h',
    '11 values missing host/engine/gpu/b.h',
    '12 values file host/engine/wasmedge/mapping.ts',
  ]);
});
