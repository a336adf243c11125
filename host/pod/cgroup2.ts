import { join } from 'node:path';
import type { CgroupAccess } from './access.ts';
import { type CgroupWrite, type ReadFile, readFields, readNumber } from './cgroupfs.ts';
import { type CgroupStats, type Resources, TaskError } from './tasks.ts';

const CONTROLLERS = ['cpu', 'cpuset', 'memory', 'pids'];
/** The range of cpu.shares in cgroup version 1. Version 2 has weights instead, from 1 to 10000. */
const SHARES = { min: 2, max: 262_144 };
/** The kernel's default period for processor quotas, in microseconds. */
const PERIOD_US = 100_000;

/** Converts CPU shares of cgroup version 1 to a CPU weight of version 2, with the same formula as runc. */
export function weightOf(shares: number): number {
  const bounded = Math.min(Math.max(shares, SHARES.min), SHARES.max);
  return Math.floor(1 + ((bounded - SHARES.min) * 9999) / (SHARES.max - SHARES.min));
}

/**
 * Returns the files of cgroup version 2 to write for these limits. A quota or a limit of -1 means none.
 * @param memoryUsed how much memory the cgroup uses now, in bytes
 * @throws TaskError failedPrecondition for a memory limit below `memoryUsed`: the kernel would not refuse it but kill processes
 */
export function writes2({ cpu, memory, pids }: Resources, memoryUsed: number): CgroupWrite[] {
  const found: CgroupWrite[] = [];
  const set = (controller: string, name: string, value: number | string) =>
    found.push({ controller, name, value: String(value) });
  const orMax = (value: number) => (value > 0 ? value : 'max');
  if (cpu?.shares) set('cpu', 'cpu.weight', weightOf(cpu.shares));
  if (cpu?.quota || cpu?.period) set('cpu', 'cpu.max', `${orMax(cpu.quota ?? -1)} ${cpu.period || PERIOD_US}`);
  const { limit = 0, swap = 0 } = memory ?? {};
  if (limit > 0 && limit < memoryUsed)
    throw new TaskError('failedPrecondition', `memory.max cannot be set to ${limit}: more than that is in use`);
  if (swap > 0 && limit > 0 && swap < limit)
    throw new TaskError(
      'invalidArgument',
      `the limit for memory and swap, ${swap}, is below the limit for memory, ${limit}`,
    );
  // OCI's swap limit is for memory and swap together, as in cgroup version 1. Version 2 limits swap by itself.
  if (swap < 0 || (limit < 0 && swap === 0)) set('memory', 'memory.swap.max', 'max');
  else if (swap > 0 && limit > 0) set('memory', 'memory.swap.max', swap - limit);
  if (limit) set('memory', 'memory.max', orMax(limit));
  if (pids?.limit) set('pids', 'pids.max', orMax(pids.limit));
  if (cpu?.cpus) set('cpuset', 'cpuset.cpus', cpu.cpus);
  return found;
}

/** Reads the statistics of a cgroup of version 2. @param folder the cgroup's folder */
export async function stats2(read: ReadFile, folder: string): Promise<CgroupStats> {
  const file = (name: string) => join(folder, name);
  const [cpu, memory, usage, limit, swap, events, current, max] = await Promise.all([
    readFields(read, file('cpu.stat')),
    readFields(read, file('memory.stat')),
    readNumber(read, file('memory.current')),
    readNumber(read, file('memory.max')),
    readNumber(read, file('memory.swap.current')),
    readFields(read, file('memory.events')),
    readNumber(read, file('pids.current')),
    readNumber(read, file('pids.max')),
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
      oomKills: of(events, 'oom_kill'),
    },
    pids: { current, limit: max },
  };
}

/**
 * Enables the controllers that we use in a cgroup of version 2. Every folder above it must pass them down (cgroup-v2.rst,
 * "Top-down Constraint"). A controller for which the kernel does not allow that neither limits nor counts.
 * @param mount where version 2 is mounted
 * @param path the cgroup's path below the mount
 */
export async function enableControllers(mount: string, path: string, access: CgroupAccess): Promise<void> {
  let folder = mount;
  for (const part of ['', ...path.split('/').slice(0, -1)]) {
    folder = join(folder, part);
    const words = async (name: string) => ((await access.read(join(folder, name))) ?? '').trim().split(' ');
    const [offered, given] = [await words('cgroup.controllers'), await words('cgroup.subtree_control')];
    for (const name of CONTROLLERS.filter((name) => offered.includes(name) && !given.includes(name)))
      try {
        await access.write(join(folder, 'cgroup.subtree_control'), `+${name}`);
      } catch {
        // The kernel may refuse one controller, such as cpu where real-time processes run, and accept the others.
      }
  }
}
