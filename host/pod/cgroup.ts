import { constants, mkdirSync } from 'node:fs';
import { readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fillCpuset, stats1, writes1 } from './cgroup1.ts';
import { enable, stats2, writes2 } from './cgroup2.ts';
import { fields, number, type Write } from './cgroupfs.ts';
import { type CgroupMounts, ownMounts, relativePath } from './hierarchy.ts';
import { type CgroupStats, type Resources, TaskError } from './tasks.ts';

/** How often processes that end are waited for. */
const KILL_TRIES = 200;
const REMOVE_TRIES = 20;
const TRY_MS = 10;

/** Opens a cgroup, which need not exist yet. @throws TaskError for a path that cannot be one */
export function openCgroup(cgroupsPath: string, mounts: CgroupMounts = ownMounts()): Cgroup {
  return new Cgroup(relativePath(cgroupsPath), mounts);
}

/** Moves a process back to where every process begins, so that the cgroup it was in can be removed. */
export async function leaveCgroups(pid: number, { controllers, unified }: CgroupMounts = ownMounts()): Promise<void> {
  for (const folder of new Set(unified ? [unified] : controllers.values()))
    await put(join(folder, 'cgroup.procs'), String(pid)).catch(() => {});
}

/** A cgroup of either version: what a container may use, and what it has used. */
export class Cgroup {
  readonly path: string;
  /** Folder in version 2. */
  readonly #unified: string | undefined;
  /** Folders in version 1. */
  readonly #controllers = new Map<string, string>();
  readonly #mount: string | undefined;

  constructor(path: string, { controllers, unified }: CgroupMounts) {
    this.path = path;
    this.#mount = unified;
    if (unified !== undefined) this.#unified = join(unified, path);
    else for (const [name, folder] of controllers) this.#controllers.set(name, join(folder, path));
  }

  /** Every folder that makes it up. */
  get folders(): string[] {
    return this.#unified !== undefined ? [this.#unified] : [...new Set(this.#controllers.values())];
  }

  /** Makes its folders, at once: a pod's start waits for it. @throws Error of mkdir(2) */
  create(): void {
    for (const folder of this.folders) mkdirSync(folder, { recursive: true });
    if (this.#mount !== undefined) enable(this.#mount, this.path);
    const cpuset = this.#controllers.get('cpuset');
    if (cpuset !== undefined) fillCpuset(cpuset);
  }

  /**
   * Moves a whole process in, with all its threads. The first move on a machine takes some 12 ms.
   * @throws TaskError notFound for a cgroup or a process that is not there; failedPrecondition with the kernel's reason
   */
  async add(pid: number): Promise<void> {
    for (const folder of this.folders)
      await put(join(folder, 'cgroup.procs'), String(pid)).catch((cause: NodeJS.ErrnoException) => {
        const code = cause.code === 'ENOENT' || cause.code === 'ESRCH' ? 'notFound' : 'failedPrecondition';
        throw new TaskError(code, `process ${pid} cannot be moved into ${folder}: ${cause.message}`, { cause });
      });
  }

  /**
   * Sets the limits that `resources` names and leaves the others. A limit of a controller that the node lacks is left out.
   * @throws TaskError failedPrecondition where the kernel refuses, such as a limit below what is in use
   */
  async limit(resources: Resources): Promise<void> {
    const writes =
      this.#unified !== undefined
        ? writes2(resources, await number(this.#file('memory', 'memory.current')))
        : writes1(resources, await number(this.#file('memory', 'memory.limit_in_bytes')));
    for (const write of writes) await this.#set(write);
  }

  /** What a cgroup has used; zeros for one that is not there. */
  async stats(): Promise<CgroupStats> {
    if (this.#unified !== undefined) return stats2(this.#unified);
    return stats1((controller, name) => this.#file(controller, name));
  }

  /** How many of its processes the kernel has killed for want of memory. */
  async oomKills(): Promise<number> {
    const name = this.#unified !== undefined ? 'memory.events' : 'memory.oom_control';
    return (await fields(this.#file('memory', name))).get('oom_kill') ?? 0;
  }

  async pids(): Promise<number[]> {
    const folder = this.folders[0];
    const procs = folder === undefined ? '' : await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
    return procs.split('\n').filter(Boolean).map(Number);
  }

  /**
   * Kills every process in it, also those that begin meanwhile, and resolves when none is left.
   * @throws TaskError failedPrecondition where this process is among them, or one does not go
   */
  async kill(): Promise<void> {
    for (let tries = 0; tries < KILL_TRIES; tries++) {
      const pids = await this.pids();
      if (pids.length === 0) return;
      if (pids.includes(process.pid))
        throw new TaskError('failedPrecondition', `${this.path} holds this process, which does not kill itself`);
      const isKilled =
        this.#unified !== undefined &&
        (await put(join(this.#unified, 'cgroup.kill'), '1').then(
          () => true,
          () => false, // before Linux 5.14
        ));
      if (!isKilled) for (const pid of pids) kill(pid);
      await sleep(TRY_MS);
    }
    throw new TaskError('failedPrecondition', `${this.path} still holds processes: ${(await this.pids()).join(', ')}`);
  }

  /** Removes it, once its processes are gone, and nothing above it; a folder that stays in use is left. */
  async remove(): Promise<void> {
    for (const folder of this.folders)
      for (let tries = 0; tries < REMOVE_TRIES; tries++) {
        const code = await rmdir(folder).then(
          () => 'gone',
          (error: NodeJS.ErrnoException) => error.code,
        );
        if (code !== 'EBUSY') break;
        await sleep(TRY_MS);
      }
  }

  #file(controller: string, name: string): string {
    return join(this.#unified ?? this.#controllers.get(controller) ?? '/nonexistent', name);
  }

  async #set({ controller, name, value }: Write): Promise<void> {
    try {
      await put(this.#file(controller, name), value);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      const why = code === 'EBUSY' ? 'more than that is in use' : (cause as Error).message;
      throw new TaskError('failedPrecondition', `${name} cannot be set to ${value}: ${why}`, { cause });
    }
  }
}

/** Writes to a file that has to be there: cgroups answer the wish to make one with EACCES. */
function put(path: string, value: string): Promise<void> {
  return writeFile(path, value, { flag: constants.O_WRONLY });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
