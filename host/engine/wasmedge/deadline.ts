import { readFileSync } from 'node:fs';

/**
 * A call that gets no processor, because others use all of them or its pod has used up its share, may take this many times its limit. The
 * time that it has run for may not exceed the limit.
 */
export const WALL_FACTOR = 20;
/** A call that has run for this share of its second half was not held up. The kernel's count is some milliseconds old. */
const RUNNING_SHARE = 0.9;
const LOOK_MS_MIN = 5;
const NS_PER_MS = 1e6;

/** The times that a deadline compares, in milliseconds. */
export interface DeadlineParts {
  now(): number;
  /** For how long the guest process has run; undefined if that is not known. */
  ran(): number | undefined;
}

/**
 * Decides when a call has taken too long. A module in an endless loop is out of time at its limit. One that was not given a processor
 * is not, because that may be another's fault. The call's second half is compared with the time that the process has run for in it,
 * so that short calls cost nothing.
 */
export class Deadline {
  readonly #parts: DeadlineParts;
  #limitMs = 0;
  #begunMs = 0;
  /** For how long the process had run when the second half of the call began. */
  #half: { ranMs: number | undefined } | undefined;

  constructor(parts: DeadlineParts) {
    this.#parts = parts;
  }

  /** When the call is out of time unless it was held up. */
  get atMs(): number {
    return this.#begunMs + this.#limitMs;
  }

  /** Begins with the next call. */
  begin(limitMs: number): void {
    this.#limitMs = limitMs;
    this.#begunMs = this.#parts.now();
    this.#half = undefined;
  }

  /** Returns the milliseconds until the next look; 0 if the call is out of time. */
  look(): number {
    const now = this.#parts.now();
    const leftMs = this.atMs - now;
    if (leftMs > this.#limitMs / 2) return leftMs - this.#limitMs / 2;
    this.#half ??= { ranMs: this.#parts.ran() };
    return leftMs > 0 ? leftMs : this.#owedMs(now, this.#half.ranMs);
  }

  /** Returns for how long the call may still run, because it was held up in its second half. */
  #owedMs(now: number, before: number | undefined): number {
    const ranMs = this.#parts.ran();
    const endMs = this.#begunMs + WALL_FACTOR * this.#limitMs;
    if (before === undefined || ranMs === undefined || now >= endMs) return 0;
    const owedMs = (RUNNING_SHARE * this.#limitMs) / 2 - (ranMs - before);
    return owedMs > 0 ? Math.min(Math.max(owedMs, LOOK_MS_MIN), endMs - now) : 0;
  }
}

/** Returns for how many milliseconds the first thread of a process has run (sched-stats.rst); undefined if the kernel does not say. */
export function ranMsOf(pid: number | undefined): number | undefined {
  try {
    const [ran] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return Number(ran) / NS_PER_MS;
  } catch {
    return undefined;
  }
}
