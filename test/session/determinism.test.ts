import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { buildModules } from '../../host/play/modules.ts';
import { digest } from '../../host/session/format.ts';
import { hashSession } from '../../host/session/hash.ts';
import { compile } from './compile.ts';
import { numbers } from './numbers.ts';
import { script } from './script.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-determinism-'));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const TICK_RATE = 120;
const SEATS = 4;
const limits = readConfig({ CALL_MS_MAX: '60000', INIT_MS_MAX: '60000' });
const assets = new Uint8Array();
const engines = [
  createWasmEdgeEngine({ cacheDir, cacheBytesMax: 2 ** 30 }),
  createWasmEdgeEngine({ cacheDir, cacheBytesMax: 2 ** 30, interpreter: true }),
  createJavaScriptEngine(),
];
const modules = new Map<string, Uint8Array>();

beforeAll(async () => {
  const [[arena]] = await Promise.all([
    buildModules(['arena']),
    compile('numbers', numbers).then((module) => modules.set('numbers', new Uint8Array(module))),
  ]);
  modules.set('arena', new Uint8Array(readFileSync(must(arena, 'arena').path)));
});

/** Runs one session on every engine. Resolves with the hash of what it submitted on each. */
async function hashes(game: string, { seed, seconds }: { seed: number; seconds: number }): Promise<string[]> {
  const module = must(modules.get(game), 'module');
  const recording = {
    header: {
      name: game,
      module: await digest(module),
      assets: await digest(assets),
      seed,
      tickRate: TICK_RATE,
      seats: SEATS,
      gpu: { features: 0b1011, limits: [8192, 2048] },
    },
    calls: [...script({ seed, ticks: seconds * TICK_RATE, seats: SEATS })],
    complete: true,
  };
  const found: string[] = [];
  for (const engine of engines)
    found.push(await hashSession(recording, { engine, module, assets, limits, log: () => {} }));
  return found;
}

describe('the same seed and input lead to the same commands on WasmEdge, its interpreter and V8:', () => {
  const seen = new Set<string>();

  it.each([
    ['arena', 1],
    ['arena', 2 ** 40 + 5],
    ['numbers', 1],
    ['numbers', 2 ** 53 - 1],
  ])(
    '%s, seed %i',
    async (game, seed) => {
      const [compiled = '', interpreted, javascript] = await hashes(game, { seed, seconds: 2 });
      expect(interpreted).toBe(compiled);
      expect(javascript).toBe(compiled);
      expect(seen).not.toContain(compiled);
      seen.add(compiled);
    },
    120_000,
  );
});
