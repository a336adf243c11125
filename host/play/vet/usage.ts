import { readFileSync } from 'node:fs';

/** Fields of /proc/PID/stat, counted from 0 after the name: processor time in user mode and in the kernel. */
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;
/** Unit of these times. Linux gives them in hundredths of a second on every machine (proc(5), sysconf _SC_CLK_TCK). */
const TICK_MS = 10;

/** The time and memory that a process has used. */
export interface Usage {
  /** Processor time of all threads. */
  cpuMs: number;
  /** Bytes of main memory that the process occupies. */
  bytes: number;
}

/** Reads what a process has used; undefined if it has ended. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [, kilobytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    // A process that has ended, and that its parent has not collected, occupies no memory.
    if (kilobytes === undefined) return undefined;
    return {
      cpuMs: (Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD])) * TICK_MS,
      bytes: Number(kilobytes) * 1024,
    };
  } catch {
    return undefined;
  }
}
