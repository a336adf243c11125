import { exitStatus, NearlightError } from '../base/errors.ts';
import { milli } from '../base/time.ts';
import { directAccess, type NodeAccess } from './access.ts';
import { Accounting } from './accounting.ts';
import { type Container, loadGame, writeTerminationMessage } from './container.ts';
import type { Publisher } from './events.ts';
import { Execs, publishExit } from './execs.ts';
import type { HostLog } from './host-log.ts';
import { imagePlaces } from './image.ts';
import type { OciBundle } from './oci-bundle.ts';
import type { ImageAccess, ImageLimits } from './opener.ts';
import { timestamp } from './proto.ts';
import type { GameRunner } from './runner.ts';
import { PAUSE_USER } from './security-context.ts';
import { discard } from './stdio.ts';
import { Task } from './task.ts';
import {
  type CgroupStats,
  type CreateRequest,
  type ExecRequest,
  type KillRequest,
  type ProcessRef,
  type Resources,
  TaskError,
  type TaskExit,
  type TaskService,
  type TaskState,
} from './tasks.ts';

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };
const KILLED_STATUS = 128 + SIGNALS.SIGKILL;
/** After a failed start, how long the host process waits for another request before it ends. */
const LINGER_MS = 1000;
/** How long the last events may take to reach containerd before the host process ends. */
const FLUSH_MS_MAX = 1000;

export interface SandboxOptions {
  runner: GameRunner;
  /** Creates the publisher of events at containerd's first request; only then is it known which containerd to notify. */
  publisher(): Publisher;
  images: ImageAccess;
  limits: ImageLimits;
  /** The id by which other processes of the node know this host. */
  pid: number;
  /**
   * Id of the process that containerd gets as that of the sandbox. Ordinary containers of the pod join its namespaces, so it is the host
   * itself, by its id outside of them.
   */
  sandboxPid: number;
  /** Ids of the processes to count as this pod's own use: the host and its supervisor. */
  hostPids: readonly number[];
  /** The log of this process, which goes on in that of the pod's game. */
  hostLog: Pick<HostLog, 'log' | 'begin' | 'attach'>;
  /** Does what takes privileges before this process has entered its pod; by default with its own. */
  nodeBefore?: NodeAccess;
  /** Does what takes privileges, once this process has entered its pod and has none any more. */
  node: NodeAccess;
  /** Enters the pod and gives up all privileges. @throws as enterPod */
  enter(bundle: OciBundle): Promise<void>;
  /** Called when a container is deleted, so that the shim no longer finds the container's host process. */
  forget(id: string): Promise<void>;
  /** Called when this process should end, because the last container is gone or containerd demands it. */
  exit(): void;
}

/**
 * Runs the containers of one Kubernetes pod inside this process, which is the pod's sandbox: it has the pod's network, and
 * runs at most one game. Does what containerd asks for, and tells containerd what happens.
 */
export class Sandbox implements TaskService {
  readonly #options: SandboxOptions;
  readonly #containers = new Map<string, Container>();
  /** Ids of the containers that are being created. */
  readonly #creating = new Set<string>();
  #publisher: Publisher | undefined;
  #node: NodeAccess;
  #hasEntered = false;
  #ownNetwork = false;
  #emptySince = performance.now();

  constructor(options: SandboxOptions) {
    this.#options = options;
    this.#node = options.nodeBefore ?? directAccess;
  }

  /** How long this pod has had no container, in milliseconds. */
  get idleMs(): number {
    return this.#containers.size + this.#creating.size > 0 ? 0 : performance.now() - this.#emptySince;
  }

  async create(request: CreateRequest): Promise<{ pid: number }> {
    const createdAt = milli(performance.now());
    const { id } = request;
    if (this.#containers.has(id) || this.#creating.has(id))
      throw new TaskError('alreadyExists', `${id} exists already`);
    this.#creating.add(id);
    try {
      if (!this.#publisher) this.#options.hostLog.begin();
      this.#publisher ??= this.#options.publisher();
      const { bundle, outputs } = await this.#openFiles(request);
      if (bundle.kind !== 'container') await this.#enter(bundle, request);
      const container = this.#container(request, bundle);
      Object.assign(container.task, outputs);
      if (bundle.kind !== 'sandbox') {
        this.#expectNoGame();
        this.#options.hostLog.attach(container.task);
        const ownNetwork = this.#ownNetwork;
        await loadGame(container, request, { ...this.#options, node: this.#node, createdAt, ownNetwork });
      }
      this.#containers.set(id, container);
      container.accounting.begin();
      const { stdin, stdout, stderr, terminal } = request;
      const { pid } = container.task;
      const io = { stdin, stdout, stderr, terminal };
      this.#publish('TaskCreate', { containerId: id, bundle: request.bundle, io, pid });
      return { pid };
    } catch (error) {
      this.#options.hostLog.log('error', `${id}: ${(error as Error).message}`);
      if (this.#containers.size === 0) setTimeout(() => this.#exitIfEmpty(), LINGER_MS).unref();
      throw error instanceof NearlightError
        ? new TaskError('failedPrecondition', error.message, { cause: error })
        : error;
    } finally {
      this.#creating.delete(id);
    }
  }

  async start({ id, execId }: ProcessRef): Promise<{ pid: number }> {
    const container = this.#find(id);
    if (execId !== '') return container.execs.start(execId);
    const { task, game } = container;
    task.expectCreated();
    task.status = 'running';
    // A game that fails here counts as started and then ended; `game.ended` has the reason.
    await game?.begin().catch(() => {});
    this.#publish('TaskStart', { containerId: id, pid: task.pid });
    void game?.ended.then((error) => this.#gameEnded(container, error));
    return { pid: task.pid };
  }

  async state(ref: ProcessRef): Promise<TaskState> {
    return this.#findTask(ref).state();
  }

  async wait(ref: ProcessRef): Promise<TaskExit> {
    return this.#findTask(ref).ended;
  }

  async kill({ id, execId, signal }: KillRequest): Promise<void> {
    const container = this.#find(id);
    const task = this.#findTask({ id, execId });
    if (task.exit) throw new TaskError('notFound', `${id} has ended already`);
    if (execId !== '') {
      if (signal !== 0) container.execs.end(task, 128 + signal);
      return;
    }
    // Signals that do not ask a program to end are ignored: they have a meaning only to a program that handles them, which a
    // game does not.
    if (!Object.values(SIGNALS).includes(signal)) return;
    container.killed = signal === SIGNALS.SIGKILL;
    // A second SIGTERM stops a game that is draining.
    if (signal === SIGNALS.SIGTERM && task.status === 'running' && container.game?.drain()) return;
    if (container.game) {
      await container.game.stop();
      if (task.status === 'created') this.#end(container, KILLED_STATUS);
    } else {
      await this.#options.runner.close();
      this.#end(container, container.killed ? KILLED_STATUS : 0);
    }
  }

  async delete({ id, execId }: ProcessRef): Promise<TaskExit & { pid: number }> {
    const container = this.#find(id);
    const task = this.#findTask({ id, execId });
    if (task.status === 'running') throw new TaskError('failedPrecondition', `${id} ${execId} is running`);
    if (execId !== '') {
      container.execs.remove(execId);
      return { ...task.end(KILLED_STATUS), pid: task.pid };
    }
    const { game, accounting, bundle } = container;
    await game?.stop();
    const exit = task.end(KILLED_STATUS);
    this.#containers.delete(id);
    this.#emptySince = performance.now();
    await accounting.settled();
    // The cgroup also contains the guest process that waits for a next game, which a container without a sandbox never gets.
    if (bundle.kind === 'standalone') await this.#options.runner.close();
    await accounting.remove();
    await this.#options.forget(id);
    const { exitStatus, exitedAt } = exit;
    const { pid } = task;
    this.#publish('TaskDelete', { containerId: id, pid, exitStatus, exitedAt: timestamp(exitedAt), id });
    return { ...exit, pid };
  }

  async pids(id: string): Promise<number[]> {
    const { task, game } = this.#find(id);
    return [...(game?.pids ?? [task.pid])];
  }

  async exec(request: ExecRequest): Promise<void> {
    this.#find(request.id).execs.add(request);
  }

  async stats(id: string): Promise<CgroupStats> {
    return this.#find(id).accounting.stats();
  }

  async update(id: string, resources: Resources): Promise<void> {
    await this.#find(id).accounting.limit(resources);
  }

  async connect(id: string): Promise<{ shimPid: number; taskPid: number }> {
    const { pid } = this.#options;
    return { shimPid: pid, taskPid: this.#containers.get(id)?.task.pid ?? pid };
  }

  async shutdown(_id: string, now: boolean): Promise<void> {
    if (now || this.#containers.size === 0) setImmediate(() => this.#exitIfEmpty(now));
  }

  #exitIfEmpty(now = false): void {
    if (!now && this.#containers.size + this.#creating.size > 0) return;
    void Promise.resolve(this.#publisher?.flush(FLUSH_MS_MAX)).then(() => this.#options.exit());
  }

  #find(id: string): Container {
    const container = this.#containers.get(id);
    if (!container) throw new TaskError('notFound', `there is no container ${id} here`);
    return container;
  }

  #findTask({ id, execId }: ProcessRef): Task {
    const { task, execs } = this.#find(id);
    const found = execId === '' ? task : execs.get(execId);
    if (!found) throw new TaskError('notFound', `${id} has no process ${execId}`);
    return found;
  }

  #publish(type: string, event: object): void {
    this.#publisher?.publish(type, event);
  }

  /** Reads a container's bundle and opens its outputs. They are closed if something fails. */
  async #openFiles(request: CreateRequest): Promise<{ bundle: OciBundle; outputs: Pick<Task, 'stdout' | 'stderr'> }> {
    const { stdout, stderr } = request;
    const reading = this.#node.readBundle(request.bundle);
    // The supervisor answers in order, so a container in a pod that this host serves already need not wait for each answer.
    const isSandbox = !this.#hasEntered && (await reading).kind === 'sandbox';
    const open = async (path: string) => (isSandbox ? discard : this.#node.openOutput(path));
    const opening = [open(stdout), open(stderr)] as const;
    try {
      const [bundle, ...opened] = await Promise.all([reading, ...opening]);
      return { bundle, outputs: { stdout: opened[0], stderr: opened[1] } };
    } catch (error) {
      for (const output of opening) void output.then((found) => found.close()).catch(() => {});
      throw error;
    }
  }

  async #enter(bundle: OciBundle, { rootfs }: Pick<CreateRequest, 'rootfs'>): Promise<void> {
    if (this.#hasEntered) throw new TaskError('failedPrecondition', 'this process serves another pod already');
    this.#hasEntered = true;
    this.#ownNetwork = bundle.network !== 'host';
    const { user } = bundle.security;
    // None of the guest processes that wait for the pod's game may have this user.
    if (user && user.uid !== PAUSE_USER.uid) await this.#options.runner.prepareAs(user);
    await this.#options.images.seal(imagePlaces(rootfs, bundle), bundle.podUid);
    await this.#options.enter(bundle);
    this.#node = this.#options.node;
  }

  #container(request: CreateRequest, bundle: OciBundle): Container {
    const { sandboxPid: pid } = this.#options;
    const task = new Task({ id: request.id, execId: '', bundle: request.bundle, pid }, request);
    const execs = new Execs({
      container: task,
      pid,
      runner: this.#options.runner,
      openOutput: (path) => this.#node.openOutput(path),
      publish: (type, event) => this.#publish(type, event),
    });
    const accounting = new Accounting({
      access: this.#node.cgroups,
      setOomScore: (pid, value) => this.#node.setOomScore(pid, value),
      bundle,
      sandbox: [...this.#containers.values()].find((other) => other.bundle.kind === 'sandbox')?.accounting,
      hostPids: this.#options.hostPids,
      guestPids: () => container.game?.pids ?? [],
      hasEnded: () => task.exit !== undefined,
      failed: (error) => this.#options.hostLog.log('error', `${task.id}: its limits: ${error.message}`),
    });
    const container: Container = { task, bundle, execs, game: undefined, accounting, killed: false };
    return container;
  }

  #expectNoGame(): void {
    for (const { game, task, bundle } of this.#containers.values())
      if (game && !task.exit)
        throw new NearlightError(
          'NL_POD',
          `a pod of this RuntimeClass can run one game, and ${bundle.name ?? task.id} is running in this one; put the other game into its own pod`,
        );
  }

  /**
   * Ends a container whose game has ended. If the kernel killed the game because of its memory use, that is the reason
   * reported.
   */
  async #gameEnded(container: Container, error: NearlightError | undefined): Promise<void> {
    const { task, accounting, bundle } = container;
    const hasCrashed = error?.code === 'NL_GUEST_KILLED' || error?.code === 'NL_GUEST_CRASH';
    const isOutOfMemory = hasCrashed && (await accounting.hasRunOutOfMemory());
    if (isOutOfMemory) this.#publish('TaskOOM', { containerId: task.id });
    const wasKilled = isOutOfMemory || container.killed || error?.code === 'NL_GUEST_KILLED';
    if (error) {
      const message = isOutOfMemory
        ? 'the kernel ended the game because it used more memory than its container may'
        : error.message;
      task.stderr.write(`${message}\n`);
      await writeTerminationMessage(this.#node, bundle, message);
    }
    this.#end(container, wasKilled ? KILLED_STATUS : error ? exitStatus(error) : 0);
  }

  #end({ task, execs, bundle }: Container, status: number): void {
    if (task.exit) return;
    execs.endAll(KILLED_STATUS);
    this.#options.hostLog.log('info', `${bundle.name ?? task.id} has ended with status ${status}`);
    task.end(status);
    publishExit((type, event) => this.#publish(type, event), task);
  }
}
