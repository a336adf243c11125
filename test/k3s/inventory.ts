import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The names in a folder as process ids; empty if it cannot be read. */
export function processIds(folder: string): number[] {
  try {
    return readdirSync(folder).map(Number);
  } catch {
    return [];
  }
}

/** The processes with the rig's folder in their environment or command line, and the guests of these processes. */
export function processesOf(folder: string): number[] {
  const found = processIds('/proc').filter((pid) => {
    if (!(pid > 0) || pid === process.pid) return false;
    try {
      return `${readFileSync(`/proc/${pid}/environ`)}${readFileSync(`/proc/${pid}/cmdline`)}`.includes(folder);
    } catch {
      return false;
    }
  });
  const guests = processIds('/proc').filter((pid) => {
    try {
      const parent = Number(/PPid:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
      return found.includes(parent) && !found.includes(pid);
    } catch {
      return false;
    }
  });
  return [...found, ...guests];
}

/** The command line of a process; empty if it has ended. */
function commandOf(pid: number): string[] {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return command ? [command] : [];
  } catch {
    return [];
  }
}

/** The mount points below a folder. */
export function mountsBelow(folder: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.map((line) => line.split(' ')[4] ?? '').filter((path) => path.startsWith(folder));
}

/** Lists everything that pods below a rig's folder might leave behind. Hosts that wait for a pod are not listed. */
export function takeInventory(folder: string): string[] {
  const files = (below: string) => {
    try {
      return readdirSync(join(folder, below), { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => `file ${below}/${entry.name}`);
    } catch {
      return [];
    }
  };
  const warm = processIds(join(folder, 'run/warm'));
  const isWarm = (name: string) => warm.some((pid) => name.includes(String(pid)));
  const cgroups = cgroupFolders(basename(folder)).map((path) => `cgroup ${path}`);
  const processes = processesOf(folder)
    .filter((pid) => !warm.includes(pid))
    .flatMap(commandOf);
  return [
    ...processes.map((command) => `process ${command}`),
    ...mountsBelow(folder).map((path) => `mount ${path}`),
    ...['run/host', 'run/claim', 'run/state', 'run/pod'].flatMap(files).filter((name) => !isWarm(name)),
    ...cgroups,
  ].sort();
}

/** The rig's cgroup in each hierarchy. On a machine with only version 2, that is '.'. */
function cgroupRoots(name: string): string[] {
  return ['.', ...readdirSync('/sys/fs/cgroup')].map((controller) => join('/sys/fs/cgroup', controller, name));
}

/** The cgroups below the rig's, innermost first. */
function cgroupFolders(name: string): string[] {
  const below = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => [...below(join(folder, entry.name)), join(folder, entry.name)]);
  return cgroupRoots(name).filter(existsSync).flatMap(below);
}

/** Removes the rig's cgroups that have no processes. */
export function removeCgroups(name: string): void {
  for (const path of [...cgroupFolders(name), ...cgroupRoots(name)]) {
    try {
      rmdirSync(path);
    } catch {
      // It does not exist, or it still has processes.
    }
  }
}
