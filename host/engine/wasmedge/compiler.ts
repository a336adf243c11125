import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NearlightError } from '../../base/errors.ts';
import type { LoadOptions } from '../engine.ts';
import { CpuMeter } from './cpu-meter.ts';
import { EXIT_INVALID, EXIT_MEMORY } from './mapping.ts';

/** Optimization levels for compiling a module, tried in this order. LLVM 19 has crashed on valid modules at O2, O3 and Os. */
export const LEVELS = ['Oz', 'O0'] as const;
type Level = (typeof LEVELS)[number];

/** Fraction of COMPILE_MS_MAX that compiling at the first optimization level may take. The second gets the remaining time. */
const FIRST_LEVEL_SHARE = 0.75;
const MESSAGE_BYTES_MAX = 4096;

interface Job extends Pick<LoadOptions, 'limits' | 'log'> {
  /** The command that starts the guest program, which contains the compiler. */
  command: readonly string[];
  /** An empty folder for the files of this compilation only. */
  folder: string;
  /** Called with the CPU time in milliseconds of each run of the compiler, whether it succeeded or not. */
  spent?: ((cpuMs: number) => void) | undefined;
}

interface Run {
  command: readonly string[];
  level: Level;
  folder: string;
  timeoutMs: number;
  memoryBytesMax: number;
  spent: Job['spent'];
}

/**
 * Compiles a module to native code in a child process whose time and memory are limited.
 * @throws NearlightError NL_COMPILE if every optimization level failed, NL_MODULE_INVALID if the module is not valid
 */
export async function compile(module: Uint8Array, { command, folder, limits, log, spent }: Job): Promise<Uint8Array> {
  await writeFile(join(folder, 'in.wasm'), module);
  const { compileMsMax, compileBytesMax } = limits;
  const startMs = performance.now();
  const problems: string[] = [];
  for (const level of LEVELS) {
    const leftMs = Math.max(1, compileMsMax - (performance.now() - startMs));
    const timeoutMs = level === LEVELS[0] ? leftMs * FIRST_LEVEL_SHARE : leftMs;
    log('info', `compiling ${module.length} bytes of WebAssembly at ${level} ...`);
    const problem = await run({ command, level, folder, timeoutMs, memoryBytesMax: compileBytesMax, spent });
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    if (problem === undefined) {
      log('info', `compiled in ${seconds} s`);
      return readFile(join(folder, `${level}.so`));
    }
    log('warn', `compiling at ${level} failed after ${seconds} s: ${problem}`);
    problems.push(`${level}: ${problem}`);
  }
  throw new NearlightError('NL_COMPILE', `${problems.join('; ')} (limits: COMPILE_MS_MAX, COMPILE_BYTES_MAX)`);
}

/** Runs the compiler once. Resolves with the reason if it fails, and with undefined if it succeeds. */
function run({ command, level, folder, timeoutMs, memoryBytesMax, spent }: Run): Promise<string | undefined> {
  const cpuSecondsMax = Math.ceil(timeoutMs / 1000) + 1;
  const parameters = [join(folder, 'in.wasm'), join(folder, `${level}.so`), level, memoryBytesMax, cpuSecondsMax];
  const [program, ...first] = command as [string, ...string[]];
  const child = spawn(program, [...first, 'compile', ...parameters.map(String)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {},
    cwd: folder,
  });
  const meter = child.pid === undefined ? undefined : new CpuMeter(child.pid);
  child.on('exit', () => spent?.(meter?.end() ?? 0));
  let message = '';
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  // Without a file for its output, the child has not started.
  child.stderr?.on('data', (part: Buffer) => {
    if (message.length < MESSAGE_BYTES_MAX) message += part.toString();
  });
  return new Promise<string | undefined>((resolve, reject) => {
    child.on('error', (error) => resolve(`the compiler does not start: ${error.message}`));
    child.on('close', (status, signal) => {
      const [firstLine = ''] = message.slice(0, MESSAGE_BYTES_MAX).trim().split('\n');
      if (status === EXIT_INVALID) reject(new NearlightError('NL_MODULE_INVALID', firstLine));
      else if (status === 0) resolve(undefined);
      else if (timedOut || signal === 'SIGXCPU') resolve(`it took longer than ${Math.round(timeoutMs)} ms`);
      else if (status === EXIT_MEMORY) resolve(`it needed more than ${memoryBytesMax} bytes`);
      else if (signal) resolve(`the compiler was killed by ${signal}`);
      else resolve(firstLine || `the compiler exited with status ${status}`);
    });
  }).finally(() => clearTimeout(timer));
}
