import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { must } from '../../host/base/assert.ts';

/** A process that makes image layers and shows what a container would see of them (layers.cc). */
export class Layers {
  /** A folder for layers, which close() removes. */
  readonly folder: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  /** @param parent where to put the folder for layers */
  constructor(parent = tmpdir()) {
    this.folder = mkdtempSync(join(parent, 'nl-images-'));
    const program = join(this.folder, 'layers');
    execFileSync('c++', ['-std=c++17', '-O1', join(import.meta.dirname, 'layers.cc'), '-o', program]);
    this.#child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Gives a command without an answer. */
  do(...words: string[]): void {
    this.#child.stdin.write(`${words.join(' ')}\n`);
  }

  /** Gives a command; resolves with the line of its answer. */
  async ask(...words: string[]): Promise<string> {
    this.do(...words);
    return must((await this.#lines.next()).value as string | undefined, `answer to ${words.join(' ')}`);
  }

  /** Resolves when all commands so far are done. */
  async done(): Promise<void> {
    await this.ask('ping');
  }

  close(): void {
    this.#child.stdin.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
