import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { supervisorPath } from '../../host/pod/native.ts';

const PROGRAM = join(import.meta.dirname, 'supervised-host.ts');

/** A supervisor whose host runs supervised-host.ts. */
export class Supervised {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(runDir: string) {
    this.child = spawn(supervisorPath, [process.execPath, PROGRAM, 'host'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NEARLIGHT_RUN_DIR: runDir },
    });
    this.#lines = createInterface(this.child.stdout)[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** @throws Error with the message that the command threw */
  async ask<T = null>(command: string, ...args: unknown[]): Promise<T> {
    this.child.stdin.write(`${JSON.stringify([command, ...args])}\n`);
    const { value: line } = await this.#lines.next();
    const { value, error } = JSON.parse(line) as { value: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  }
}
