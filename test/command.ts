import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Runs a program and returns what it prints. @throws Error with its output if it fails */
export function run(
  program: string,
  args: readonly string[],
  { folder, env = {} }: { folder?: string; env?: Record<string, string> } = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    cwd: folder,
    env: { ...process.env, ...env },
    maxBuffer: 2 ** 26,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`);
  return stdout;
}

/** Sends a process a signal, and resolves with the exit status. It may have ended already. */
export async function endChild(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<number | null> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
  const exited = once(child, 'exit');
  child.kill(signal);
  const [status] = (await exited) as [number | null];
  return status;
}
