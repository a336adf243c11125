import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { endChild } from '../command.ts';
import { sleep } from '../wait.ts';

const root = join(import.meta.dirname, '../..');

/** A process `nearlight edge`, which is started again and again with the same settings. */
export class EdgeProcess {
  readonly #environment: Record<string, string>;
  readonly #uid: number | undefined;
  #child: ChildProcess | undefined;
  output = '';

  /** @param uid the user of the process; by default that of this one */
  constructor(environment: Record<string, string>, uid?: number) {
    this.#environment = { OPERATOR_PORT: '0', ...environment };
    this.#uid = uid;
  }

  get operatorUrl(): string {
    return /Status and metrics at (\S+)status/.exec(this.output)?.[1] ?? '';
  }

  /** Starts the process. Does not wait until it serves. */
  start(): void {
    const child = spawn(process.execPath, [join(root, 'host/cli/main.ts'), 'edge'], {
      cwd: root,
      env: { ...process.env, ...this.#environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(this.#uid === undefined ? {} : { uid: this.#uid, gid: this.#uid }),
    });
    this.output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    this.#child = child;
  }

  /** Resolves when hosts can connect. */
  async ready(): Promise<void> {
    while (!this.output.includes('Hosts connect at')) {
      if (this.#child?.exitCode !== null) throw new Error(`the edge service has ended:\n${this.output}`);
      await sleep(2);
    }
  }

  /** Sends a signal, and resolves with the exit status. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    return endChild(this.#child, signal);
  }
}
