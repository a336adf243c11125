import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { mutant, smallModules } from './module.ts';
import { check, checkMutants, playMutants } from './modules.ts';

const sources = smallModules();
const folder = mkdtempSync(join(tmpdir(), 'nearlight-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('valid modules pass the check, and the same seed makes the same mutant', () => {
  const triangle = readFileSync(join(import.meta.dirname, '../../build/triangle.wasm'));
  for (const source of [...sources, triangle]) expect(check(source)).toMatchObject({ code: '', fault: '' });
  expect(mutant(7, sources)).toEqual(mutant(7, sources));
});

test('5,000 mutants of modules are each accepted, or refused with a coded error', () => {
  const { findings, passed, codes } = checkMutants(sources, 1, 5000);
  expect(findings).toEqual([]);
  expect(passed).toBeGreaterThan(0);
  expect(Object.keys(codes).sort()).toEqual([
    'NL_MODULE_EXPORT',
    'NL_MODULE_IMPORT',
    'NL_MODULE_INVALID',
    'NL_MODULE_LIMIT',
  ]);
});

test('40 mutants that pass the check run in guest processes, and end normally or with a coded error', async () => {
  const engine = createWasmEdgeEngine({ cacheDir: folder, interpreter: true });
  const { findings, passed } = await playMutants(engine, sources, 40);
  expect(findings).toEqual([]);
  expect(passed).toBeGreaterThan(0);
});
