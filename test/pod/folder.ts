import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunPaths, runPaths } from '../../host/pod/paths.ts';
import { startedAt } from '../../host/pod/process.ts';

/** The stand-in for the program. */
export const standin = join(import.meta.dirname, 'standin.ts');

/** A run folder of its own, with what the shim's script needs to find, and all processes that a test leaves in it. */
export class Folder {
  readonly root = mkdtempSync(join(tmpdir(), 'nearlight-shim-'));
  readonly run = join(this.root, 'run');
  readonly home = join(this.root, 'home');
  readonly paths: RunPaths = runPaths(this.run);
  private readonly children: ChildProcess[] = [];

  constructor() {
    const { warm, claim, host, pod, state, log } = this.paths;
    for (const folder of [warm, claim, host, join(pod, 'k8s.io'), state, log, join(this.home, 'host/pod')])
      mkdirSync(folder, { recursive: true });
    mkdirSync(join(this.home, 'bin'));
    symlinkSync(process.execPath, join(this.home, 'bin/node'));
    symlinkSync(standin, join(this.home, 'host/pod/main.ts'));
  }

  /** A process that is there, and nothing more; resolves with its id. */
  async process(name = 'sleep', seconds = 60): Promise<number> {
    const program = join(this.root, name);
    if (!existsSync(program)) symlinkSync('/bin/sleep', program);
    const child = spawn(program, [`${seconds}`], { stdio: 'ignore' });
    await once(child, 'spawn');
    this.children.push(child);
    return child.pid!;
  }

  /** A process that waits as a host. */
  async warm(): Promise<number> {
    const pid = await this.process();
    writeFileSync(join(this.paths.warm, `${pid}`), `${startedAt(pid)}\n`);
    return pid;
  }

  /** Notes that a process serves a container. */
  serve(id: string, pid: number, started = startedAt(pid)): void {
    writeFileSync(join(this.paths.pod, 'k8s.io', id), `${pid} ${started}\n`);
  }

  async close(): Promise<void> {
    const hosts = ['log', 'warm', 'claim'].flatMap((name) =>
      list(join(this.run, name)).map((file) => parseInt(file, 10)),
    );
    for (const pid of [...hosts.filter(Boolean), ...this.keepers()]) end(pid);
    await Promise.all(
      this.children.map(
        (child) => child.exitCode ?? child.signalCode ?? (child.kill('SIGKILL') && once(child, 'exit')),
      ),
    );
    rmSync(this.root, { recursive: true, force: true });
  }

  private keepers(): number[] {
    return list(this.run).includes('keepers')
      ? text(join(this.run, 'keepers')).split('\n').filter(Boolean).map(Number)
      : [];
  }
}

export function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

export function text(path: string): string {
  return readFileSync(path, 'utf8');
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
