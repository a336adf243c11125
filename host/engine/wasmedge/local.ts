import { NearlightError } from '../../base/errors.ts';
import { BASIC_LAYERS, type Layer } from '../../base/layers.ts';
import { adviceFor, asResourceError } from '../../base/system-error.ts';
import type { LoadOptions } from '../engine.ts';
import { guestCommand } from './build.ts';
import { compile } from './compiler.ts';
import type { StartJailed } from './jail.ts';
import type { NativeCode } from './sealed.ts';

/** The parts of the options for loading a module that matter to its compilation. */
export interface CompileOptions extends Pick<LoadOptions, 'limits' | 'log'> {
  /** Layers of confinement without which no compiler runs; by default BASIC_LAYERS. */
  required?: readonly Layer[];
  /** Starts the compiler; by default as a child of this process. */
  start?: StartJailed | undefined;
  /** Called with the CPU time in milliseconds of each run of the compiler, whether it succeeded or not. */
  spent?(cpuMs: number): void;
}

/** Gives native code of modules: from a cache, from another process, or by compiling. */
export interface CodeSource {
  /** Does what the first call of native() would otherwise wait for. @throws NearlightError NL_SETTING, NL_NO_WASMEDGE */
  prepare(): Promise<void>;
  /**
   * Returns the native code of a checked module, which then belongs to the caller.
   * @throws NearlightError NL_COMPILE, NL_MODULE_INVALID, NL_CONFINEMENT
   */
  native(module: Uint8Array, options: CompileOptions): Promise<NativeCode>;
}

/** Compiles a module on this machine, without storing the result. @throws as compile() */
export async function compileLocally(module: Uint8Array, options: CompileOptions): Promise<Uint8Array> {
  try {
    return await compile(module, { command: guestCommand(), required: BASIC_LAYERS, ...options });
  } catch (cause) {
    const known = asResourceError(cause);
    if (known instanceof NearlightError) throw known;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new NearlightError('NL_COMPILE', `${message}: ${adviceFor(code)}`, { cause });
  }
}
