/** The reason why a process did not respond: it was stopped, it computed, or it waited for something. */
export type HangReason = 'stopped' | 'busy' | 'blocked';

/** State of the main thread of a process, according to the kernel. */
export interface ThreadState {
  /** State of the thread, such as R, S, D or T (proc(5), /proc/PID/stat). */
  state: string;
  /**
   * How long the thread has run, and how long it was ready to run but did not get a processor, both in milliseconds since it
   * started (sched-stats.rst, "/proc/<pid>/schedstat"). Undefined on kernels that do not count that.
   */
  scheduled: { ranMs: number; waitedMs: number } | undefined;
}

/** One look at a process. */
export interface Look {
  /** Time since the previous look, in milliseconds. */
  elapsedMs: number;
  /** `answered`: it has responded since then. `unreachable`: it does not accept connections, as while it starts or ends. */
  outcome: 'answered' | 'silent' | 'unreachable';
  thread: ThreadState;
}

/**
 * No look counts for more than this time. If more has passed, the watcher itself was held up, and cannot tell what the process
 * did meanwhile.
 */
const LOOK_MS_MAX = 1500;
/** A process that was starved of processor time all along hangs after this many times the limit. */
const STARVED_FACTOR = 12;
/** A thread that runs for less than this between two looks has had no chance to respond. */
const RUN_MS_MIN = 1;

/**
 * Decides when a process hangs: it has not responded for too long, although it could have. Time in which it was ready to run
 * and got no processor does not count, because a busy machine or a CPU limit may be the cause.
 */
export class HangDetector {
  readonly #silentMsMax: number;
  #silentMs = 0;
  /** Like #silentMs, but with the time in which the process got no processor. */
  #wallMs = 0;
  #previous: ThreadState | undefined;

  /** @param silentMsMax how long a process may go without responding */
  constructor(silentMsMax: number) {
    this.#silentMsMax = silentMsMax;
  }

  /** How long the process has not responded although it could have, in milliseconds. */
  get silentMs(): number {
    return this.#silentMs;
  }

  /** Takes note of a look at the process. Returns why it hangs, or undefined if it does not. */
  note({ elapsedMs, outcome, thread }: Look): HangReason | undefined {
    const previous = this.#previous;
    this.#previous = thread;
    if (outcome === 'answered') {
      this.#silentMs = 0;
      this.#wallMs = 0;
      return undefined;
    }
    const countedMs = Math.min(elapsedMs, LOOK_MS_MAX);
    this.#wallMs += countedMs;
    // Nothing tells a process that starts or ends slowly from one that hangs, so it gets the longer time.
    if (outcome === 'silent') this.#silentMs += chanceMs(countedMs, previous, thread);
    const isHung = this.#silentMs > this.#silentMsMax || this.#wallMs > this.#silentMsMax * STARVED_FACTOR;
    return isHung ? reasonOf(thread) : undefined;
  }
}

/** How much of the time between two looks a thread could have run. */
function chanceMs(elapsedMs: number, previous: ThreadState | undefined, { state, scheduled }: ThreadState): number {
  if (!previous?.scheduled || !scheduled) return elapsedMs;
  const ranMs = scheduled.ranMs - previous.scheduled.ranMs;
  // The kernel adds a wait to its count when the wait is over.
  if (state === 'R' && ranMs < RUN_MS_MIN) return 0;
  const waitedMs = scheduled.waitedMs - previous.scheduled.waitedMs;
  return Math.max(0, elapsedMs - Math.max(0, waitedMs));
}

function reasonOf({ state }: ThreadState): HangReason {
  if (state === 'T' || state === 't') return 'stopped';
  return state === 'R' ? 'busy' : 'blocked';
}
