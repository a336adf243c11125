import { discard, type Output } from './stdio.ts';
import { type Stdio, TaskError, type TaskExit, type TaskState } from './tasks.ts';

/** A container, or a process that exec added to it, as containerd sees it: created, then running, then stopped. */
export class Task {
  readonly id: string;
  readonly execId: string;
  readonly stdio: Stdio;
  /** Folder of the OCI bundle. */
  readonly bundle: string;
  /** Resolves when the task has stopped. */
  readonly ended: Promise<TaskExit>;
  readonly #resolveEnded: (exit: TaskExit) => void;
  status: TaskState['status'] = 'created';
  pid: number;
  exit: TaskExit | undefined;
  stdout: Output = discard;
  stderr: Output = discard;

  constructor(ids: { id: string; execId: string; bundle: string; pid: number }, stdio: Stdio) {
    this.id = ids.id;
    this.execId = ids.execId;
    this.bundle = ids.bundle;
    this.pid = ids.pid;
    const { stdin, stdout, stderr, terminal } = stdio;
    this.stdio = { stdin, stdout, stderr, terminal };
    const { promise, resolve } = Promise.withResolvers<TaskExit>();
    this.ended = promise;
    this.#resolveEnded = resolve;
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

  /** Marks the task as stopped, and closes its output so that containerd sees the end of it. Only the first call counts. */
  end(exitStatus: number): TaskExit {
    if (this.exit) return this.exit;
    this.status = 'stopped';
    this.exit = { exitStatus, exitedAt: new Date() };
    this.stdout.close();
    this.stderr.close();
    this.#resolveEnded(this.exit);
    return this.exit;
  }

  /** Checks that the task was created and not started yet. @throws TaskError failedPrecondition if not */
  expectCreated(): void {
    if (this.status !== 'created')
      throw new TaskError('failedPrecondition', `${this.id} ${this.execId} is ${this.status}`);
  }
}
