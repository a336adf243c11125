import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** A program that runs one command for each line of JSON on its input, and answers with one line. */
export class LineProgram {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
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
