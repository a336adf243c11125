import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/** Starts a program with its output in a file. The end of its machine ends it. */
export function startLogged(
  program: string,
  args: readonly string[],
  log: string,
  env: NodeJS.ProcessEnv = process.env,
): void {
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, 'a');
  // Interrupts from the keyboard are for the command, which then ends its machines.
  const child = spawn(program, args, { env, stdio: ['ignore', output, output], detached: true });
  child.on('error', () => {});
  child.unref();
  closeSync(output);
}
