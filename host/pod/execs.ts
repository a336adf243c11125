import { exitStatus } from '../base/errors.ts';
import { timestamp } from './proto.ts';
import type { GameRunner } from './runner.ts';
import type { Output } from './stdio.ts';
import { Task } from './task.ts';
import { type ExecRequest, TaskError } from './tasks.ts';

/** Sends containerd an event about a task (a container, or a process that exec added to it). */
export type Publish = (type: string, event: object) => void;

export interface ExecsOptions {
  /** The container to which exec adds processes. */
  container: Task;
  /** The id of every process that exec adds: that of the host, in which they run. */
  pid: number;
  runner: Pick<GameRunner, 'command'>;
  openOutput(path: string): Promise<Output>;
  publish: Publish;
}

/** The processes that exec added to one container. Each runs a built-in command inside the host process. */
export class Execs {
  readonly #options: ExecsOptions;
  readonly #execs = new Map<string, { task: Task; args: readonly string[] }>();

  constructor(options: ExecsOptions) {
    this.#options = options;
  }

  /**
   * Adds a process, which start() then runs. @throws TaskError if the container is not running, or has a process of this name
   */
  add({ id, execId, process: { args = [] }, ...stdio }: ExecRequest): void {
    const { container, pid, publish } = this.#options;
    if (container.status !== 'running') throw new TaskError('failedPrecondition', `${id} is ${container.status}`);
    if (this.#execs.has(execId)) throw new TaskError('alreadyExists', `${execId} exists already`);
    const task = new Task({ id, execId, bundle: container.bundle, pid }, stdio);
    this.#execs.set(execId, { task, args });
    publish('TaskExecAdded', { containerId: id, execId });
  }

  get(execId: string): Task | undefined {
    return this.#execs.get(execId)?.task;
  }

  remove(execId: string): void {
    this.#execs.delete(execId);
  }

  /**
   * Starts the built-in command of a process that was added; does not wait for its end.
   * @throws TaskError if the process was not added, or has been started
   */
  async start(execId: string): Promise<{ pid: number }> {
    const { container, runner, openOutput, publish } = this.#options;
    const exec = this.#execs.get(execId);
    if (!exec) throw new TaskError('notFound', `${container.id} has no process ${execId}`);
    const { task, args } = exec;
    task.expectCreated();
    // containerd waits for both outputs to close, so both must be opened.
    [task.stdout, task.stderr] = await Promise.all([openOutput(task.stdio.stdout), openOutput(task.stdio.stderr)]);
    task.status = 'running';
    publish('TaskExecStarted', { containerId: task.id, execId, pid: task.pid });
    void runner
      .command(args)
      .catch((error: unknown) => ({ status: exitStatus(error), stdout: '', stderr: `${(error as Error).message}\n` }))
      .then(({ status, stdout, stderr }) => {
        task.stdout.write(stdout);
        task.stderr.write(stderr);
        this.end(task, status);
      });
    return { pid: task.pid };
  }

  /** Marks a process that exec added as ended, and tells containerd. Only the first call counts. */
  end(task: Task, status: number): void {
    if (task.exit) return;
    task.end(status);
    publishExit(this.#options.publish, task);
  }

  /** Marks all processes that exec added as ended, without telling containerd, which knows that the container has ended. */
  endAll(status: number): void {
    for (const { task } of this.#execs.values()) task.end(status);
  }
}

/** Tells containerd how a container, or a process that exec added to it, has ended. */
export function publishExit(publish: Publish, { id, execId, pid, exit }: Task): void {
  if (!exit) return;
  const { exitStatus, exitedAt } = exit;
  const event = { containerId: id, id: execId || id, pid, exitStatus, exitedAt: timestamp(exitedAt) };
  publish('TaskExit', event);
}
