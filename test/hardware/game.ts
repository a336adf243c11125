import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, readConfig } from '../../host/base/config.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { type Gpu, openGpu } from '../../host/gpu/dawn.ts';
import { Launch, type Playable } from '../../host/play/launch.ts';

/** Folder of the compiled Wasm modules. It has the same relative path in the checkout and in the hardware pack. */
export const BUILD = join(import.meta.dirname, '../../build');
/** Folder with the data for the hardware measurements: modules that misbehave, golden pictures, expected hashes. */
export const DATA = join(BUILD, 'hardware/data');

export const TICK_RATE = 120;
export const SEATS = 4;

/** Opens the GPU with the Vulkan driver that main.ts has chosen. */
export function open(): Promise<Gpu> {
  return openGpu({ hardwareRequired: false, log: (level, line) => process.stderr.write(`${level}: ${line}\n`) });
}

/** Reads the Wasm module of a game, without assets. `file` is the path of the module without .wasm. */
export function readGame(file: string): Playable {
  const name = file.slice(file.lastIndexOf('/') + 1);
  return { name, module: readFileSync(`${file}.wasm`), assets: new Uint8Array() };
}

export interface GameOptions {
  gpu: Gpu;
  playable: Playable;
  config?: Config;
  seed?: number;
}

/** Prepares to launch a game on the JavaScript engine. */
export function createLaunch({ gpu, playable, config = readConfig({}), seed = 7 }: GameOptions): Launch {
  return new Launch({
    playable,
    engine: createJavaScriptEngine(),
    gpu,
    config,
    session: { seed, tickRate: TICK_RATE, seats: SEATS },
    log: (level, message) => process.stderr.write(`${playable.name}: ${level}: ${message}\n`),
  });
}
