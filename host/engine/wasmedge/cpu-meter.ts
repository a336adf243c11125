import { readFileSync } from 'node:fs';

const SAMPLE_MS = 50;
/** Fields 14 to 17 of /proc/PID/stat: CPU time of the process and of its children, in ticks. Field 3 is the first after the name. */
const FIRST_FIELD = 14 - 3;
const LAST_FIELD = 17 - 3;
/** Milliseconds of a clock tick in /proc: USER_HZ is 100 on every processor for which Node is built. */
const TICK_MS = 10;

/**
 * Measures the CPU time of a child process and of its descendants, according to the kernel. The result is never less than what
 * a process with one thread has used, and at most SAMPLE_MS more.
 */
export class CpuMeter {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #cpuMs = 0;
  #sampledMs = performance.now();

  /** @param pid a child that has just been started */
  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS).unref();
  }

  /** Returns the CPU time in milliseconds of the child, which has exited. */
  end(): number {
    clearInterval(this.#timer);
    // Node collects the exit status, and with it the child's entry in /proc, before it says so.
    return this.#cpuMs + Math.min(SAMPLE_MS, performance.now() - this.#sampledMs);
  }

  #sample(): void {
    this.#cpuMs = Math.max(this.#cpuMs, cpuMsOf(this.#pid));
    this.#sampledMs = performance.now();
  }
}

/** Returns the CPU time in milliseconds of a process and its descendants; 0 if it has ended. */
function cpuMsOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in parentheses and may itself contain spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(FIRST_FIELD, LAST_FIELD + 1).reduce((sum, field) => sum + Number(field), 0);
    return childrenOf(pid).reduce((sum, child) => sum + cpuMsOf(child), ticks * TICK_MS);
  } catch {
    return 0;
  }
}

/** Returns the ids of a process's children; none if it has ended or the kernel does not list them. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
