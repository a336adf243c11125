import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { findFaults, parseImports } from './boundaries.ts';

let root = '';

afterEach(() => {
  if (root) rmSync(root, { recursive: true });
  root = '';
});

function program(files: Record<string, string>): string[] {
  root = mkdtempSync(join(tmpdir(), 'nearlight-boundaries-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return findFaults(root);
}

test('the host keeps its boundaries', () => {
  expect(findFaults(join(import.meta.dirname, '../..'))).toEqual([]);
});

test('a program that keeps every rule has no fault', () => {
  const faults = program({
    'host/main.ts': "import { a } from './room/a.ts';\nimport { b } from './gpu/b.ts';\n",
    'host/errors.ts': 'export const e = 1;\n',
    'host/room/a.ts': "import type { B } from '../gpu/b.ts';\nimport { e } from '../errors.ts';\nexport const a = e;\n",
    'host/gpu/b.ts': "import type { a } from '../room/a.ts';\nexport type B = typeof a;\nexport const b = 1;\n",
    'host/gpu/dawn.ts': "import { tmpdir } from 'node:os';\nimport 'webgpu';\n",
  });
  expect(faults).toEqual([]);
});

test('a cycle is found and shown whole', () => {
  const faults = program({
    'host/room/a.ts': "import { b } from './b.ts';\n",
    'host/room/b.ts': "import {\n  c,\n} from './c.ts';\n",
    'host/room/c.ts': "export { a } from './a.ts';\n",
  });
  expect(faults).toEqual(['import cycle: host/room/a.ts > host/room/b.ts > host/room/c.ts > host/room/a.ts']);
});

test('a run-time import of another stage is a fault', () => {
  const faults = program({
    'host/video/a.ts': "\nimport { type B, b } from '../gpu/b.ts';\n",
    'host/gpu/b.ts': 'export const b = 1;\n',
  });
  expect(faults).toEqual(['host/video/a.ts:2: only types may come from host/gpu/b.ts; host/main.ts joins the stages']);
});

test('a stage does not import what joins the stages, not even its types', () => {
  const faults = program({
    'host/main.ts': 'export type Host = object;\n',
    'host/room/a.ts': "import type { Host } from '../main.ts';\n",
  });
  expect(faults).toEqual(['host/room/a.ts:1: imports host/main.ts, which joins the stages']);
});

test('Node and packages are faults where a browser runs the code, also through another file', () => {
  const faults = program({
    'host/errors.ts': "import 'node:os';\n",
    'host/gpu/a.ts': "import { e } from '../errors.ts';\nimport type { Stats } from 'node:fs';\n",
    'host/room/b.ts': "const lazy = import('webgpu');\n",
    'host/stream/server.ts': "import 'node:http';\n",
  });
  expect(faults).toEqual([
    'host/errors.ts:1: imports node:os, but this also runs in a browser',
    'host/room/b.ts:1: imports webgpu, but this also runs in a browser',
  ]);
});

test('a file that is not there is a fault', () => {
  expect(program({ 'host/room/a.ts': "import './gone.ts';\n" })).toEqual([
    'host/room/a.ts:1: there is no host/room/gone.ts',
  ]);
});

test('imports in comments are not imports', () => {
  const text = "// import 'a';\n/*\nimport 'b';\n*/\nimport * as c from 'c';\nimport type { D } from 'd';\n";
  expect(parseImports('host/x.ts', text)).toEqual([
    { from: 'host/x.ts', to: 'c', line: 5, typeOnly: false },
    { from: 'host/x.ts', to: 'd', line: 6, typeOnly: true },
  ]);
});
