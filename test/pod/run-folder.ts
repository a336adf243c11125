import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { supervisorPath } from '../../host/pod/native.ts';
import { type RunPaths, runPaths } from '../../host/pod/paths.ts';
import { namesIn } from '../../host/pod/pool.ts';
import { startedAt } from '../../host/pod/process.ts';
import { commandLine } from '../process-tree.ts';

/** The program that takes the place of a host process and of a keeper process. */
export const STAND_IN = join(import.meta.dirname, 'stand-in.ts');
/** A process id above the kernel's default maximum, so that no process has it. */
export const DEAD_PID = 4_194_303;

/** A run folder for one test, an installation for the shim's script, and the processes that the test starts. */
export class RunFolder {
  readonly root = mkdtempSync(join(tmpdir(), 'nearlight-shim-'));
  readonly run = join(this.root, 'run');
  /** Value for NEARLIGHT_HOME: an installation whose program is the stand-in. */
  readonly home = join(this.root, 'home');
  readonly paths: RunPaths = runPaths(this.run);
  readonly #children: ChildProcess[] = [];

  constructor() {
    const { warm, claim, host, pod, state, log } = this.paths;
    for (const folder of [warm, claim, host, join(pod, 'k8s.io'), state, log, join(this.home, 'host/pod')])
      mkdirSync(folder, { recursive: true });
    for (const name of ['bin', 'native']) mkdirSync(join(this.home, name));
    symlinkSync(supervisorPath, join(this.home, 'native/supervisor'));
    symlinkSync(process.execPath, join(this.home, 'bin/node'));
    symlinkSync(STAND_IN, join(this.home, 'host/pod/main.ts'));
  }

  /** Starts a process that only sleeps; resolves with its id. */
  async process(name = 'sleep', seconds = 60): Promise<number> {
    const program = join(this.root, name);
    if (!existsSync(program)) symlinkSync('/bin/sleep', program);
    const child = spawn(program, [`${seconds}`], { stdio: 'ignore' });
    await once(child, 'spawn');
    this.#children.push(child);
    return must(child.pid, 'process id');
  }

  /** Starts a process that looks like a host that waits for a pod. Resolves with its id. */
  async warm(): Promise<number> {
    const pid = await this.process();
    writeFileSync(join(this.paths.warm, `${pid}`), `${startedAt(pid)}\n`);
    return pid;
  }

  /** Records that a process serves a container. */
  serve(id: string, pid: number, started = startedAt(pid)): void {
    writeFileSync(join(this.paths.pod, 'k8s.io', id), `${pid} ${started}\n`);
  }

  /** Makes the stand-in misbehave; `on` is one of the words that stand-in.ts looks for. */
  misbehave(on: string): void {
    writeFileSync(join(this.run, on), '');
  }

  async close(): Promise<void> {
    const hosts = ['log', 'warm', 'claim'].flatMap((name) =>
      namesIn(join(this.run, name)).map((file) => Number.parseInt(file, 10)),
    );
    for (const pid of [...hosts.filter(Boolean), ...this.#keepers()]) killIfAlive(pid);
    await Promise.all(
      this.#children.map(
        (child) => child.exitCode ?? child.signalCode ?? (child.kill('SIGKILL') && once(child, 'exit')),
      ),
    );
    rmSync(this.root, { recursive: true, force: true });
  }

  #keepers(): number[] {
    return namesIn(this.run).includes('keepers')
      ? text(join(this.run, 'keepers')).split('\n').filter(Boolean).map(Number)
      : [];
  }
}

export function text(path: string): string {
  return readFileSync(path, 'utf8');
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has ended.
  }
}

/** The process that a supervisor runs: a host, which is its first child except for moments, or another program of a test. */
export function hostOf(supervisor: number): number {
  const children = text(`/proc/${supervisor}/task/${supervisor}/children`).split(' ').filter(Boolean).map(Number);
  return must(children.find((pid) => / host$/.test(commandLine(pid))) ?? children[0], 'host process');
}
