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

/** Memory of one mapping of a process, in KiB (proc(5), smaps). */
interface Mapping {
  /** Device, inode and offset of the file; undefined for memory without a file, or with one that no other program can open. */
  file: string | undefined;
  rss: number;
  pss: number;
  pssDirty: number;
  dirty: number;
}

/**
 * Returns the memory that processes occupy together, in MiB, as if no other program ran. In contrast to the sum of their PSS, files
 * that they map count fully even if another program maps them, too, such as a browser that is the viewer of another one. A page of a file that
 * different processes of the list have read is counted by the process that has most pages of the same mapping.
 */
export function occupiedMib(pids: readonly number[]): number {
  let kib = 0;
  const files = new Map<string, number>();
  for (const pid of pids)
    for (const { file, rss, pss, pssDirty, dirty } of mappingsOf(pid)) {
      if (file === undefined) {
        kib += pss;
        continue;
      }
      // Pages that a process has changed are its own. The others are those of the file.
      kib += pssDirty;
      files.set(file, Math.max(files.get(file) ?? 0, rss - dirty));
    }
  for (const pages of files.values()) kib += pages;
  return kib / 1024;
}

function* mappingsOf(pid: number): Generator<Mapping> {
  let mapping: Mapping | undefined;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const [, offset, device, inode, path = ''] =
      /^[0-9a-f]+-[0-9a-f]+ \S+ ([0-9a-f]+) (\S+) (\d+)\s*(.*)$/.exec(line) ?? [];
    if (inode !== undefined) {
      if (mapping) yield mapping;
      const isFile = inode !== '0' && !path.endsWith(' (deleted)');
      mapping = { file: isFile ? `${device} ${inode} ${offset}` : undefined, rss: 0, pss: 0, pssDirty: 0, dirty: 0 };
      continue;
    }
    const [, name, number] = /^(\w+): +(\d+) kB$/.exec(line) ?? [];
    if (!mapping || number === undefined) continue;
    const value = Number(number);
    if (name === 'Rss') mapping.rss = value;
    else if (name === 'Pss') mapping.pss = value;
    else if (name === 'Pss_Dirty') mapping.pssDirty = value;
    else if (name === 'Private_Dirty' || name === 'Shared_Dirty') mapping.dirty += value;
  }
  if (mapping) yield mapping;
}
