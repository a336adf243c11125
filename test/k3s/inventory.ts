import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Reads the names of the files in a folder as process ids. Returns none if the folder cannot be read. */
export function processIds(folder: string): number[] {
  try {
    return readdirSync(folder).map(Number);
  } catch {
    return [];
  }
}

/** Finds the processes with a test's folder in their environment or command line, and the jailers and guest processes below them. */
export function processesOf(folder: string): number[] {
  const found = processIds('/proc').filter((pid) => {
    if (!(pid > 0) || pid === process.pid) return false;
    try {
      return `${readFileSync(`/proc/${pid}/environ`)}${readFileSync(`/proc/${pid}/cmdline`)}`.includes(folder);
    } catch {
      return false;
    }
  });
  const childrenOf = (parents: readonly number[]) =>
    processIds('/proc').filter((pid) => {
      try {
        const parent = Number(/PPid:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
        return parents.includes(parent) && !parents.includes(pid);
      } catch {
        return false;
      }
    });
  // A host starts jailers, and each jailer starts a guest process.
  const jailers = childrenOf(found);
  const guests = childrenOf(jailers).filter((pid) => !found.includes(pid));
  return [...found, ...jailers, ...guests];
}

/** Reads the command line of a process. Returns an empty list if the process has ended. */
function commandOf(pid: number): string[] {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return command ? [command] : [];
  } catch {
    return [];
  }
}

/** Lists the mount points below a folder. */
export function mountsBelow(folder: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.map((line) => line.split(' ')[4] ?? '').filter((path) => path.startsWith(folder));
}

/** Lists everything that the pods of a test might leave behind, except hosts that wait for a pod. */
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

/** Paths of a test's cgroup in each cgroup hierarchy. The folder '.' stands for version 2, which has only one. */
function cgroupRoots(name: string): string[] {
  return ['.', ...readdirSync('/sys/fs/cgroup')].map((controller) => join('/sys/fs/cgroup', controller, name));
}

/** Lists the cgroups below a test's own cgroup, innermost first. */
function cgroupFolders(name: string): string[] {
  const below = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => [...below(join(folder, entry.name)), join(folder, entry.name)]);
  return cgroupRoots(name).filter(existsSync).flatMap(below);
}

/** Removes a test's cgroups that have no processes. */
export function removeCgroups(name: string): void {
  for (const path of [...cgroupFolders(name), ...cgroupRoots(name)]) {
    try {
      rmdirSync(path);
    } catch {
      // The cgroup does not exist, or it still has processes.
    }
  }
}
