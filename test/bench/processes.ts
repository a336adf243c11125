import { readdirSync, readFileSync } from 'node:fs';
import { must } from '../../host/base/assert.ts';

/** Clock ticks of /proc/PID/stat per second, which Linux fixes at 100 (proc(5)). */
const TICKS_PER_SECOND = 100;

interface Process {
  parent: number;
  cpuSeconds: number;
}

function readProcesses(): Map<number, Process> {
  const processes = new Map<number, Process>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // The second field, the name of the program, may contain blanks and brackets; the other fields follow the last bracket.
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
      processes.set(Number(name), { parent: Number(fields[1]), cpuSeconds });
    } catch {
      // The process has ended meanwhile.
    }
  }
  return processes;
}

/** Returns the CPU seconds of a process and its descendants, without the processes of `except` and their descendants. */
export function cpuSeconds(root: number, except: readonly number[] = []): number {
  const processes = readProcesses();
  const isBelow = (pid: number): boolean => {
    for (let at = pid; at > 1; at = processes.get(at)?.parent ?? 0) {
      if (except.includes(at)) return false;
      if (at === root) return true;
    }
    return false;
  };
  let sum = 0;
  for (const [pid, process] of processes) if (isBelow(pid)) sum += process.cpuSeconds;
  return sum;
}

/** Returns the running processes that a process has started. */
export function childrenOf(parent: number): number[] {
  return [...readProcesses()].flatMap(([pid, process]) => (process.parent === parent ? pid : []));
}

/** Returns a process and its descendants. */
export function treeOf(root: number): number[] {
  return [root, ...childrenOf(root).flatMap(treeOf)];
}

/** Memory of a process in MiB. */
export interface Memory {
  rss: number;
  pss: number;
  private: number;
}

/** Reads the memory of one process (proc(5), smaps_rollup). */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const read = (name: string) => Number(must(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1], name)) / 1024;
  return { rss: read('Rss'), pss: read('Pss'), private: read('Private_Dirty') + read('Private_Clean') };
}
