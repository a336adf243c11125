import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';
import { readConfig } from '../../host/base/config.ts';
import type { Engine, Instance } from '../../host/engine/engine.ts';

const root = join(import.meta.dirname, '../..');

/** Folder in which benchmarks keep what they compile. */
export const cacheDir = join(root, 'build/bench/cache');

/** Compiles a game's AssemblyScript with the options that every module of this repository is compiled with. */
export async function compile(name: string, source: string): Promise<Uint8Array> {
  mkdirSync(cacheDir, { recursive: true });
  writeFileSync(join(root, `build/bench/${name}.ts`), source);
  const paths = [`build/bench/${name}.ts`, '--outFile', `build/bench/${name}.wasm`, '--baseDir', root];
  const { error, stderr } = await asc.main([...paths, '--config', 'asconfig.json', '--target', 'release']);
  if (error) throw new Error(`${error.message}\n${stderr}`);
  return readFileSync(join(root, `build/bench/${name}.wasm`));
}

/** Loads a module for one seat at 120 ticks per second, under the default limits or others. */
export function load(
  engine: Engine,
  module: Uint8Array,
  limits: Partial<ReturnType<typeof readConfig>> = {},
): Promise<Instance> {
  const all = { ...readConfig(), ...limits };
  return engine.load(module, {
    limits: all,
    seed: 1,
    tickRate: 120,
    seats: 1,
    assets: new Uint8Array(),
    log: () => {},
  });
}
