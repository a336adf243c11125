import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'build/attack');

/** Numbers of system calls on x86-64 (unistd_64.h). */
const NUMBERS = {
  socket: 41,
  clone: 56,
  execve: 59,
  kill: 62,
  ptrace: 101,
  mount: 165,
  tgkill: 234,
  openat: 257,
  unshare: 272,
  io_uring_setup: 425,
} as const;

/** AT_FDCWD: a path is relative to the working folder. */
export const HERE = -100;
export const OPEN = { read: 0, write: 1, createAndWrite: 0o101 } as const;

/** A system call that an attacker makes inside a process that it has taken over. */
export interface Call {
  /** The aim of the attacker, for messages. */
  aim: string;
  name: keyof typeof NUMBERS;
  /** Numbers, `s:TEXT` for the address of a text, or `z:N` for that of N zero bytes. */
  args: readonly (number | string)[];
}

/** Calls by which a process would read files of the node: by their paths, and from each folder that it may still have open. */
export function readingNode(pid: number, paths: readonly string[]): Call[] {
  const open = (aim: string, folder: number, path: string): Call => ({
    aim,
    name: 'openat',
    args: [folder, `s:${path}`, OPEN.read, 0],
  });
  return [
    ...paths.map((path) => open(path, HERE, path)),
    ...['/proc/self/root/..', '/proc/self/cwd', '/proc/1/root']
      .map((folder) => `${folder}/etc/passwd`)
      .map((path) => open(path, HERE, path)),
    ...readdirSync(`/proc/${pid}/fd`).flatMap((fd) =>
      ['etc/passwd', '../../../../../../../etc/passwd'].map((path) => open(`${fd}: ${path}`, Number(fd), path)),
    ),
  ];
}

/** The outcome of a call: its result, negative for an errno, or the signal that the call has ended the process with. */
export type Result = { value: number } | { killed: number };

let program: string | undefined;

/** Compiles the program inject.cc at the first call. Returns its path. */
function injector(): string {
  if (program) return program;
  if (process.arch !== 'x64') throw new Error('this attack is written for x86-64 only');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'inject');
  execFileSync('c++', ['-std=c++17', '-O1', join(import.meta.dirname, 'inject.cc'), '-o', path]);
  program = path;
  return path;
}

/**
 * Makes system calls inside a process, one after the other until one ends the process. Returns the results of those that
 * were made.
 */
export function inject(pid: number, calls: readonly Call[]): Result[] {
  const args = calls.flatMap(({ name, args }, index) => [
    ...(index > 0 ? ['--'] : []),
    String(NUMBERS[name]),
    ...args.map(String),
  ]);
  const output = execFileSync(injector(), [String(pid), ...args], { encoding: 'utf8' });
  return output
    .trim()
    .split('\n')
    .map((line) => {
      const [word, number] = line.split(' ');
      return word === 'killed' ? { killed: Number(number) } : { value: Number(number) };
    });
}

/** Makes every call, each in a process that `victim` gives, until all have a result. Returns the aims that were reached. */
export async function reached(calls: readonly Call[], victim: () => Promise<number>): Promise<string[]> {
  const aims: string[] = [];
  for (let next = 0; next < calls.length; ) {
    const results = inject(await victim(), calls.slice(next));
    for (const [index, result] of results.entries())
      if ('value' in result && result.value >= 0) aims.push(calls[next + index]?.aim ?? '');
    next += results.length;
  }
  return aims;
}
