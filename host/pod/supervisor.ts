import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { NearlightError } from '../base/errors.ts';
import type { JailedProgram, JailStart, StartJailed } from '../engine/wasmedge/jail.ts';
import { type MessageSocket, openMessageSocket } from './message-socket.ts';

/** The socket to the supervisor, which a host process inherits under this number. */
const SOCKET_FD = 4;
/** Messages that may wait while the supervisor takes none, on a node whose processors are all busy, and how often they are tried. */
const WAITING_MAX = 4096;
const RETRY_MS = 2;
/** Most calls without an answer. The socket holds as many answers, so that the supervisor never has to wait with one. */
const CALLS_MAX = 64;

/** The ids under which other processes of the node know a host process. */
export interface HostIdentity {
  /** The id of its supervisor. */
  pid: number;
  /** When the supervisor started, in clock ticks since boot. */
  started: string;
}

/** Reads the ids that the supervisor has left in its host's environment. @throws NearlightError NL_USAGE if there are none */
export function hostIdentity(env: NodeJS.ProcessEnv): HostIdentity {
  const [pid = '', started = ''] = (env.NEARLIGHT_HOST ?? '').split(' ');
  if (!/^\d+$/.test(pid) || !/^\d+$/.test(started))
    throw new NearlightError('NL_USAGE', 'a host is started by its supervisor: supervisor node main.js host');
  return { pid: Number(pid), started };
}

/** A request to start a program. */
interface ProgramStart {
  kind: JailStart['kind'];
  user?: JailStart['user'];
  /** They follow the command of the kind, and consist of letters and digits. */
  args?: readonly string[];
  fds: readonly number[];
  ended: JailStart['ended'];
}

class Program implements JailedProgram {
  pid: number | undefined;
  readonly started: Promise<void>;
  readonly #resolveStarted: () => void;
  readonly #kill: (pid: number) => void;
  readonly #ended: JailStart['ended'];
  #isKilled = false;

  constructor(ended: JailStart['ended'], kill: (pid: number) => void) {
    this.#ended = ended;
    this.#kill = kill;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.started = promise;
    this.#resolveStarted = resolve;
  }

  kill(): void {
    if (!this.#isKilled && this.pid !== undefined) this.#kill(this.pid);
    this.#isKilled = true;
  }

  begun(pid: number): void {
    this.pid = pid;
    this.#resolveStarted();
    if (this.#isKilled) this.#kill(pid);
  }

  end(status: number | null, signal: NodeJS.Signals | null, error?: Error): void {
    this.#ended(status, signal, error);
    this.#resolveStarted();
  }
}

/** The rights of grants.h. */
export type GrantKind =
  | 'bundles'
  | 'sandbox'
  | 'fifos'
  | 'cgroup'
  | 'root'
  | 'terminations'
  | 'container'
  | 'containerd'
  | 'namespace'
  | 'keeper'
  | 'vetting'
  | 'edge'
  | 'pods'
  | 'oom';

interface Call extends PromiseWithResolvers<number | undefined> {
  /** The call and its first argument, for error messages. */
  name: string;
}

/** The process that started this host and starts other programs for it (supervisor.cc). */
export class Supervisor {
  readonly #socket: MessageSocket;
  /** Programs that have not started yet, in the order of their requests. */
  readonly #starting: Program[] = [];
  readonly #programs = new Map<number, Program>();
  /** Calls whose answer is awaited, by their number. */
  readonly #calls = new Map<number, Call>();
  /** Messages that the supervisor has not taken yet, in their order. */
  readonly #waiting: string[] = [];
  #unanswered = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastCall = 0;
  /** Resolves with the id of this process outside its namespaces. */
  readonly outsidePid: Promise<number>;
  readonly #resolveOutside: (pid: number) => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.outsidePid = promise;
    this.#resolveOutside = resolve;
    this.#socket = openMessageSocket(SOCKET_FD, {
      received: ({ bytes, fds }) => this.#received(bytes.toString().replace(/\0$/, '').split(' '), fds[0]),
      // Without its supervisor, a host must not run.
      closed: () => process.exit(1),
    });
  }

  /** Starts a program in a jail. Its command is the one of setCommand(). */
  readonly startJailed: StartJailed = (start) => this.start(start);

  /** Starts a program. */
  start({ kind, user = { uid: 0, gid: 0 }, args = [], fds, ended }: ProgramStart): JailedProgram {
    const program = new Program(ended, (pid) => this.#send(['kill', `${pid}`]));
    if (this.#send(['spawn', kind, `${user.uid}`, `${user.gid}`, ...args], fds)) this.#starting.push(program);
    else setImmediate(() => program.end(null, null, new Error('the supervisor takes no message')));
    return program;
  }

  /**
   * Sets the command that starts programs of a kind, in which the words {uid} and {gid} stand for the ids of the user.
   */
  setCommand(kind: JailStart['kind'], command: readonly string[]): void {
    this.#send(['command', kind, ...command]);
  }

  /** Has a keeper started, if there is none. */
  startKeeper(): void {
    this.#send(['keeper']);
  }

  /** Gives this host a right that it keeps when it has no privileges any more; see Grants in grants.h. */
  grant(kind: GrantKind, value: string): void {
    this.#send(['grant', kind, value]);
  }

  /** From now on, the supervisor starts programs with the present commands and no other, and grants no further right. */
  seal(): void {
    this.#send(['seal']);
  }

  /**
   * Has the supervisor make a call for which this process has no privileges (Grants::perform in grants.cc).
   * @returns a descriptor, which belongs to the caller, if the call opens something
   * @throws Error of the system call, whose `code` is such as ENOENT
   */
  ask(...call: string[]): Promise<number | undefined> {
    const number = ++this.#lastCall;
    const answer = Promise.withResolvers<number | undefined>();
    this.#calls.set(number, { name: call.slice(0, 2).join(' '), ...answer });
    if (!this.#send(['ask', `${number}`, ...call])) this.#answered(number, constants.errno.EAGAIN);
    return answer.promise;
  }

  /** Sends a message, later if the supervisor does not take it now. Returns false if it cannot wait, as one with descriptors cannot. */
  #send(words: readonly string[], fds: readonly number[] = []): boolean {
    const text = words.map((word) => `${word}\0`).join('');
    if (this.#waiting.length === 0 && this.#pass(text, fds)) return true;
    if (fds.length > 0 || this.#waiting.length >= WAITING_MAX) return false;
    this.#waiting.push(text);
    this.#flush();
    return true;
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.#pass(this.#waiting[0] ?? '')) this.#waiting.shift();
    if (this.#waiting.length === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, RETRY_MS);
  }

  #pass(text: string, fds: readonly number[] = []): boolean {
    const isCall = text.startsWith('ask\0');
    if ((isCall && this.#unanswered >= CALLS_MAX) || !this.#socket.send(text, fds)) return false;
    if (isCall) this.#unanswered++;
    return true;
  }

  #answered(number: number, errno: number, fd?: number): void {
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    const code = errno === 0 ? '' : getSystemErrorName(-errno);
    if (errno === 0) call?.resolve(fd);
    else call?.reject(Object.assign(new Error(`${code}: ${call.name}`), { code, errno: -errno }));
  }

  #received([word, ...values]: string[], fd: number | undefined): void {
    const [pid = 0, status = 0, signal = 0] = values.map(Number);
    if (word === 'answer') {
      this.#unanswered--;
      this.#answered(pid, status, fd);
    }
    if (word === 'host') this.#resolveOutside(pid);
    if (word === 'failed')
      this.#starting.shift()?.end(null, null, new Error(`the supervisor: ${getSystemErrorName(-pid)}`));
    if (word === 'started') {
      const program = this.#starting.shift();
      if (!program) return;
      this.#programs.set(pid, program);
      program.begun(pid);
    }
    if (word === 'ended') {
      const program = this.#programs.get(pid);
      this.#programs.delete(pid);
      program?.end(signal === 0 ? status : null, signalName(signal));
    }
  }
}

function signalName(number: number): NodeJS.Signals | null {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return (found?.[0] as NodeJS.Signals | undefined) ?? null;
}
