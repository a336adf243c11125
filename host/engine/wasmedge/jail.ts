import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { NearlightError } from '../../base/errors.ts';
import { LAYER_DESCRIPTIONS, LAYERS, type Layer, layersIn } from '../../base/layers.ts';
import { jailerPath } from './build.ts';
import { FD_PARENT } from './mapping.ts';

/** The user and group id under which a program runs in its jail, if the jailer is root. */
export interface JailUser {
  uid: number;
  gid: number;
  /** Further groups of the user; by default none. For trials only. */
  groups?: readonly number[];
}

/** Ids that no other process of this system has. */
export const OWN_USER: JailUser = { uid: 0, gid: 0 };

export interface JailOptions {
  kind: 'guest' | 'compiler' | 'trial';
  /** The command that starts the program in the jail. */
  command: readonly string[];
  /** File descriptors and streams 0 to 4 of the program, as for spawn(). */
  stdio: readonly ('ignore' | 'pipe' | 'inherit' | number)[];
  /** By default, OWN_USER. A program that needs files of this process's user stays the `same` user. */
  user?: JailUser | 'same' | undefined;
  /** Files `cgroup.procs` of cgroups to which the program and its jailer belong; by default those of this process. */
  cgroups?: readonly string[] | undefined;
  env?: NodeJS.ProcessEnv;
}

/** A program in a jail. It ends when this process ends, whatever ends this process. */
export interface Jailed {
  /** The process of the jailer, which ends as the program in the jail has ended. */
  readonly child: ChildProcess;
  /** Kills the program. The jailer ends after it. May be called again. */
  kill(): void;
}

/** Starts a program with foreign code in namespaces of its own, as far as the system allows that (jailer.cc). */
export function spawnJailed({ kind, command, stdio, user = OWN_USER, cgroups = [], env = {} }: JailOptions): Jailed {
  const { uid, gid, groups = [] } = user === 'same' ? { ...OWN_USER, uid: user } : user;
  const jailer = [jailerPath, kind, `${uid}`, [gid, ...groups].join(','), ...command];
  const [program = '', ...args] = cgroups.length > 0 ? [...moveInto(cgroups), ...jailer] : jailer;
  const child = spawn(program, args, { stdio: [...stdio, 'pipe'], env });
  // Node gives a child no streams if this process has no file left for them.
  const streams: readonly unknown[] | undefined = child.stdio;
  const pipe = streams?.[FD_PARENT] as Socket | null | undefined;
  // The jailer never reads or writes: it only notices that the pipe closes.
  pipe?.on('error', () => {}).unref();
  return { child, kill: () => void pipe?.destroy() };
}

/** The start of a command that moves itself into cgroups, given by their files `cgroup.procs`, and then runs the rest. */
function moveInto(files: readonly string[]): string[] {
  const moves = files.map(() => 'echo $$ > "$1" && shift').join(' && ');
  return ['/bin/sh', '-c', `${moves} && exec "$@"`, 'sh', ...files];
}

/** A request to start the guest program or the compiler in a jail. */
export interface JailStart {
  kind: 'guest' | 'compiler';
  user?: JailUser | undefined;
  /** The program and its first arguments, which are the same for all requests of a kind. */
  program: readonly string[];
  /** The other arguments. They consist of letters and digits. */
  args: readonly string[];
  /** Become the descriptors 3 and 4 of the program, and 2, to which it writes error messages. Without the last, they are lost. */
  fds: readonly [number, number] | readonly [number, number, messages: number];
  /** Called once when the program has ended, or could not be started: then `error` says why, if that is known. */
  ended(status: number | null, signal: NodeJS.Signals | null, error?: Error): void;
}

/** A program in a jail that may still be starting. It ends when this process ends. */
export interface JailedProgram {
  /** Id of the jailer's process outside of this process's namespaces. Undefined before `started`, and if there is no process. */
  readonly pid: number | undefined;
  /** Resolves when the jailer has been started or could not be started. */
  readonly started: Promise<void>;
  /** Kills the program. The jailer ends after it. May be called again. */
  kill(): void;
}

/** Starts programs in jails. A process that may not start programs has another process do that. */
export type StartJailed = (start: JailStart) => JailedProgram;

/** Starts a program in a jail as a child of this process. */
export const startJailed: StartJailed = ({ kind, program, args, fds, user, ended }) => {
  const [first, second, messages = 'ignore'] = fds;
  const { child, kill } = spawnJailed({
    kind,
    command: [...program, ...args],
    stdio: ['ignore', 'ignore', messages, first, second],
    user,
    // Where the system gives the compiler no file system of its own, the jailer makes it a folder among the temporary ones.
    env: kind === 'compiler' ? { TMPDIR: tmpdir() } : {},
  });
  let hasEnded = false;
  const end: JailStart['ended'] = (...how) => {
    if (!hasEnded) ended(...how);
    hasEnded = true;
  };
  child.on('exit', (status, signal) => end(status, signal));
  child.on('error', (error) => end(null, null, error));
  return { pid: child.pid, started: Promise.resolve(), kill };
};

/** Returns the error for a process that lacks required layers of confinement. @param held bit mask of the layers that it has */
export function missingLayers(required: readonly Layer[], held: number): NearlightError {
  const [missing = LAYERS[0], ...more] = required.filter((layer) => !layersIn(held).includes(layer));
  const { text, advice } = LAYER_DESCRIPTIONS[missing];
  const others = more.length > 0 ? `, nor ${more.join(', ')}` : '';
  return new NearlightError('NL_CONFINEMENT', `this system does not give ${missing} (${text})${others}: ${advice}`);
}

/**
 * A line that names the layers of confinement that do not hold; undefined if all hold.
 * @param held bit mask
 * @param what what happens without them
 */
export function describeMissing(held: number, what = 'modules run'): string | undefined {
  const missing = LAYERS.filter((layer) => !layersIn(held).includes(layer));
  if (missing.length === 0) return undefined;
  return `${what} without these layers of confinement: ${missing.join(', ')}; nearlight doctor says what to do`;
}
