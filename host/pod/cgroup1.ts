import { join } from 'node:path';
import type { CgroupAccess } from './access.ts';
import { type CgroupWrite, type ReadFile, readFields, readNumber } from './cgroupfs.ts';
import type { CgroupStats, Resources } from './tasks.ts';

/** Cgroup version 1 reports a memory limit above this number of bytes where there is none. */
const UNLIMITED = 2 ** 60;

/**
 * Returns the files of cgroup version 1 to write for these limits, in the order in which the kernel accepts them.
 * @param memoryLimit the present limit of the cgroup's memory, in bytes
 */
export function writes1({ cpu, memory, pids }: Resources, memoryLimit: number): CgroupWrite[] {
  const found: CgroupWrite[] = [];
  const set = (controller: string, name: string, value: number | string) =>
    found.push({ controller, name, value: String(value) });
  if (cpu?.shares) set('cpu', 'cpu.shares', cpu.shares);
  if (cpu?.period) set('cpu', 'cpu.cfs_period_us', cpu.period);
  if (cpu?.quota) set('cpu', 'cpu.cfs_quota_us', cpu.quota);
  const { limit = 0 } = memory ?? {};
  const swap = memory?.swap || (limit === -1 ? -1 : 0);
  const setSwap = () => swap && set('memory', 'memory.memsw.limit_in_bytes', swap);
  // The kernel refuses any write after which the limit for memory and swap together is below the limit for memory alone.
  const isSwapFirst = swap === -1 || swap > memoryLimit;
  if (isSwapFirst) setSwap();
  if (limit) set('memory', 'memory.limit_in_bytes', limit);
  if (!isSwapFirst) setSwap();
  if (pids?.limit) set('pids', 'pids.max', pids.limit > 0 ? pids.limit : 'max');
  if (cpu?.cpus) set('cpuset', 'cpuset.cpus', cpu.cpus);
  return found;
}

/** Reads the statistics of a cgroup of version 1. @param file returns the path of a controller's file */
export async function stats1(read: ReadFile, file: (controller: string, name: string) => string): Promise<CgroupStats> {
  const [usageNs, user, throttle, memory, usage, limit, swap, oom, current, max] = await Promise.all([
    readNumber(read, file('cpuacct', 'cpuacct.usage')),
    readNumber(read, file('cpuacct', 'cpuacct.usage_user')),
    readFields(read, file('cpu', 'cpu.stat')),
    readFields(read, file('memory', 'memory.stat')),
    readNumber(read, file('memory', 'memory.usage_in_bytes')),
    readNumber(read, file('memory', 'memory.limit_in_bytes')),
    readNumber(read, file('memory', 'memory.memsw.usage_in_bytes')),
    readFields(read, file('memory', 'memory.oom_control')),
    readNumber(read, file('pids', 'pids.current')),
    readNumber(read, file('pids', 'pids.max')),
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
      oomKills: oom.get('oom_kill') ?? 0,
    },
    pids: { current, limit: max },
  };
}

/**
 * Copies the parent's processors and memory nodes into a new cpuset cgroup, and into new ones above it. A new one has none, and
 * accepts no process without them (cpusets.rst).
 */
export async function fillCpuset(folder: string, access: CgroupAccess): Promise<void> {
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    const [own, parent] = [join(folder, name), join(folder, '..', name)];
    if ((await access.read(own))?.trim() !== '') continue;
    let inherited = (await access.read(parent))?.trim();
    if (inherited === undefined) continue;
    if (inherited === '') {
      await fillCpuset(join(folder, '..'), access);
      inherited = (await access.read(parent))?.trim() ?? '';
    }
    await access.write(own, inherited);
  }
}
