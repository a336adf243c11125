import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CgroupAccess, directCgroups } from './access.ts';
import { fillCpuset, stats1, writes1 } from './cgroup1.ts';
import { enableControllers, stats2, writes2 } from './cgroup2.ts';
import { type CgroupWrite, readFields, readNumber } from './cgroupfs.ts';
import { type CgroupMounts, ownMounts, relativePath } from './hierarchy.ts';
import { type CgroupStats, type Resources, TaskError } from './tasks.ts';

/** How many times to try to remove a cgroup whose processes are about to end, and how many milliseconds to wait in between. */
const REMOVE_TRIES = 20;
const TRY_MS = 10;

/** Returns the cgroup with an OCI cgroupsPath. The cgroup need not exist yet. @throws TaskError if the path is invalid */
export function openCgroup(
  cgroupsPath: string,
  mounts: CgroupMounts = ownMounts(),
  access: CgroupAccess = directCgroups,
): Cgroup {
  return new Cgroup(relativePath(cgroupsPath), mounts, access);
}

/** Moves a process back to the root cgroup, so that its present cgroup can be removed. */
export async function leaveCgroups(pid: number, access: CgroupAccess = directCgroups): Promise<void> {
  for (const folder of rootFolders()) await access.write(join(folder, 'cgroup.procs'), String(pid)).catch(() => {});
}

/** The root folders of all hierarchies of cgroups that have a controller which we use. */
export function rootFolders({ controllers, unified }: CgroupMounts = ownMounts()): string[] {
  return [...new Set(unified ? [unified] : controllers.values())];
}

/** A cgroup of version 1 or 2, which limits and counts what a container uses. */
export class Cgroup {
  readonly path: string;
  /** The cgroup's folder in version 2; undefined on a node with version 1. */
  readonly #unified: string | undefined;
  /** The cgroup's folder for each controller of version 1; empty on a node with version 2. */
  readonly #controllers = new Map<string, string>();
  /** Where cgroup version 2 is mounted; undefined on a node with version 1. */
  readonly #mount: string | undefined;

  readonly #access: CgroupAccess;

  constructor(path: string, { controllers, unified }: CgroupMounts, access: CgroupAccess) {
    this.path = path;
    this.#access = access;
    this.#mount = unified;
    if (unified !== undefined) this.#unified = join(unified, path);
    else for (const [name, folder] of controllers) this.#controllers.set(name, join(folder, path));
  }

  /** All folders that belong to this cgroup. */
  get folders(): string[] {
    return this.#unified !== undefined ? [this.#unified] : [...new Set(this.#controllers.values())];
  }

  /** Creates the cgroup's folders. @throws Error of mkdir(2) */
  async create(): Promise<void> {
    for (const folder of this.folders) await this.#access.make(folder);
    if (this.#mount !== undefined) await enableControllers(this.#mount, this.path, this.#access);
    const cpuset = this.#controllers.get('cpuset');
    if (cpuset !== undefined) await fillCpuset(cpuset, this.#access);
  }

  /**
   * Moves a process into the cgroup, with all its threads. The first move on a machine takes some 12 ms.
   * @throws TaskError notFound if the cgroup or the process does not exist; failedPrecondition with the kernel's reason
   */
  async add(pid: number): Promise<void> {
    for (const folder of this.folders)
      await this.#access.write(join(folder, 'cgroup.procs'), String(pid)).catch((cause: NodeJS.ErrnoException) => {
        const code = cause.code === 'ENOENT' || cause.code === 'ESRCH' ? 'notFound' : 'failedPrecondition';
        throw new TaskError(code, `process ${pid} cannot be moved into ${folder}: ${cause.message}`, { cause });
      });
  }

  /**
   * Sets the cgroup's limits that `resources` contains and leaves the others unchanged. Skips controllers that the node does
   * not have.
   * @throws TaskError failedPrecondition if the kernel refuses, for example a limit below what is in use
   */
  async limit(resources: Resources): Promise<void> {
    const writes =
      this.#unified !== undefined
        ? writes2(resources, await readNumber(this.#access.read, this.#file('memory', 'memory.current')))
        : writes1(resources, await readNumber(this.#access.read, this.#file('memory', 'memory.limit_in_bytes')));
    for (const write of writes) await this.#set(write);
  }

  /** Reads the resources that the cgroup's processes have used; zeros if the cgroup does not exist. */
  async stats(): Promise<CgroupStats> {
    if (this.#unified !== undefined) return stats2(this.#access.read, this.#unified);
    return stats1(this.#access.read, (controller, name) => this.#file(controller, name));
  }

  /** Number of the cgroup's processes that the kernel has killed because they used too much memory. */
  async oomKills(): Promise<number> {
    const name = this.#unified !== undefined ? 'memory.events' : 'memory.oom_control';
    return (await readFields(this.#access.read, this.#file('memory', name))).get('oom_kill') ?? 0;
  }

  /** Removes the cgroup, but not its parents. Waits briefly for its last processes to end, then leaves what is still in use. */
  async remove(): Promise<void> {
    for (const folder of this.folders)
      for (let tries = 0; tries < REMOVE_TRIES; tries++) {
        const code = await this.#access.remove(folder).then(
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

  async #set({ controller, name, value }: CgroupWrite): Promise<void> {
    try {
      await this.#access.write(this.#file(controller, name), value);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      const why = code === 'EBUSY' ? 'more than that is in use' : (cause as Error).message;
      throw new TaskError('failedPrecondition', `${name} cannot be set to ${value}: ${why}`, { cause });
    }
  }
}
