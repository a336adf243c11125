import { closeSync, fstatSync, readSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { NearlightError } from '../../base/errors.ts';
import { type Layer, maskOf } from '../../base/layers.ts';
import type { LoadOptions } from '../engine.ts';
import { type Addon, loadAddon } from './addon.ts';
import { CpuMeter } from './cpu-meter.ts';
import { missingLayers, spawnJailed } from './jail.ts';
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
  /** Called with the CPU time in milliseconds of each run of the compiler, whether it succeeded or not. */
  spent?: ((cpuMs: number) => void) | undefined;
}

interface Run extends Pick<Job, 'command' | 'required'> {
  level: Level;
  /** File descriptors of the module, and of an empty file for the native code. */
  files: { module: number; output: number };
  timeoutMs: number;
  memoryBytesMax: number;
  spent: Job['spent'];
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
  const { command, required, limits, log, spent, file, bytes } = job;
  const { compileMsMax, compileBytesMax } = limits;
  const startMs = performance.now();
  const problems: string[] = [];
  for (const level of LEVELS) {
    const leftMs = Math.max(1, compileMsMax - (performance.now() - startMs));
    const timeoutMs = level === LEVELS[0] ? leftMs * FIRST_LEVEL_SHARE : leftMs;
    log('info', `compiling ${bytes} bytes of WebAssembly at ${level} ...`);
    const output = addon.memory();
    try {
      const files = { module: file, output };
      const problem = await run({ command, required, level, files, timeoutMs, memoryBytesMax: compileBytesMax, spent });
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
      if (problem === undefined) {
        log('info', `compiled in ${seconds} s`);
        return readWhole(output);
      }
      log('warn', `compiling at ${level} failed after ${seconds} s: ${problem}`);
      problems.push(`${level}: ${problem}`);
    } finally {
      closeSync(output);
    }
  }
  throw new NearlightError('NL_COMPILE', `${problems.join('; ')} (limits: COMPILE_MS_MAX, COMPILE_BYTES_MAX)`);
}

/** Reads a file from its start, wherever another process has left the position that both share. */
function readWhole(file: number): Uint8Array {
  const bytes = Buffer.alloc(fstatSync(file).size);
  const length = readSync(file, bytes, 0, bytes.length, 0);
  return bytes.subarray(0, length);
}

/** Runs the compiler once. Resolves with the reason if it fails, and with undefined if it succeeds. */
function run({ command, required, level, files, timeoutMs, memoryBytesMax, spent }: Run): Promise<string | undefined> {
  const cpuSecondsMax = Math.ceil(timeoutMs / 1000) + 1;
  const parameters = [maskOf(required), level, memoryBytesMax, cpuSecondsMax];
  // Where the system gives the compiler no file system of its own, the jailer makes it a folder among the temporary ones.
  const { child, kill } = spawnJailed({
    kind: 'compiler',
    command: [...command, 'compile', ...parameters.map(String)],
    stdio: ['ignore', 'ignore', 'pipe', files.module, files.output],
    env: { TMPDIR: tmpdir() },
  });
  const meter = child.pid === undefined ? undefined : new CpuMeter(child.pid);
  child.on('exit', () => spent?.(meter?.end() ?? 0));
  let message = '';
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, timeoutMs);
  child.stderr?.on('data', (part: Buffer) => {
    if (message.length < MESSAGE_BYTES_MAX) message += part.toString();
  });
  return new Promise<string | undefined>((resolve, reject) => {
    child.on('error', (error) => resolve(`the compiler does not start: ${error.message}`));
    child.on('close', (status, signal) => {
      const [firstLine = ''] = message.slice(0, MESSAGE_BYTES_MAX).trim().split('\n');
      if (status === EXIT_LAYERS) reject(missingLayers(required, Number(firstLine)));
      else if (status === EXIT_INVALID) reject(new NearlightError('NL_MODULE_INVALID', firstLine));
      else if (status === 0) resolve(undefined);
      else if (timedOut || status === EXIT_CPU_TIME) resolve(`it took longer than ${Math.round(timeoutMs)} ms`);
      else if (status === EXIT_MEMORY) resolve(`it needed more than ${memoryBytesMax} bytes`);
      else if (signal) resolve(`the compiler was killed by ${signal}`);
      else resolve(firstLine || `the compiler exited with status ${status}`);
    });
  }).finally(() => clearTimeout(timer));
}
