import { nowhere, type Output } from './stdio.ts';
import { type Stdio, TaskError, type TaskExit, type TaskState } from './tasks.ts';

/** What containerd knows as a task, or as a process added by exec: a state that only goes forward, and an end that is waited for. */
export class Task {
  readonly id: string;
  readonly execId: string;
  readonly stdio: Stdio;
  readonly bundle: string;
  readonly ended: Promise<TaskExit>;
  status: TaskState['status'] = 'created';
  pid: number;
  exit: TaskExit | undefined;
  stdout: Output = nowhere;
  stderr: Output = nowhere;
  #end!: (exit: TaskExit) => void;

  constructor(ids: { id: string; execId: string; bundle: string; pid: number }, stdio: Stdio) {
    this.id = ids.id;
    this.execId = ids.execId;
    this.bundle = ids.bundle;
    this.pid = ids.pid;
    const { stdin, stdout, stderr, terminal } = stdio;
    this.stdio = { stdin, stdout, stderr, terminal };
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  state(): TaskState {
    const { id, execId, bundle, pid, status, exit } = this;
    return {
      ...this.stdio,
      id,
      execId,
      bundle,
      pid,
      status,
      exitStatus: exit?.exitStatus ?? 0,
      exitedAt: exit?.exitedAt,
    };
  }

  /** Ends it once; closes its output, whose end containerd waits for. */
  end(exitStatus: number): TaskExit {
    if (this.exit) return this.exit;
    this.status = 'stopped';
    this.exit = { exitStatus, exitedAt: new Date() };
    this.stdout.close();
    this.stderr.close();
    this.#end(this.exit);
    return this.exit;
  }

  /** @throws TaskError failedPrecondition unless it was created and not yet started */
  expectCreated(): void {
    if (this.status !== 'created')
      throw new TaskError('failedPrecondition', `${this.id} ${this.execId} is ${this.status}`);
  }
}
