import { spawn } from 'node:child_process';
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { JailedProgram } from '../../host/engine/wasmedge/jail.ts';
import { loadKernel } from '../../host/pod/kernel.ts';
import { kernelPath } from '../../host/pod/native.ts';
import { type GrantKind, hostIdentity, Supervisor } from '../../host/pod/supervisor.ts';

// The host process of a supervisor, for supervisor.test.ts. It runs one command for each line of JSON on its input, and answers
// with one line.
const supervisor = new Supervisor();
const kernel = loadKernel(kernelPath);
const guests: { pid: number | undefined; end?: [number | null, string | null]; error?: string }[] = [];
const programs: JailedProgram[] = [];
let asked: Promise<unknown[]> = Promise.resolve([]);

const COMMANDS: Record<string, (...args: never[]) => unknown> = {
  identity: () => ({ ...hostIdentity(process.env), inside: process.pid }),
  outsidePid: () => supervisor.outsidePid,
  grant: (kind: GrantKind, value: string) => supervisor.grant(kind, value),
  seal: () => supervisor.seal(),
  /** Resolves with the content and type of what the supervisor has opened. */
  async ask(...call: string[]) {
    const fd = await supervisor.ask(...call);
    if (fd === undefined) return 'done';
    try {
      const found = fstatSync(fd);
      if (found.isFile()) return readFileSync(fd, 'utf8');
      return found.isFIFO() ? 'FIFO' : 'socket';
    } finally {
      closeSync(fd);
    }
  },
  /** Makes a call twice at once. Resolves with the codes of the errors. */
  askTwice: (...call: string[]) =>
    Promise.all([1, 2].map(() => supervisor.ask(...call).catch(({ code }: NodeJS.ErrnoException) => code))),
  /** Makes a call many times at once, and does not wait for the answers. */
  askMany(count: number, ...call: string[]) {
    asked = Promise.all(Array.from({ length: count }, () => supervisor.ask(...call)));
  },
  answered: async () => (await asked).length,
  /** Sets the command of guests, and starts one with further arguments. */
  async guest(command: string[], ...args: string[]) {
    const guest: (typeof guests)[0] = { pid: undefined };
    supervisor.setCommand('guest', command);
    const ended = (status: number | null, signal: string | null, error?: Error) =>
      Object.assign(guest, { end: [status, signal], ...(error ? { error: error.message } : {}) });
    const child = supervisor.start({ kind: 'guest', user: { uid: 5, gid: 6 }, args, fds: [1, 2], ended });
    await child.started;
    guest.pid = child.pid;
    programs.push(child);
    return guests.push(guest) - 1;
  },
  kill: (number: number) => programs[number]?.kill(),
  guestState: (number: number) => guests[number],
  becomeUser: (uid: number) => kernel.becomeUser(uid, [7]).skipped,
  filter: () => kernel.filterSystemCalls(),
  run: (program: string) => new Promise((resolve, reject) => spawn(program).on('error', reject).on('exit', resolve)),
  signal: (pid: number, signal: string) => process.kill(pid, signal),
  read: (path: string) => readFileSync(path, 'utf8'),
  fetch: async (url: string) => (await fetch(url)).text(),
  handle: (signal: NodeJS.Signals) => void process.on(signal, () => process.exit(7)),
  exit: (status: number) => process.exit(status),
};

for await (const line of createInterface(process.stdin)) {
  const [name, ...args] = JSON.parse(line) as [string, ...never[]];
  const answer = await Promise.resolve()
    .then(() => COMMANDS[name]?.(...args))
    .then(
      (value) => ({ value: value ?? null }),
      (error: Error) => ({ error: error.message }),
    );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
