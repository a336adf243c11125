import { closeSync } from 'node:fs';
import { readAssets } from '../../base/assets.ts';
import { NearlightError } from '../../base/errors.ts';
import type { Engine, EngineLimits, LoadOptions } from '../engine.ts';
import { checkModule } from '../module.ts';
import { type Addon, loadAddon } from './addon.ts';
import { guestCommand } from './build.ts';
import { CompileCache, type RemoteCompiler, wasmEdgeVersion } from './cache.ts';
import { WasmEdgeInstance } from './instance.ts';
import { GuestProcess } from './process.ts';

export { wasmEdgeVersion } from './cache.ts';

export interface WasmEdgeOptions {
  /** Folder of compiled modules; empty for ~/.cache/nearlight. */
  cacheDir: string;
  /** Interprets instead of compiling: 100 to 360 times slower, so never a fallback. */
  interpreter?: boolean;
  /** Size of that folder; its own default without. */
  cacheBytesMax?: number;
  /** Who compiles and writes the cache instead; this engine then only reads it. */
  compile?: RemoteCompiler;
  /** Milliseconds for the limits on calls (INIT_MS_MAX, CALL_MS_MAX); the system's clock by default. */
  now?: () => number;
}

/** An engine whose guest processes can be started before there is a module for them. */
export interface WasmEdgeEngine extends Engine {
  /**
   * Starts a guest process, which the next load() with as large a mapping takes: that saves its start of some 90 ms.
   * @throws NearlightError NL_NO_WASMEDGE
   */
  prepare(limits: MappingLimits): Promise<void>;
  /** Ends the guest process that waits, if any. */
  close(): Promise<void>;
}

type MappingLimits = Pick<EngineLimits, 'commandBytesMax' | 'dataBytesMax'>;

/** The engine on WasmEdge: every instance has a process of its own, which can be ended whatever its module does. */
export function createWasmEdgeEngine({
  cacheDir,
  cacheBytesMax,
  interpreter = false,
  compile,
  now,
}: WasmEdgeOptions): WasmEdgeEngine {
  const cache = new CompileCache(cacheDir, compile, cacheBytesMax);
  let waiting: { process: GuestProcess; limits: MappingLimits } | undefined;
  const spawn = (addon: Addon, { commandBytesMax, dataBytesMax }: MappingLimits): GuestProcess =>
    new GuestProcess(addon, guestCommand(), { commandBytesMax, dataBytesMax, now });
  const take = (addon: Addon, limits: MappingLimits): GuestProcess => {
    const { commandBytesMax, dataBytesMax } = limits;
    const found = waiting;
    if (found?.limits.commandBytesMax !== commandBytesMax || found.limits.dataBytesMax !== dataBytesMax)
      return spawn(addon, limits);
    waiting = undefined;
    return found.process.ended ? spawn(addon, limits) : found.process;
  };
  return {
    name: interpreter ? 'wasmedge-interpreter' : 'wasmedge',
    async prepare(limits) {
      if (waiting && !waiting.process.ended) return;
      const process = spawn(await loadAddon(), limits);
      waiting = { process, limits };
      await Promise.all([process.ready, cache.prepare()]);
    },
    async close() {
      waiting?.process.kill();
      await waiting?.process.gone;
    },
    async load(module, options) {
      const { bytes, saves, codeShift } = checkModule(module, options.limits);
      readAssets(options.assets);
      const addon = await loadAddon();
      const process = take(addon, options.limits);
      try {
        const code = interpreter ? bytes : await cache.native(bytes, options);
        return await start(addon, process, { code, interpreter, saves, codeShift, options });
      } catch (error) {
        process.kill();
        await process.gone;
        throw error;
      }
    },
  };
}

interface Start {
  code: Uint8Array;
  interpreter: boolean;
  saves: boolean;
  codeShift: number;
  options: LoadOptions;
}

/** The guest gets what was checked as sealed memory: nobody can change it between the check and the load. */
async function start(addon: Addon, process: GuestProcess, { code, interpreter, saves, codeShift, options }: Start) {
  const fds: number[] = [];
  try {
    fds.push(addon.sealed(code));
    if (options.assets.length > 0) fds.push(addon.sealed(options.assets));
    const instance = new WasmEdgeInstance(process, options);
    await instance.load({ fds, interpreter, codeBytes: code.length, saves, codeShift });
    return instance;
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** Whether modules can run on WasmEdge here: the version, or why not and what to do. Builds what is out of date. */
export async function probeWasmEdge(): Promise<{ version: string } | { problem: string }> {
  try {
    await loadAddon();
    return { version: await wasmEdgeVersion() };
  } catch (error) {
    return {
      problem: error instanceof NearlightError ? error.detail : String(error),
    };
  }
}
