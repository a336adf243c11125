import { readFileSync } from 'node:fs';
import type { ThreadState } from './hang.ts';

/**
 * Node's options for host and keeper processes. Without the first one, SIGUSR1 makes Node listen for a debugger, to which any
 * process that may signal a host could then give orders. The second one, in MiB, bounds the space of new objects. With the usual bound
 * the heap grows by 20 MiB in a process that streams, and collecting its garbage then stops the process for longer.
 */
export const NODE_OPTIONS = ['--disable-sigusr1', '--max-semi-space-size=4'] as const;

/** Field numbers of /proc/PID/stat, counted from 1 as proc(5) does; the start time is in clock ticks since boot. */
const STATE_FIELD = 3;
const PARENT_FIELD = 4;
const THREADS_FIELD = 20;
const START_FIELD = 22;
const NS_PER_MS = 1e6;

/**
 * Reads /proc/PID/stat. Returns a function that gives the text of a field by its number; undefined if there is no such process.
 */
function statOf(pid: number): ((field: number) => string) | undefined {
  const text = read(`/proc/${pid}/stat`);
  // Field 2, the name, stands in parentheses and may itself contain spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return text === '' ? undefined : (field) => fields[field - STATE_FIELD] ?? '';
}

/**
 * When a process started, which tells it apart from a later process with the same id.
 * Undefined for a process that does not exist or is dead, even if its parent has not collected it yet.
 */
export function startedAt(pid: number): string | undefined {
  const stat = statOf(pid);
  return stat === undefined || isDead(stat) ? undefined : stat(START_FIELD);
}

/**
 * Whether a process holds no files any more. The main thread of a killed process may be dead for milliseconds before the
 * last of its other threads; until then the kernel keeps the files of the process open.
 */
export function hasReleasedFiles(pid: number): boolean {
  const stat = statOf(pid);
  return stat === undefined || (isDead(stat) && Number(stat(THREADS_FIELD)) <= 1);
}

/** Whether a process is dead, from its state: Z is a zombie, X a process that is being removed. */
function isDead(stat: (field: number) => string): boolean {
  return ['', 'Z', 'X'].includes(stat(STATE_FIELD));
}

/** Returns the id of a process's parent; undefined if there is no such process. */
export function parentOf(pid: number): number | undefined {
  const parent = Number(statOf(pid)?.(PARENT_FIELD));
  return parent > 0 ? parent : undefined;
}

/** Returns the ids of the processes that the main thread of a process has started; none if it has ended. */
export function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** Returns the state of a process's main thread. The state is empty if there is no such process. */
export function threadState(pid: number): ThreadState {
  const [ran, waited] = read(`/proc/${pid}/schedstat`).split(' ').map(Number);
  const isCounted = ran !== undefined && waited !== undefined && ran > 0;
  const scheduled = isCounted ? { ranMs: ran / NS_PER_MS, waitedMs: waited / NS_PER_MS } : undefined;
  return { state: statOf(pid)?.(STATE_FIELD) ?? '', scheduled };
}

/** Returns the text with which this process identifies itself in files: its id, a space, and when it started. */
export function ownIdentity(): string {
  return `${process.pid} ${startedAt(process.pid)}`;
}

/** Whether the process that `identity` describes is running. Without a start time, only the process id is compared. */
export function isAlive(identity: string): boolean {
  const [pid = '', started = ''] = identity.trim().split(' ');
  const found = /^[1-9]\d*$/.test(pid) ? startedAt(Number(pid)) : undefined;
  return found !== undefined && (started === '' || found === started);
}

/** The text of a file; empty if it cannot be read. */
export function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
