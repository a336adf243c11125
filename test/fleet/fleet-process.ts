import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { endChild } from '../command.ts';
import { sleep } from '../wait.ts';

const root = join(import.meta.dirname, '../..');

/** A process `nearlight fleet`, which is started again and again with the same settings. */
export class FleetProcess {
  readonly #environment: Record<string, string>;
  #child: ChildProcess | undefined;
  output = '';

  constructor(environment: Record<string, string>) {
    this.#environment = { OPERATOR_PORT: '0', FLEET_PORT: '0', ...environment };
  }

  get url(): string {
    return /Matchmakers and nodes ask at (\S+)/.exec(this.output)?.[1] ?? '';
  }

  /** Starts the process. Resolves when it listens. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [join(root, 'host/cli/main.ts'), 'fleet'], {
      cwd: root,
      env: { ...process.env, ...this.#environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    this.#child = child;
    while (this.url === '') {
      if (child.exitCode !== null) throw new Error(`the fleet has ended:\n${this.output}`);
      await sleep(2);
    }
    // The next process listens at the same port, where the node reports.
    this.#environment.FLEET_PORT = new URL(this.url).port;
  }

  /** Sends a signal, and resolves with the exit status. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    return endChild(this.#child, signal);
  }
}
