import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine } from '../process-tree.ts';
import { poll, type Rig } from './containerd.ts';

/** Whether a process is the guest program itself with this command, and not a program that starts it. */
export function isGuest(pid: number, command: 'run' | 'compile'): boolean {
  const [program = '', ...words] = commandLine(pid).split(' ');
  // The dynamic loader of the node bundle's C library may come first.
  const at = [program, ...words].findIndex((word) => word.endsWith('/guest'));
  return !program.endsWith('/jailer') && at >= 0 && words[at] === command;
}

/** Finds the guest process of a container: the process in the container's cgroup. */
export function guestOf(rig: Rig, { pod, container }: { pod: string; container: string }): Promise<number> {
  const folder = join(rig.cri.cgroupParent(pod), container);
  const files = ['pids', 'memory', '.'].map((part) => join('/sys/fs/cgroup', part, folder, 'cgroup.procs'));
  return poll(() => {
    const path = files.find(existsSync);
    const pids = path === undefined ? [] : readFileSync(path, 'utf8').trim().split('\n').filter(Boolean).map(Number);
    return pids.find((pid) => isGuest(pid, 'run')) ?? false;
  }, "the container's cgroup has no guest process");
}
