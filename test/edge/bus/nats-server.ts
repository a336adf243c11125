import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../wait.ts';

/** Debian's nats-server, on a port of 127.0.0.1 that it keeps when it is started again. */
export class NatsServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'nearlight-nats-'));
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;
  #port = -1;

  constructor(...args: string[]) {
    this.#args = args;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts the server, and resolves when it listens. */
  async start(): Promise<void> {
    const ports = ['--ports_file_dir', this.#folder];
    const server = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(this.#port), ...ports, ...this.#args], {
      stdio: 'ignore',
    });
    this.#process = server;
    const file = join(this.#folder, `nats-server_${server.pid}.ports`);
    const { nats } = await eventually(() => JSON.parse(readFileSync(file, 'utf8')) as { nats: string[] });
    this.#port = Number(new URL(nats[0] ?? '').port);
  }

  /** Ends the server as a power cut would. */
  async kill(): Promise<void> {
    const server = this.#process;
    this.#process = undefined;
    if (!server) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
