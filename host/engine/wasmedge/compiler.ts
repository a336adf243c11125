import { closeSync, fstatSync, readSync } from 'node:fs';
import { NearlightError } from '../../base/errors.ts';
import { type Layer, maskOf } from '../../base/layers.ts';
import { asResourceError } from '../../base/system-error.ts';
import type { LoadOptions } from '../engine.ts';
import { type Addon, loadAddon } from './addon.ts';
import { CpuMeter } from './cpu-meter.ts';
import { missingLayers, type StartJailed, startJailed } from './jail.ts';
import { EXIT_CPU_TIME, EXIT_INVALID, EXIT_LAYERS, EXIT_MEMORY } from './mapping.ts';

/** Optimization levels for compiling a module, tried in this order. LLVM 19 has crashed on valid modules at O2, O3 and Os. */
export const LEVELS = ['Oz', 'O0'] as const;
type Level = (typeof LEVELS)[number];

/** Fraction of COMPILE_MS_MAX that compiling at the first optimization level may take. The second gets the remaining time. */
const FIRST_LEVEL_SHARE = 0.75;
const MESSAGE_BYTES_MAX = 4096;

interface Job extends Pick<LoadOptions, 'limits' | 'log'> {
  /** The command that starts the guest program, which contains the compiler. */
  command: readonly string[];
  /** Layers of confinement without which the compiler refuses to run. */
  required: readonly Layer[];
  /** Starts the compiler; by default as a child of this process. */
  start?: StartJailed | undefined;
  /** Called with the CPU time in milliseconds of each run of the compiler, whether it succeeded or not. */
  spent?: ((cpuMs: number) => void) | undefined;
}

interface Run extends Pick<Job, 'command' | 'required' | 'start' | 'spent'> {
  level: Level;
  /** File descriptors of the module, and of empty files for the native code and for error messages. */
  files: { module: number; output: number; messages: number };
  timeoutMs: number;
  memoryBytesMax: number;
}

/**
 * Compiles a module to native code in a jail whose time and memory are limited. Module and native code travel as open files, so
 * the compiler needs no path of this system.
 * @throws NearlightError NL_COMPILE if every optimization level failed, NL_MODULE_INVALID if the module is not valid,
 * NL_CONFINEMENT if a required layer of confinement does not hold
 */
export async function compile(module: Uint8Array, job: Job): Promise<Uint8Array> {
  const addon = await loadAddon();
  const file = addon.sealed(module);
  try {
    return await tryLevels(addon, { ...job, file, bytes: module.length });
  } finally {
    closeSync(file);
  }
}

/** Compiles at one level after another until one succeeds. */
async function tryLevels(addon: Addon, job: Job & { file: number; bytes: number }): Promise<Uint8Array> {
  const { command, required, limits, log, start, spent, file, bytes } = job;
  const { compileMsMax, compileBytesMax } = limits;
  const startMs = performance.now();
  const problems: string[] = [];
  for (const level of LEVELS) {
    const leftMs = Math.max(1, compileMsMax - (performance.now() - startMs));
    const timeoutMs = level === LEVELS[0] ? leftMs * FIRST_LEVEL_SHARE : leftMs;
    log('info', `compiling ${bytes} bytes of WebAssembly at ${level} ...`);
    const [output, messages] = [addon.memory(), addon.memory()];
    try {
      const files = { module: file, output, messages };
      const memoryBytesMax = compileBytesMax;
      const problem = await run({ command, required, start, level, files, timeoutMs, memoryBytesMax, spent });
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      if (problem === undefined) {
        log('info', `compiled in ${seconds} s`);
        return readWhole(output);
      }
      log('warn', `compiling at ${level} failed after ${seconds} s: ${problem}`);
      problems.push(`${level}: ${problem}`);
    } finally {
      closeSync(output);
      closeSync(messages);
    }
  }
  throw new NearlightError('NL_COMPILE', `${problems.join('; ')} (limits: COMPILE_MS_MAX, COMPILE_BYTES_MAX)`);
}

/** Reads a file from its start, wherever another process has left the position that both share. */
function readWhole(file: number, bytesMax = Infinity): Uint8Array {
  const bytes = Buffer.alloc(Math.min(fstatSync(file).size, bytesMax));
  const length = readSync(file, bytes, 0, bytes.length, 0);
  return bytes.subarray(0, length);
}

/** Runs the compiler once. Resolves with the reason if it fails, and with undefined if it succeeds. */
function run(options: Run): Promise<string | undefined> {
  const { command, required, level, files, timeoutMs, memoryBytesMax, start = startJailed, spent } = options;
  const cpuSecondsMax = Math.ceil(timeoutMs / 1000) + 1;
  let timedOut = false;
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const { pid, kill } = start({
    kind: 'compiler',
    program: command,
    args: ['compile', maskOf(required), level, memoryBytesMax, cpuSecondsMax].map(String),
    fds: [files.module, files.output, files.messages],
    ended(status, signal, error) {
      spent?.(meter?.end() ?? 0);
      const text = Buffer.from(readWhole(files.messages, MESSAGE_BYTES_MAX)).toString();
      const [firstLine = ''] = text.trim().split('\n');
      const lack = asResourceError(error);
      if (lack instanceof NearlightError) reject(lack);
      else if (error) resolve(`the compiler does not start: ${error.message}`);
      else if (status === EXIT_LAYERS) reject(missingLayers(required, Number(firstLine)));
      else if (status === EXIT_INVALID) reject(new NearlightError('NL_MODULE_INVALID', firstLine));
      else if (status === 0) resolve(undefined);
      else if (timedOut || status === EXIT_CPU_TIME) resolve(`it took longer than ${Math.round(timeoutMs)} ms`);
      else if (status === EXIT_MEMORY) resolve(`it needed more than ${memoryBytesMax} bytes`);
      else if (signal) resolve(`the compiler was killed by ${signal}`);
      else resolve(firstLine || `the compiler exited with status ${status}`);
    },
  });
  const meter = spent && pid !== undefined ? new CpuMeter(pid) : undefined;
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, timeoutMs);
  return promise.finally(() => clearTimeout(timer));
}
