import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { addonPath } from '../../host/engine/wasmedge/build.ts';
import { spawnJailed } from '../../host/engine/wasmedge/jail.ts';

const HOST = join(import.meta.dirname, '../../host/engine/wasmedge');

/**
 * Builds a program that stands in for the guest program or the compiler, and can enter the jail as they do. Needs the files that
 * loadAddon() builds. @param source name of a C++ file in this folder
 */
export function buildJailed(source: string, program: string): void {
  const sources = ['jail.cc', 'limits.cc', 'files.cc', 'filter.cc'].map((name) => join(HOST, name));
  execFileSync('c++', [
    '-std=c++17',
    `-I${dirname(addonPath)}`,
    join(import.meta.dirname, source),
    ...sources,
    '-o',
    program,
  ]);
}

/** How a program in a jail ended, and what it printed. */
export interface Outcome {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
}

/** Runs a program in the jail of a compiler until it ends. */
export async function runJailed(command: readonly string[]): Promise<Outcome> {
  const { child } = spawnJailed({
    kind: 'compiler',
    command,
    stdio: ['ignore', 'pipe', 'inherit', 'ignore', 'ignore'],
  });
  let stdout = '';
  child.stdout?.on('data', (part: Buffer) => {
    stdout += part.toString();
  });
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { status, signal, stdout };
}

/**
 * Start of a command, for root, that runs as an ordinary user who may not make user namespaces. The limit on their number belongs to a user
 * namespace itself, so the rest of the machine keeps its own.
 */
export const withoutNamespaces = [
  ...['unshare', '--user', '--map-user', '65534', '--keep-caps'],
  ...['sh', '-c', 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', 'sh'],
  ...['setpriv', '--ambient-caps=-all', '--inh-caps=-all'],
];
