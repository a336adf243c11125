import { writeFile } from 'node:fs/promises';
import { exitStatus, NearlightError } from '../base/errors.ts';
import type { LogLevel } from '../engine/engine.ts';
import { type Cgroup, leaveCgroups, openCgroup } from './cgroup.ts';
import type { Publisher } from './events.ts';
import type { Kernel } from './kernel.ts';
import { type Bundle, layersOf, readBundle, readGame } from './oci-bundle.ts';
import { timestamp } from './proto.ts';
import { openOutput } from './stdio.ts';
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
  type TaskState,
  type Tasks,
} from './tasks.ts';

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };
const KILLED = 128 + SIGNALS.SIGKILL;
/** What a sandbox weighs beside its container: its host draws and encodes, where runc's sandbox only waits. */
const SANDBOX_SHARES = 1024;
/** CAP_DAC_READ_SEARCH: an image's files may belong to anybody. CAP_SYS_NICE: moves threads of more privileges into cgroups. */
const CAPABILITIES = [2, 23];
/** The kubelet shows the first 4 KiB (container.terminationMessagePath). */
const TERMINATION_BYTES_MAX = 4096;

/** What a container's game is made of. */
export interface GameRequest {
  name: string;
  module: Uint8Array;
  /** Folder of assets on the node; undefined where the image has none. */
  assets: string | undefined;
  /** The container's environment. */
  env: Record<string, string>;
  /** When the container was asked for, in milliseconds of performance.now(). */
  createdAt: number;
  /** Its players wait for the next game when it ends, instead of being sent away. */
  hold: boolean;
  /** The pod has a network of its own, and not the node's. */
  ownNetwork: boolean;
  /** Told when the game goes on in another guest process, which is its `pid` by then. */
  renewed(): void;
  log(level: LogLevel, message: string): void;
}

/** A game that is loaded. */
export interface Game {
  /** Its guest process. */
  readonly pid: number;
  /** Makes the first tick; players can come once it resolves. @throws NearlightError why the game cannot run */
  begin(): Promise<void>;
  /** Resolves once: with the error that ended the game, or undefined after stop(). */
  readonly ended: Promise<NearlightError | undefined>;
  /** Ends the game; idempotent. Resolves when its process is gone. */
  stop(): Promise<void>;
}

/** The output of a built-in command. */
export interface CommandResult {
  status: number;
  stdout: string | Uint8Array;
  stderr: string;
}

/** The rest of the program, as the shim sees it. */
export interface Stage {
  /** Checks, compiles and loads a game. @throws NearlightError NL_SETTING, NL_MODULE_*, NL_COMPILE, NL_GUEST_*, NL_NO_GPU */
  load(request: GameRequest): Promise<Game>;
  /** Runs a command in the pod, as exec does. */
  command(args: readonly string[]): Promise<CommandResult>;
  /** Sends the players away and closes every connection. */
  close(): Promise<void>;
}

export interface PodOptions {
  stage: Stage;
  kernel: Kernel;
  /** Makes the publisher when the first request has told who serves whom. */
  publisher(): Publisher;
  moduleBytesMax: number;
  log(level: LogLevel, message: string): void;
  /** Writes down what the shim's `delete` has to clean up if this process dies: lines `guest PID` and `cgroup PATH`. */
  note(lines: readonly string[]): Promise<void>;
  /** A task is gone: nobody will ask for its address again. */
  forget(id: string): Promise<void>;
  /** The last task is gone. */
  exit(): void;
}

/** A container: the sandbox, or the game in it; a container without a sandbox is both. */
interface Container {
  task: Task;
  bundle: Bundle;
  execs: Map<string, Task>;
  game: Game | undefined;
  cgroup: Cgroup | undefined;
  /** Settles when its cgroup is made, limited and entered: off the path of a start. */
  accounted: Promise<void>;
  /** It was told to end by SIGKILL. */
  killed: boolean;
}

/**
 * The tasks of one pod, in the process that is its sandbox: its network, its privileges, its one game, and the events that
 * containerd is told of.
 */
export class Pod implements Tasks {
  readonly #options: PodOptions;
  readonly #containers = new Map<string, Container>();
  readonly #creating = new Set<string>();
  #publisher: Publisher | undefined;
  #entered = false;
  #ownNetwork = false;
  #emptySince = performance.now();

  constructor(options: PodOptions) {
    this.#options = options;
  }

  /** For how long it has had no container, in milliseconds. */
  get idleMs(): number {
    return this.#containers.size + this.#creating.size > 0 ? 0 : performance.now() - this.#emptySince;
  }

  async create(request: CreateRequest): Promise<{ pid: number }> {
    const createdAt = performance.now();
    const { id } = request;
    if (this.#containers.has(id) || this.#creating.has(id))
      throw new TaskError('alreadyExists', `${id} exists already`);
    this.#creating.add(id);
    try {
      this.#publisher ??= this.#options.publisher();
      const bundle = readBundle(request.bundle);
      if (bundle.kind !== 'container') this.#enter(bundle);
      const container = await this.#open(request, bundle, createdAt);
      this.#containers.set(id, container);
      this.#account(container);
      const { stdin, stdout, stderr, terminal, rootfs } = request;
      const { pid } = container.task;
      const io = { stdin, stdout, stderr, terminal };
      this.#publish('create', 'TaskCreate', { containerId: id, bundle: request.bundle, rootfs, io, pid });
      return { pid };
    } catch (error) {
      this.#options.log('error', `${id}: ${(error as Error).message}`);
      if (this.#containers.size === 0) setTimeout(() => this.#leaveIfEmpty(), 1000).unref();
      throw error instanceof NearlightError
        ? new TaskError('failedPrecondition', error.message, { cause: error })
        : error;
    } finally {
      this.#creating.delete(id);
    }
  }

  async start({ id, execId }: ProcessRef): Promise<{ pid: number }> {
    const container = this.#container(id);
    if (execId !== '') return this.#startExec(container, execId);
    const { task, game } = container;
    task.expectCreated();
    task.status = 'running';
    // Why it could not begin is how it ends, which is told after its start.
    await game?.begin().catch(() => {});
    this.#publish('start', 'TaskStart', { containerId: id, pid: task.pid });
    void game?.ended.then((error) => this.#ended(container, error));
    return { pid: task.pid };
  }

  async state(ref: ProcessRef): Promise<TaskState> {
    return this.#process(ref).state();
  }

  async wait(ref: ProcessRef): Promise<TaskExit> {
    return this.#process(ref).ended;
  }

  async kill({ id, execId, signal }: KillRequest): Promise<void> {
    const container = this.#container(id);
    const process = this.#process({ id, execId });
    if (process.exit) throw new TaskError('notFound', `${id} has ended already`);
    if (execId !== '') {
      if (signal !== 0) this.#endExec(container, process, 128 + signal);
      return;
    }
    // Other signals ask for something of the program's own, and a game knows none.
    if (!Object.values(SIGNALS).includes(signal)) return;
    container.killed = signal === SIGNALS.SIGKILL;
    if (container.game) {
      await container.game.stop();
      if (process.status === 'created') this.#end(container, KILLED);
    } else {
      await this.#options.stage.close();
      this.#end(container, container.killed ? KILLED : 0);
    }
  }

  async delete({ id, execId }: ProcessRef): Promise<TaskExit & { pid: number }> {
    const container = this.#container(id);
    const process = this.#process({ id, execId });
    if (process.status === 'running') throw new TaskError('failedPrecondition', `${id} ${execId} is running`);
    if (execId !== '') {
      container.execs.delete(execId);
      return { ...process.end(KILLED), pid: process.pid };
    }
    await container.game?.stop();
    const exit = process.end(KILLED);
    this.#containers.delete(id);
    this.#emptySince = performance.now();
    await container.accounted;
    // The guest that waits for a successor, which this one never has, is in the cgroup too.
    if (container.bundle.kind === 'standalone') await this.#options.stage.close();
    if (container.bundle.kind !== 'container' && container.cgroup) await leaveCgroups(globalThis.process.pid);
    await container.cgroup?.remove();
    await this.#note();
    await this.#options.forget(id);
    const { exitStatus, exitedAt } = exit;
    const { pid } = process;
    this.#publish('delete', 'TaskDelete', { containerId: id, pid, exitStatus, exitedAt: timestamp(exitedAt), id });
    return { ...exit, pid };
  }

  async pids(id: string): Promise<number[]> {
    const { task, game } = this.#container(id);
    return [game?.pid ?? task.pid];
  }

  async exec(request: ExecRequest): Promise<void> {
    const { id, execId, process, ...stdio } = request;
    const container = this.#container(id);
    if (container.task.status !== 'running')
      throw new TaskError('failedPrecondition', `${id} is ${container.task.status}`);
    if (container.execs.has(execId)) throw new TaskError('alreadyExists', `${execId} exists already`);
    const task = new Exec({ id, execId, bundle: container.task.bundle, pid: globalThis.process.pid }, stdio);
    task.args = process.args ?? [];
    container.execs.set(execId, task);
    this.#publish('exec-added', 'TaskExecAdded', { containerId: id, execId });
  }

  async stats(id: string): Promise<CgroupStats> {
    const { cgroup, accounted } = this.#container(id);
    await accounted;
    if (!cgroup) throw new TaskError('failedPrecondition', `${id} has no cgroup`);
    return cgroup.stats();
  }

  async update(id: string, resources: Resources): Promise<void> {
    const { cgroup, accounted, bundle } = this.#container(id);
    await accounted;
    await cgroup?.limit(bundle.kind === 'sandbox' ? {} : resources);
  }

  async connect(id: string): Promise<{ shimPid: number; taskPid: number }> {
    return { shimPid: process.pid, taskPid: this.#containers.get(id)?.task.pid ?? process.pid };
  }

  async shutdown(_id: string, now: boolean): Promise<void> {
    if (now || this.#containers.size === 0) setImmediate(() => this.#leaveIfEmpty(now));
  }

  #leaveIfEmpty(now = false): void {
    if (!now && this.#containers.size + this.#creating.size > 0) return;
    void Promise.resolve(this.#publisher?.flush(1000)).then(() => this.#options.exit());
  }

  #container(id: string): Container {
    const container = this.#containers.get(id);
    if (!container) throw new TaskError('notFound', `there is no container ${id} here`);
    return container;
  }

  #process({ id, execId }: ProcessRef): Task {
    const { task, execs } = this.#container(id);
    const process = execId === '' ? task : execs.get(execId);
    if (!process) throw new TaskError('notFound', `${id} has no process ${execId}`);
    return process;
  }

  #publish(topic: string, type: string, event: object): void {
    this.#publisher?.publish(`/tasks/${topic}`, type, event);
  }

  /** Makes this process the pod's: its network, its name servers, and no more privileges than it needs from here on. */
  #enter({ network, mounts, cgroupsPath }: Bundle): void {
    if (this.#entered) throw new TaskError('failedPrecondition', 'this process serves another pod already');
    this.#entered = true;
    const { kernel, log } = this.#options;
    for (const { destination, source } of mounts)
      if (destination === '/etc/resolv.conf' || destination === '/etc/hosts') {
        try {
          kernel.bindMount(source, destination, false);
        } catch (error) {
          log('warn', `the pod's ${destination} is not used: ${(error as Error).message}`);
        }
      }
    this.#ownNetwork = network !== 'host';
    if (network === 'new') kernel.newNetwork();
    else if (network !== 'host') kernel.enterNetwork(network.path);
    // Nobody may write to the topmost cgroup without privileges.
    if (cgroupsPath !== '') openCgroup(cgroupsPath).create();
    const { skipped } = kernel.dropPrivileges(CAPABILITIES);
    if (skipped.length > 0)
      log('debug', `threads that block signals keep privileges and network: ${skipped.join(', ')}`);
  }

  async #open(request: CreateRequest, bundle: Bundle, createdAt: number): Promise<Container> {
    const task = new Task({ id: request.id, execId: '', bundle: request.bundle, pid: process.pid }, request);
    const cgroup = bundle.cgroupsPath === '' ? undefined : openCgroup(bundle.cgroupsPath);
    const container: Container = {
      task,
      bundle,
      cgroup,
      execs: new Map(),
      game: undefined,
      accounted: Promise.resolve(),
      killed: false,
    };
    if (bundle.kind === 'sandbox') return container;
    this.#expectNoGame();
    task.stdout = openOutput(request.stdout);
    task.stderr = openOutput(request.stderr);
    try {
      container.game = await this.#load(container, request, createdAt);
      task.pid = container.game.pid;
    } catch (error) {
      terminationMessage(bundle, (error as Error).message);
      task.end(exitStatus(error));
      throw error;
    }
    return container;
  }

  #expectNoGame(): void {
    const [other] = [...this.#containers.values()].filter(({ game, task }) => game && !task.exit);
    if (other)
      throw new NearlightError(
        'NL_POD',
        `a pod of this RuntimeClass holds one game, and ${other.bundle.name ?? other.task.id} runs in it; put the other into a pod of its own`,
      );
  }

  async #load(container: Container, request: CreateRequest, createdAt: number): Promise<Game> {
    const { task, bundle } = container;
    const layers = layersOf(request.rootfs, bundle.rootPath);
    const { module, assets } = readGame(layers, bundle.args, this.#options.moduleBytesMax);
    const line = (level: LogLevel, message: string) =>
      task.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, message })}\n`);
    const name = bundle.name ?? 'game';
    const hold = bundle.kind === 'container';
    return this.#options.stage.load({
      name,
      module,
      assets,
      env: bundle.env,
      createdAt,
      hold,
      ownNetwork: this.#ownNetwork,
      renewed: () => this.#adopt(container),
      log: line,
    });
  }

  /** Joins and limits the cgroup after the answer: the first move on a machine takes longer than all the rest of a start. */
  #account(container: Container): void {
    const { bundle, cgroup, game } = container;
    if (!cgroup) return;
    container.accounted = (async () => {
      await new Promise((resolve) => setTimeout(resolve, bundle.kind === 'sandbox' ? 0 : 20));
      if (container.task.exit) return;
      cgroup.create();
      if (bundle.kind === 'sandbox') await cgroup.limit({ cpu: { shares: SANDBOX_SHARES } });
      else await cgroup.limit(bundle.resources);
      if (bundle.kind !== 'container') await cgroup.add(process.pid);
      if (game) await cgroup.add(game.pid);
      await this.#note();
    })().catch((error) => this.#options.log('error', `${container.task.id}: cgroup: ${(error as Error).message}`));
  }

  /** The game goes on in another process: that is limited, and ended with this one, as the first was. */
  #adopt(container: Container): void {
    const { accounted, cgroup, game, task } = container;
    container.accounted = accounted
      .then(async () => {
        if (cgroup && game && !task.exit) await cgroup.add(game.pid);
        await this.#note();
      })
      .catch((error) => this.#options.log('error', `${task.id}: cgroup: ${(error as Error).message}`));
  }

  #note(): Promise<void> {
    const lines = [...this.#containers.values()].flatMap(({ cgroup, game }) => [
      ...(game ? [`guest ${game.pid}`] : []),
      ...(cgroup?.folders.map((folder) => `cgroup ${folder}`) ?? []),
    ]);
    return this.#options.note(lines);
  }

  /** The game has ended; the kernel's own reason comes before what the engine makes of it. */
  async #ended(container: Container, error: NearlightError | undefined): Promise<void> {
    const { task, cgroup, bundle } = container;
    const signalled = error?.code === 'NL_GUEST_KILLED' || error?.code === 'NL_GUEST_CRASH';
    const oom = signalled && ((await cgroup?.oomKills().catch(() => 0)) ?? 0) > 0;
    if (oom) this.#publish('oom', 'TaskOOM', { containerId: task.id });
    const status =
      oom || container.killed || error?.code === 'NL_GUEST_KILLED' ? KILLED : error ? exitStatus(error) : 0;
    if (error) {
      const message = oom
        ? 'the game was ended by the kernel: it used more memory than the container may'
        : error.message;
      task.stderr.write(`${message}\n`);
      await terminationMessage(bundle, message);
    }
    this.#end(container, status);
  }

  #end({ task, execs, bundle }: Container, status: number): void {
    if (task.exit) return;
    for (const exec of execs.values()) exec.end(KILLED);
    const { exitedAt, exitStatus: code } = task.end(status);
    const { id, pid } = task;
    this.#publish('exit', 'TaskExit', { containerId: id, id, pid, exitStatus: code, exitedAt: timestamp(exitedAt) });
    this.#options.log('info', `${bundle.name ?? id} has ended with status ${code}`);
  }

  #startExec(container: Container, execId: string): { pid: number } {
    const exec = container.execs.get(execId) as Exec | undefined;
    if (!exec) throw new TaskError('notFound', `${container.task.id} has no process ${execId}`);
    exec.expectCreated();
    // Opened here and closed at the end: containerd waits for both, and for ever where they never open.
    exec.stdout = openOutput(exec.stdio.stdout);
    exec.stderr = openOutput(exec.stdio.stderr);
    exec.status = 'running';
    this.#publish('exec-started', 'TaskExecStarted', { containerId: exec.id, execId, pid: exec.pid });
    void this.#options.stage
      .command(exec.args)
      .catch((error: unknown) => ({ status: exitStatus(error), stdout: '', stderr: `${(error as Error).message}\n` }))
      .then(({ status, stdout, stderr }) => {
        exec.stdout.write(stdout);
        exec.stderr.write(stderr);
        this.#endExec(container, exec, status);
      });
    return { pid: exec.pid };
  }

  #endExec({ task }: Container, exec: Task, status: number): void {
    if (exec.exit) return;
    const { exitedAt, exitStatus: code } = exec.end(status);
    const event = {
      containerId: task.id,
      id: exec.execId,
      pid: exec.pid,
      exitStatus: code,
      exitedAt: timestamp(exitedAt),
    };
    this.#publish('exit', 'TaskExit', event);
  }
}

/** A command that exec added. */
class Exec extends Task {
  args: string[] = [];
}

/** Says why where the kubelet looks for it. */
async function terminationMessage({ mounts }: Bundle, message: string): Promise<void> {
  const mount = mounts.find(({ destination }) => destination === '/dev/termination-log');
  if (mount) await writeFile(mount.source, message.slice(0, TERMINATION_BYTES_MAX)).catch(() => {});
}
