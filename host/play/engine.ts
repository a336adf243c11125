import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { LAYERS, readLayers } from '../base/layers.ts';
import type { Engine } from '../engine/engine.ts';
import { createJavaScriptEngine } from '../engine/javascript.ts';
import { createWasmEdgeEngine } from '../engine/wasmedge/engine.ts';

/**
 * Creates the WebAssembly engine that the setting ENGINE names. `now` is the clock, in milliseconds, for the time limits on a
 * module's calls; the system's clock by default.
 * @throws NearlightError NL_SETTING
 */
export function createEngine({ engine, cacheDir, cacheBytesMax, requiredLayers }: Config, now?: () => number): Engine {
  if (engine === 'wasmedge' || engine === 'wasmedge-interpreter')
    return createWasmEdgeEngine({
      cacheDir,
      cacheBytesMax,
      requiredLayers: readLayers(requiredLayers) ?? LAYERS,
      interpreter: engine === 'wasmedge-interpreter',
      ...(now ? { now } : {}),
    });
  if (engine === 'javascript') return createJavaScriptEngine();
  throw new NearlightError(
    'NL_SETTING',
    `ENGINE=${engine} is unknown; set it to wasmedge, wasmedge-interpreter or javascript`,
  );
}
