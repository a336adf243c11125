import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NearlightError } from '../../base/errors.ts';
import type { LoadOptions } from '../engine.ts';
import { EXIT_INVALID, EXIT_MEMORY } from './mapping.ts';

/** Tried in this order. LLVM 19 has crashed on valid modules at O2, O3 and Os. */
export const levels = ['Oz', 'O0'] as const;

/** The first level's part of the whole time; what is left is for the second. */
const firstShare = 0.75;
const messageBytesMax = 4096;

interface Job extends Pick<LoadOptions, 'limits' | 'log'> {
  /** What starts the guest program. */
  command: readonly string[];
  /** An empty folder of its own. */
  folder: string;
}

interface Run {
  command: readonly string[];
  level: (typeof levels)[number];
  folder: string;
  ms: number;
  bytes: number;
}

/**
 * Compiles a module in a child process with limits on time and memory.
 * @throws NearlightError NL_COMPILE when every level failed, NL_MODULE_INVALID
 */
export async function compile(module: Uint8Array, { command, folder, limits, log }: Job): Promise<Uint8Array> {
  await writeFile(join(folder, 'in.wasm'), module);
  const { compileMsMax, compileBytesMax } = limits;
  const start = performance.now();
  const problems: string[] = [];
  for (const level of levels) {
    const left = compileMsMax - (performance.now() - start);
    const ms = level === levels[0] ? left * firstShare : left;
    log('info', `compiling ${module.length} bytes of WebAssembly at ${level} ...`);
    const problem = await run({ command, level, folder, ms, bytes: compileBytesMax });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    if (problem === undefined) {
      log('info', `compiled in ${seconds} s`);
      return readFile(join(folder, `${level}.so`));
    }
    log('warn', `compiling at ${level} failed after ${seconds} s: ${problem}`);
    problems.push(`${level}: ${problem}`);
  }
  throw new NearlightError('NL_COMPILE', `${problems.join('; ')} (COMPILE_MS_MAX, COMPILE_BYTES_MAX)`);
}

/** Resolves with what went wrong, if anything. */
function run({ command, level, folder, ms, bytes }: Run): Promise<string | undefined> {
  const parameters = [join(folder, 'in.wasm'), join(folder, `${level}.so`), level, `${bytes}`];
  const cpuSeconds = `${Math.ceil(ms / 1000) + 1}`;
  const stdio = ['ignore', 'ignore', 'pipe'] as const;
  const [program, ...first] = command as [string, ...string[]];
  const child = spawn(program, [...first, 'compile', ...parameters, cpuSeconds], {
    stdio: [...stdio],
    env: {},
    cwd: folder,
  });
  let message = '';
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, ms);
  child.stderr!.on('data', (part: Buffer) => {
    if (message.length < messageBytesMax) message += part.toString();
  });
  return new Promise<string | undefined>((resolve, reject) => {
    child.on('error', (error) => resolve(`the compiler does not start: ${error.message}`));
    child.on('close', (status, signal) => {
      const said = message.slice(0, messageBytesMax).trim().split('\n')[0] ?? '';
      if (status === EXIT_INVALID) reject(new NearlightError('NL_MODULE_INVALID', said));
      else if (status === 0) resolve(undefined);
      else if (timedOut || signal === 'SIGXCPU') resolve(`it took longer than ${Math.round(ms)} ms`);
      else if (status === EXIT_MEMORY) resolve(`it needed more than ${bytes} bytes`);
      else if (signal) resolve(`the compiler was ended by ${signal}`);
      else resolve(said || `the compiler exited with status ${status}`);
    });
  }).finally(() => clearTimeout(timer));
}
