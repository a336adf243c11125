import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The kernel's counts for the processes of a pod, since the pod began. A count is missing if the kernel does not keep it. */
export interface KernelCounts {
  /** Periods in which the CPU limit applied, and those in which it stopped the processes. The sums over the pod's cgroups. */
  periods?: number;
  throttledPeriods?: number;
  /** Time in which at least one process waited for a processor, in microseconds (PSI). */
  stalledUs?: number;
}

/** Where Linux mounts cgroups, and what proc(5) says of this process. */
const ROOT = '/sys/fs/cgroup';
const OWN = '/proc/self/cgroup';
/** The folder of a pod, as the kubelet names it with cgroupfs and with systemd. */
const POD = /^(kubepods-[a-z-]*)?pod[0-9a-f]{8}[0-9a-f_-]*(\.slice)?$/;
/** A pod has few containers. Further folders are left out. */
const CHILDREN_MAX = 64;
/** A file with counts is short. */
const BYTES_MAX = 16_384;

/**
 * Reads the counts of the pod to which this process belongs; outside a pod, those of its own cgroup. The limits of containers are in
 * folders below that of the pod. Takes some ten microseconds for each folder.
 */
export function readKernelCounts({ root = ROOT, own = OWN } = {}): KernelCounts {
  const folder = folderOf(read(own), root);
  if (folder === undefined) return {};
  const limited = [folder, ...children(folder)].flatMap((each) => {
    const stat = read(join(each, 'cpu.stat'));
    const [periods, throttledPeriods] = [field(stat, 'nr_periods'), field(stat, 'nr_throttled')];
    return periods === undefined || throttledPeriods === undefined ? [] : [{ periods, throttledPeriods }];
  });
  const sum = (count: (each: { periods: number; throttledPeriods: number }) => number) =>
    limited.reduce((total, each) => total + count(each), 0);
  const stalledUs = stalledIn(read(join(folder, 'cpu.pressure')));
  return {
    ...(limited.length > 0 && {
      periods: sum(({ periods }) => periods),
      throttledPeriods: sum(({ throttledPeriods }) => throttledPeriods),
    }),
    ...(stalledUs !== undefined && { stalledUs }),
  };
}

/** Returns the folder of the pod from the text of /proc/self/cgroup (cgroups(7)); undefined if there is none with counts. */
function folderOf(text: string, root: string): string | undefined {
  const lines = text.split('\n').map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line));
  const [, , unified] = lines.find((line) => line?.[1] === '') ?? [];
  const [, names, path] = lines.find((line) => line?.[1]?.split(',').includes('cpu')) ?? [];
  if (path !== undefined) return podFolder(path, join(root, names === 'cpu' ? 'cpu' : 'cpu,cpuacct'));
  return unified === undefined ? undefined : podFolder(unified, root);
}

/** Returns the folder of the pod in a path, or the path's own folder if no pod is in it. */
function podFolder(path: string, mount: string): string {
  for (let at = path; at !== '/'; at = dirname(at))
    if (POD.test(at.slice(at.lastIndexOf('/') + 1))) return join(mount, at);
  return join(mount, path);
}

function children(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return entries.slice(0, CHILDREN_MAX).map(({ name }) => join(folder, name));
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(0, BYTES_MAX);
  } catch {
    return '';
  }
}

function field(text: string, name: string): number | undefined {
  const [, digits] = new RegExp(`^${name} (\\d{1,15})$`, 'm').exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** Returns the total of the line `some` of a file of PSI (accounting/psi.rst). */
function stalledIn(text: string): number | undefined {
  const [, digits] = /^some .*\btotal=(\d{1,15})$/m.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
