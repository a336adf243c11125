import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fields, number, text, type Write } from './cgroupfs.ts';
import { type CgroupStats, type Resources, TaskError } from './tasks.ts';

const CONTROLLERS = ['cpu', 'cpuset', 'memory', 'pids'];
/** Bounds of cpu.shares in version 1, which become weights of 1 to 10000. */
const SHARES = { min: 2, max: 262_144 };
const PERIOD_US = 100_000;

/** Shares of version 1 as a weight, as runc converts them. */
export function weightOf(shares: number): number {
  const bounded = Math.min(Math.max(shares, SHARES.min), SHARES.max);
  return Math.floor(1 + ((bounded - SHARES.min) * 9999) / (SHARES.max - SHARES.min));
}

/**
 * Limits as files of version 2 take them; a quota or a limit of -1 is none.
 * @param memoryUsed bytes
 * @throws TaskError failedPrecondition for a memory limit below what is used: the kernel would kill to reach it, and not refuse
 */
export function writes2({ cpu, memory, pids }: Resources, memoryUsed: number): Write[] {
  const found: Write[] = [];
  const set = (controller: string, name: string, value: number | string) =>
    found.push({ controller, name, value: String(value) });
  const orMax = (value: number) => (value > 0 ? value : 'max');
  if (cpu?.shares) set('cpu', 'cpu.weight', weightOf(cpu.shares));
  if (cpu?.quota || cpu?.period) set('cpu', 'cpu.max', `${orMax(cpu.quota ?? -1)} ${cpu.period || PERIOD_US}`);
  const { limit = 0, swap = 0 } = memory ?? {};
  if (limit > 0 && limit < memoryUsed)
    throw new TaskError('failedPrecondition', `memory.max cannot be set to ${limit}: more than that is in use`);
  if (swap > 0 && limit > 0 && swap < limit)
    throw new TaskError('invalidArgument', `memory and swap of ${swap} are less than the memory of ${limit}`);
  // Version 1 limits both together, version 2 swap alone.
  if (swap < 0 || (limit < 0 && swap === 0)) set('memory', 'memory.swap.max', 'max');
  else if (swap > 0 && limit > 0) set('memory', 'memory.swap.max', swap - limit);
  if (limit) set('memory', 'memory.max', orMax(limit));
  if (pids?.limit) set('pids', 'pids.max', orMax(pids.limit));
  if (cpu?.cpus) set('cpuset', 'cpuset.cpus', cpu.cpus);
  return found;
}

/** @param folder of the cgroup */
export async function stats2(folder: string): Promise<CgroupStats> {
  const file = (name: string) => join(folder, name);
  const [cpu, memory, usage, limit, swap, events, current, max] = await Promise.all([
    fields(file('cpu.stat')),
    fields(file('memory.stat')),
    number(file('memory.current')),
    number(file('memory.max')),
    number(file('memory.swap.current')),
    fields(file('memory.events')),
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
      oomKills: of(events, 'oom_kill'),
    },
    pids: { current, limit: max },
  };
}

/**
 * Makes controllers work in a folder: every folder above it has to hand them down (cgroup-v2.rst, "Top-down Constraint"). What
 * cannot be handed down is neither limited nor counted.
 * @param path of the cgroup, below the mount
 */
export function enable(mount: string, path: string): void {
  let folder = mount;
  for (const part of ['', ...path.split('/').slice(0, -1)]) {
    folder = join(folder, part);
    const words = (name: string) => text(join(folder, name)).trim().split(' ');
    const [offered, given] = [words('cgroup.controllers'), words('cgroup.subtree_control')];
    for (const name of CONTROLLERS.filter((name) => offered.includes(name) && !given.includes(name)))
      try {
        writeFileSync(join(folder, 'cgroup.subtree_control'), `+${name}`, { flag: 'r+' });
      } catch {
        // One that is refused, such as cpu under real-time processes, does not take the others with it.
      }
  }
}
