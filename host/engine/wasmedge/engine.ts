import { closeSync } from 'node:fs';
import { readAssets } from '../../base/assets.ts';
import { NearlightError } from '../../base/errors.ts';
import { BASIC_LAYERS, type Layer } from '../../base/layers.ts';
import { asResourceError } from '../../base/system-error.ts';
import { traced } from '../../base/trace-context.ts';
import type { Engine, EngineLimits, LoadOptions } from '../engine.ts';
import { type CheckedModule, checkModule } from '../module.ts';
import { type Addon, loadAddon } from './addon.ts';
import { guestCommand } from './build.ts';
import { CompileCache } from './cache.ts';
import { wasmEdgeVersion } from './identity.ts';
import { WasmEdgeInstance } from './instance.ts';
import { describeMissing, type JailUser, type StartJailed } from './jail.ts';
import { PAGE_BYTES } from './mapping.ts';
import { GuestProcess } from './process.ts';
import { RemoteCode, type RemoteCompiler } from './remote.ts';
import { startError } from './response.ts';
import { closeCode, type NativeCode } from './sealed.ts';

export { wasmEdgeVersion } from './identity.ts';

export interface WasmEdgeOptions {
  /** Folder of the compile cache; empty for ~/.cache/nearlight. Not used with `compile`. */
  cacheDir?: string;
  /** If true, modules are interpreted, not compiled. That is 100 to 360 times slower, so it is never a fallback. */
  interpreter?: boolean;
  /** The most bytes that the compile cache may have; by default the default of CACHE_BYTES_MAX. */
  cacheBytesMax?: number;
  /** Gets native code from another process, which has a cache. This engine then has none. */
  compile?: RemoteCompiler;
  /** Layers of confinement without which neither a module nor a compiler runs; by default BASIC_LAYERS. */
  requiredLayers?: readonly Layer[];
  /** The user under which guests run, if this process is root; by default, each guest has a user of its own. */
  user?: JailUser;
  /** The user that most games name. prepare() then starts a guest process for such a game, too. */
  usualUser?: JailUser;
  /** Starts guest programs and compilers; by default, they are children of this process. */
  start?: StartJailed;
  /** The clock, in milliseconds, for the time limits on calls of a module; by default performance.now(). */
  now?: () => number;
}

/** How long after a load() the prepared processes that it did not take end. The start of the game comes first. */
const RELEASE_MS = 2000;

let announcedLayers = false;

/** An engine that can start a guest process before it knows the module. */
export interface WasmEdgeEngine extends Engine {
  /**
   * Starts guest processes for the next load(), which then takes some 90 ms less: one for a game that names no user, and one for
   * a game that names the usual one. load() uses a process only if the limits given to it are the same.
   * @throws NearlightError NL_NO_WASMEDGE, NL_CONFINEMENT
   */
  prepare(limits: MappingLimits): Promise<void>;
  /**
   * Starts a guest process under this user, unless one waits already, for a game whose user has become known. Does not wait
   * until it is ready.
   * @throws NearlightError NL_NO_WASMEDGE
   */
  prepareAs(user: JailUser, limits: MappingLimits): Promise<void>;
  /**
   * Looks for the native code of a module that load() gets soon, so that the caller can do something else meanwhile. If the module
   * is at fault, load() says so.
   */
  expect(module: Uint8Array, options: Pick<LoadOptions, 'limits' | 'log'>): void;
  /** Ends the prepared guest processes. */
  close(): Promise<void>;
}

/** The limits that determine the size of the memory shared with a guest process. */
type MappingLimits = Pick<EngineLimits, 'commandBytesMax' | 'dataBytesMax'>;

/** A guest process that waits for a module. */
interface Prepared {
  process: GuestProcess;
  limits: MappingLimits;
  /** The user under which it runs; undefined if it has one that no other process has. */
  user: JailUser | undefined;
}

/** A module that load() will get, with its native code, which is on its way. */
interface Expected {
  module: Uint8Array;
  checked: CheckedModule;
  code: Promise<NativeCode>;
}

/** Whether a module with these limits can run in a prepared process, and under this user. */
function fits({ process, limits, user }: Prepared, wanted: MappingLimits, wantedUser: JailUser | undefined): boolean {
  if (process.ended) return false;
  if (limits.commandBytesMax !== wanted.commandBytesMax || limits.dataBytesMax !== wanted.dataBytesMax) return false;
  return user?.uid === wantedUser?.uid && user?.gid === wantedUser?.gid;
}

/** Runs modules on WasmEdge. Every instance has its own process, which can be killed whatever its module does. */
export function createWasmEdgeEngine({
  cacheDir = '',
  cacheBytesMax,
  interpreter = false,
  compile,
  requiredLayers: required = BASIC_LAYERS,
  user: anyUser,
  usualUser,
  start: startProgram,
  now,
}: WasmEdgeOptions): WasmEdgeEngine {
  const source = compile
    ? new RemoteCode(compile)
    : new CompileCache(cacheDir, cacheBytesMax === undefined ? {} : { bytesMax: cacheBytesMax });
  let prepared: Prepared[] = [];
  let releaseTimer: NodeJS.Timeout | undefined;
  let expected: Expected | undefined;
  const spawn = (addon: Addon, { commandBytesMax, dataBytesMax }: MappingLimits, user = anyUser): GuestProcess =>
    new GuestProcess(addon, guestCommand(), {
      commandBytesMax,
      dataBytesMax,
      required,
      interpreter,
      user,
      start: startProgram,
      now,
    });
  const find = (module: Uint8Array, options: Pick<LoadOptions, 'limits' | 'log'>): Expected => {
    const checked = checkModule(module, options.limits);
    const code = interpreter
      ? Promise.resolve(checked.bytes)
      : source.native(checked.bytes, { ...options, required, start: startProgram });
    // The caller may fail before it awaits this.
    code.catch(() => {});
    return { module, checked, code };
  };
  const takeExpected = (module?: Uint8Array): Expected | undefined => {
    const found = expected;
    expected = undefined;
    if (found?.module === module) return found;
    void found?.code.then(closeCode, () => {});
    return undefined;
  };
  const release = (): void => {
    for (const { process } of prepared) process.kill();
    prepared = [];
  };
  const takeProcess = (addon: Addon, limits: MappingLimits, user: JailUser | undefined): GuestProcess => {
    const found = prepared.find((entry) => fits(entry, limits, user));
    prepared = prepared.filter((entry) => entry !== found);
    clearTimeout(releaseTimer);
    if (prepared.length > 0) releaseTimer = setTimeout(release, RELEASE_MS).unref();
    return found?.process ?? spawn(addon, limits, user);
  };
  const prepareOne = (addon: Addon, limits: MappingLimits, user: JailUser | undefined): GuestProcess => {
    clearTimeout(releaseTimer);
    const found = prepared.find((entry) => fits(entry, limits, user));
    if (found) return found.process;
    const process = spawn(addon, limits, user);
    prepared = [...prepared.filter((entry) => !entry.process.ended), { process, limits, user }];
    return process;
  };
  return {
    name: interpreter ? 'wasmedge-interpreter' : 'wasmedge',
    async prepare(limits) {
      const addon = await loadAddon();
      const users = usualUser ? [anyUser, usualUser] : [anyUser];
      const processes = users.map((user) => prepareOne(addon, limits, user));
      await Promise.all([...processes.map(({ ready }) => ready), source.prepare()]);
      for (const process of processes) if (process.ended) throw startError(process);
    },
    async prepareAs(user, limits) {
      prepareOne(await loadAddon(), limits, user);
    },
    expect(module, options) {
      takeExpected();
      try {
        expected = find(module, options);
      } catch {
        // load() throws the same error.
      }
    },
    async close() {
      takeExpected();
      const processes = prepared.map(({ process }) => process);
      release();
      await Promise.all(processes.map(({ gone }) => gone));
    },
    async load(module, options) {
      const { checked, code: coming } = takeExpected(module) ?? find(module, options);
      let unused: Promise<NativeCode> | undefined = coming;
      let process: GuestProcess | undefined;
      try {
        readAssets(options.assets);
        const addon = await loadAddon();
        process = takeProcess(addon, options.limits, options.user ?? anyUser);
        const code = await traced('native code', () => coming);
        unused = undefined;
        const parts = { addon, process, code, checked, options };
        return await traced('start', () => start(parts));
      } catch (error) {
        void unused?.then(closeCode, () => {});
        process?.kill();
        await process?.gone;
        throw asResourceError(error);
      }
    },
  };
}

interface Start {
  addon: Addon;
  process: GuestProcess;
  code: NativeCode;
  checked: CheckedModule;
  options: LoadOptions;
}

/** Loads a module into a guest process. The code is passed in sealed memory, so it cannot change after it was checked. */
async function start({ addon, process, code, checked, options }: Start): Promise<WasmEdgeInstance> {
  const own: number[] = [];
  const seal = (bytes: Uint8Array): number => {
    const fd = addon.sealed(bytes);
    own.push(fd);
    return fd;
  };
  try {
    const isSealed = !(code instanceof Uint8Array);
    if (isSealed) own.push(code.fd);
    const fds = [isSealed ? code.fd : seal(code)];
    if (options.assets.length > 0) fds.push(options.assetsFd ?? seal(options.assets));
    const instance = new WasmEdgeInstance(process, options);
    const { saves, moves, sounds, codeShift } = checked;
    await instance.load({ fds, codeBytes: isSealed ? code.bytes : code.length, saves, moves, sounds, codeShift });
    announceLayers(process, options);
    return instance;
  } finally {
    for (const fd of own) closeSync(fd);
  }
}

/** Logs once which layers of confinement this system does not give. */
function announceLayers({ layers }: GuestProcess, { log }: LoadOptions): void {
  const line = describeMissing(layers);
  if (line === undefined || announcedLayers) return;
  announcedLayers = true;
  log('warn', line);
}

/** Finds out which layers of confinement this system gives, as a bit mask. @throws NearlightError NL_NO_WASMEDGE */
export async function probeLayers(): Promise<number> {
  const limits = { commandBytesMax: PAGE_BYTES, dataBytesMax: PAGE_BYTES };
  const process = new GuestProcess(await loadAddon(), guestCommand(), { ...limits, required: [], interpreter: false });
  await process.ready;
  process.kill();
  await process.gone;
  return process.layers;
}

/**
 * Finds out whether this machine can run modules on WasmEdge, and builds the guest program if necessary. Returns the version of
 * WasmEdge, or the reason why it cannot be used and what to do.
 */
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
