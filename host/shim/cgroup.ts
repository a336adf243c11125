import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CgroupStats, type Resources, TaskError } from './tasks.ts';

/** Controllers of version 1 that a container is limited or counted by. */
const CONTROLLERS = ['cpu', 'cpuacct', 'cpuset', 'memory', 'pids'] as const;
const REMOVE_TRIES = 20;
/** Version 1 writes no limit as a number of this size. */
const UNLIMITED = 2 ** 60;

/** Where cgroups are mounted. */
export interface CgroupMounts {
  /** Folder of each controller of version 1 that is mounted; empty on a pure version 2. */
  controllers: Map<string, string>;
  /** Folder of version 2, where it is the one that controls. */
  unified: string | undefined;
}

/**
 * Finds the mounts in the text of /proc/self/mountinfo. Where version 1 controls anything (hybrid mode), version 2 is
 * left alone: it has no controllers then.
 */
export function findMounts(mountinfo: string): CgroupMounts {
  const controllers = new Map<string, string>();
  let unified: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const path = before?.split(' ')[4];
    const [type, , options = ''] = after?.split(' ') ?? [];
    if (path === undefined) continue;
    if (type === 'cgroup2') unified = path;
    if (type === 'cgroup')
      for (const name of options.split(','))
        if ((CONTROLLERS as readonly string[]).includes(name)) controllers.set(name, path);
  }
  return { controllers, unified: controllers.size > 0 ? undefined : unified };
}

/**
 * The folder below a mount that an OCI cgroupsPath names: a path, or `slice:prefix:name` of the systemd driver
 * (systemd.slice(5): a slice's dashes are its parents).
 * @throws TaskError for a path that leaves the mount
 */
export function relativePath(cgroupsPath: string): string {
  const [slice, prefix, name, ...more] = cgroupsPath.split(':');
  let path = cgroupsPath;
  if (name !== undefined && more.length === 0) {
    const parts = slice!.replace(/\.slice$/, '').split('-');
    const parents =
      slice === '' || slice === '-.slice' ? [] : parts.map((_, at) => `${parts.slice(0, at + 1).join('-')}.slice`);
    path = join(...parents, name.endsWith('.slice') ? name : `${prefix ? `${prefix}-` : ''}${name}.scope`);
  }
  const bad = path.split('/').includes('..') || path.includes('\0') || path.length > 1024;
  if (bad || !/[^/.]/.test(path))
    throw new TaskError('invalidArgument', `cgroupsPath ${JSON.stringify(cgroupsPath.slice(0, 200))} cannot be used`);
  return path.replace(/^\/+/, '');
}

/** Opens a cgroup, which need not exist yet. @throws TaskError for a path that cannot be one */
export function openCgroup(cgroupsPath: string, mounts: CgroupMounts = ownMounts()): Cgroup {
  return new Cgroup(relativePath(cgroupsPath), mounts);
}

let known: CgroupMounts | undefined;

/** The mounts as this process sees them; they stay as they are. */
export function ownMounts(): CgroupMounts {
  known ??= findMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  return known;
}

/** Moves a process back to where every process begins, so that the cgroup it was in can be removed. */
export async function leaveCgroups(pid: number, { controllers, unified }: CgroupMounts = ownMounts()): Promise<void> {
  for (const folder of new Set(unified ? [unified] : controllers.values()))
    await writeFile(join(folder, 'cgroup.procs'), String(pid)).catch(() => {});
}

/** A cgroup of either version: what a container may use, and what it has used. */
export class Cgroup {
  readonly path: string;
  readonly #unified: string | undefined;
  readonly #controllers = new Map<string, string>();
  readonly #root: string | undefined;

  constructor(path: string, { controllers, unified }: CgroupMounts) {
    this.path = path;
    this.#root = unified;
    if (unified !== undefined) this.#unified = join(unified, path);
    for (const [name, folder] of controllers) this.#controllers.set(name, join(folder, path));
  }

  /** Every folder that makes it up. */
  get folders(): string[] {
    return this.#unified !== undefined ? [this.#unified] : [...new Set(this.#controllers.values())];
  }

  /** Makes its folders, at once: a pod's start waits for it. */
  create(): void {
    for (const folder of this.folders) mkdirSync(folder, { recursive: true });
    if (this.#unified !== undefined) this.#enable();
    const cpuset = this.#controllers.get('cpuset');
    if (cpuset !== undefined) fillCpuset(cpuset);
  }

  /** Moves a whole process in, with all its threads. The first move on a machine takes some 12 ms. */
  async add(pid: number): Promise<void> {
    for (const folder of this.folders) await writeFile(join(folder, 'cgroup.procs'), String(pid));
  }

  /**
   * Sets the limits that `resources` names and leaves the others.
   * @throws TaskError failedPrecondition where the kernel refuses, such as a limit below what is in use
   */
  async limit({ cpu, memory, pids }: Resources): Promise<void> {
    if (this.#unified !== undefined) {
      // Shares of 2 to 262144 become a weight of 1 to 10000, as runc does it.
      if (cpu?.shares) await this.#set('cpu', 'cpu.weight', String(Math.floor(1 + ((cpu.shares - 2) * 9999) / 262142)));
      if (cpu?.quota)
        await this.#set('cpu', 'cpu.max', `${cpu.quota > 0 ? cpu.quota : 'max'} ${cpu.period || 100_000}`);
      if (memory?.limit) await this.#set('memory', 'memory.max', memory.limit > 0 ? String(memory.limit) : 'max');
      if (pids?.limit) await this.#set('pids', 'pids.max', pids.limit > 0 ? String(pids.limit) : 'max');
    } else {
      if (cpu?.shares) await this.#set('cpu', 'cpu.shares', String(cpu.shares));
      if (cpu?.period) await this.#set('cpu', 'cpu.cfs_period_us', String(cpu.period));
      if (cpu?.quota) await this.#set('cpu', 'cpu.cfs_quota_us', String(cpu.quota));
      if (memory?.limit) await this.#set('memory', 'memory.limit_in_bytes', String(memory.limit));
      if (pids?.limit) await this.#set('pids', 'pids.max', pids.limit > 0 ? String(pids.limit) : 'max');
    }
    if (cpu?.cpus) await this.#set('cpuset', 'cpuset.cpus', cpu.cpus);
  }

  async stats(): Promise<CgroupStats> {
    return this.#unified !== undefined ? this.#stats2(this.#unified) : this.#stats1();
  }

  /** How many of its processes the kernel has killed for want of memory. */
  async oomKills(): Promise<number> {
    const file =
      this.#unified !== undefined ? join(this.#unified, 'memory.events') : this.#file('memory', 'memory.oom_control');
    return (await fields(file)).get('oom_kill') ?? 0;
  }

  async pids(): Promise<number[]> {
    const folder = this.folders[0];
    const procs = folder === undefined ? '' : await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
    return procs.split('\n').filter(Boolean).map(Number);
  }

  /** Removes it, once its processes are gone; a folder that stays in use is left. */
  async remove(): Promise<void> {
    for (const folder of this.folders)
      for (let tries = 0; tries < REMOVE_TRIES; tries++) {
        const code = await rmdir(folder).then(
          () => 'gone',
          (error: NodeJS.ErrnoException) => error.code,
        );
        if (code !== 'EBUSY') break;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
  }

  /** A controller works in a folder only where every folder above hands it down. */
  #enable(): void {
    let folder = this.#root!;
    for (const part of ['', ...this.path.split('/').slice(0, -1)]) {
      folder = join(folder, part);
      const offered = text(join(folder, 'cgroup.controllers')).trim().split(' ');
      const wanted = ['cpu', 'cpuset', 'memory', 'pids'].filter((name) => offered.includes(name));
      try {
        for (const name of wanted) writeFileSync(join(folder, 'cgroup.subtree_control'), `+${name}`);
      } catch {
        // What is not handed down is neither limited nor counted.
      }
    }
  }

  #file(controller: string, name: string): string {
    return join(this.#unified ?? this.#controllers.get(controller) ?? '/nonexistent', name);
  }

  async #set(controller: string, name: string, value: string): Promise<void> {
    const path = this.#file(controller, name);
    try {
      await stat(path);
      await writeFile(path, value);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      // A node without this controller cannot limit what it controls.
      if (code === 'ENOENT') return;
      const why = code === 'EBUSY' ? 'more than that is in use' : (cause as Error).message;
      throw new TaskError('failedPrecondition', `${name} cannot be set to ${value}: ${why}`, { cause });
    }
  }

  async #stats1(): Promise<CgroupStats> {
    const [usageNs, user, throttle, memory, usage, limit, swap, oomKills, current, max] = await Promise.all([
      number(this.#file('cpuacct', 'cpuacct.usage')),
      number(this.#file('cpuacct', 'cpuacct.usage_user')),
      fields(this.#file('cpu', 'cpu.stat')),
      fields(this.#file('memory', 'memory.stat')),
      number(this.#file('memory', 'memory.usage_in_bytes')),
      number(this.#file('memory', 'memory.limit_in_bytes')),
      number(this.#file('memory', 'memory.memsw.usage_in_bytes')),
      this.oomKills(),
      number(this.#file('pids', 'pids.current')),
      number(this.#file('pids', 'pids.max')),
    ]);
    const of = (name: string) => memory.get(name) ?? 0;
    return {
      version: 1,
      cpu: {
        usageNs,
        userNs: user,
        systemNs: Math.max(0, usageNs - user),
        periods: throttle.get('nr_periods') ?? 0,
        throttledPeriods: throttle.get('nr_throttled') ?? 0,
        throttledNs: throttle.get('throttled_time') ?? 0,
      },
      memory: {
        usageBytes: usage,
        limitBytes: limit > UNLIMITED ? 0 : limit,
        rssBytes: of('total_rss'),
        cacheBytes: of('total_cache'),
        inactiveFileBytes: of('total_inactive_file'),
        swapBytes: Math.max(0, swap - usage),
        pageFaults: of('total_pgfault'),
        majorPageFaults: of('total_pgmajfault'),
        oomKills,
      },
      pids: { current, limit: max },
    };
  }

  async #stats2(folder: string): Promise<CgroupStats> {
    const file = (name: string) => join(folder, name);
    const [cpu, memory, usage, limit, swap, oomKills, current, max] = await Promise.all([
      fields(file('cpu.stat')),
      fields(file('memory.stat')),
      number(file('memory.current')),
      number(file('memory.max')),
      number(file('memory.swap.current')),
      this.oomKills(),
      number(file('pids.current')),
      number(file('pids.max')),
    ]);
    const of = (all: Map<string, number>, name: string) => all.get(name) ?? 0;
    return {
      version: 2,
      cpu: {
        usageNs: of(cpu, 'usage_usec') * 1000,
        userNs: of(cpu, 'user_usec') * 1000,
        systemNs: of(cpu, 'system_usec') * 1000,
        periods: of(cpu, 'nr_periods'),
        throttledPeriods: of(cpu, 'nr_throttled'),
        throttledNs: of(cpu, 'throttled_usec') * 1000,
      },
      memory: {
        usageBytes: usage,
        limitBytes: limit,
        rssBytes: of(memory, 'anon'),
        cacheBytes: of(memory, 'file'),
        inactiveFileBytes: of(memory, 'inactive_file'),
        swapBytes: swap,
        pageFaults: of(memory, 'pgfault'),
        majorPageFaults: of(memory, 'pgmajfault'),
        oomKills,
      },
      pids: { current, limit: max },
    };
  }
}

/** A cpuset without processors or memory nodes takes no process (cpusets.rst): each folder gets its parent's. */
function fillCpuset(folder: string): void {
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    const [own, parent] = [join(folder, name), join(folder, '..', name)];
    if (!existsSync(own) || !existsSync(parent) || text(own).trim() !== '') continue;
    if (text(parent).trim() === '') fillCpuset(join(folder, '..'));
    writeFileSync(own, text(parent).trim());
  }
}

/** A file's text; empty where it cannot be read. */
function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** A file of one number; 0 for one that is missing or says `max`. */
async function number(path: string): Promise<number> {
  return Number((await readFile(path, 'utf8').catch(() => '0')).trim()) || 0;
}

/** A file of lines `name number`. */
async function fields(path: string): Promise<Map<string, number>> {
  const lines = await readFile(path, 'utf8').catch(() => '');
  return new Map(lines.split('\n').map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])]));
}
