import { readFileSync } from 'node:fs';

/** proc(5), /proc/PID/stat: field 3 is the state, field 22 the start, in clock ticks since boot. */
const [stateField, startField] = [3, 22];

/** When a process began, which tells it from a later one of the same number; undefined where it is dead. */
export function startedAt(pid: number): string | undefined {
  const text = read(`/proc/${pid}/stat`);
  // The name, field 2, is in parentheses and may hold spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[stateField - 3];
  return state === undefined || state === '' || 'ZX'.includes(state) ? undefined : fields[startField - 3];
}

/** This process as the run folder's files name it: id, a blank, when it began. */
export function ownIdentity(): string {
  return `${process.pid} ${startedAt(process.pid)}`;
}

/** Whether the process that `identity` names still runs; one without a start is not compared. */
export function isAlive(identity: string): boolean {
  const [pid = '', started = ''] = identity.trim().split(' ');
  const found = /^[1-9]\d*$/.test(pid) ? startedAt(Number(pid)) : undefined;
  return found !== undefined && (started === '' || found === started);
}

/** A file's text; empty where it cannot be read. */
export function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
