import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { NearlightError } from '../../base/errors.ts';
import { runtimeFolder } from '../../base/installed.ts';
import { SOURCE_ENDING } from '../../base/self.ts';
import { buildJail, confinePath } from '../../engine/wasmedge/build.ts';
import { type JailUser, spawnJailed } from '../../engine/wasmedge/jail.ts';
import type { Trial } from '../../gpu/vetting.ts';
import type { Ready, Report } from './messages.ts';
import { type Usage, usageOf } from './usage.ts';

/** Interval at which the memory and the time of a trial are checked. */
const LOOK_MS = 20;
/** How long a trial process may take to start: it loads the GPU's driver, possibly from a cold disk. */
const START_MS_MAX = 60_000;
/** Longest message that a trial process may send. */
const MESSAGE_CHARS_MAX = 65_536;
const STDERR_CHARS_MAX = 2048;
/** Memory that a trial process needs before its first trial, in the count of RLIMIT_DATA. */
const START_BYTES = 2 ** 30;
/** A process that has used this much processor time is replaced after its trial. */
const CPU_MS_MAX = 60_000;
/** A process that occupies more memory than this after a trial is replaced, because drivers free little. */
const RESTING_BYTES_MAX = 512 * 2 ** 20;
/** Memory of JavaScript in a trial process. */
const HEAP_MEGABYTES = 128;
/** Variables of the environment that choose the GPU's driver, or the folder in which the private runtime is. */
const ENVIRONMENT =
  /^(HOME|LD_LIBRARY_PATH|NEARLIGHT_RUNTIME|XDG_CACHE_HOME|XDG_RUNTIME_DIR|VK_.*|LP_.*|MESA_.*|NVIDIA_.*)$/;

const PROGRAM = join(import.meta.dirname, `child.${SOURCE_ENDING}`);

/** Limits of one trial. */
export interface TrialLimits {
  /** Processor time of all threads. */
  cpuMs: number;
  /** Time that passes, for work that keeps the GPU rather than the processor. */
  wallMs: number;
  /** Memory in addition to what the process occupied before. */
  bytes: number;
}

/** The largest limits of the trials that a process makes. */
export type ProcessLimits = Pick<TrialLimits, 'bytes' | 'cpuMs'>;

/** How a trial ended. */
export type Outcome =
  | { ended: 'reported'; report: Report; cpuMs: number }
  /** The process exceeded a limit and was killed. */
  | { ended: 'overran'; limit: keyof TrialLimits }
  /** The process ended by itself during the trial. */
  | { ended: 'crashed'; how: string }
  /** The process did not start, or must not be used. With `error`, it is no use to start another one. */
  | { ended: 'unavailable'; why: string; error?: NearlightError };

/** A process in which the program that tries shaders runs. */
export interface TrialChild {
  /** No streams if this process has no files left for them. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Kills the process. May be called again. */
  kill(): void;
}

/** Starts the program of trialCommand(), and calls `ended` when it has ended or could not be started. May reject instead. */
export type StartTrial = (limits: ProcessLimits, ended: (how: string) => void) => Promise<TrialChild>;

/**
 * The command that starts the program which tries shaders. The kernel ends it too, but later than the host would: if the host is
 * killed during a trial that does not end, nothing else does.
 */
export function trialCommand({ bytes, cpuMs }: ProcessLimits): string[] {
  const dataKilobytes = Math.ceil((START_BYTES + bytes) / 1024);
  const cpuSeconds = Math.ceil((2 * CPU_MS_MAX + cpuMs) / 1000);
  // If memory runs out in a pod, the kernel ends this process rather than the host or the game.
  const limits = `echo 1000 > /proc/self/oom_score_adj; ulimit -c 0; ulimit -d ${dataKilobytes}; ulimit -t ${cpuSeconds}; exec "$@"`;
  const node = [process.execPath, `--max-old-space-size=${HEAP_MEGABYTES}`, '--disable-sigusr1', PROGRAM, confinePath];
  // The host reads native code from the driver's cache of shaders, so a trial process must not write to it.
  const environment = { ...process.env, MESA_SHADER_CACHE_DISABLE: 'true', NEARLIGHT_RUNTIME: runtimeFolder() };
  const variables = Object.entries(environment).filter(
    ([name, value]) => value !== undefined && ENVIRONMENT.test(name),
  );
  const words = variables.map(([name, value]) => `${name}=${value}`);
  return ['/usr/bin/env', '-i', ...words, '/bin/sh', '-c', limits, 'sh', ...node];
}

export interface JailedTrialsOptions {
  /** The user under which it runs, if this process is root; by default the same as this process. */
  user?: JailUser;
  /** Returns the files of cgroups to which it belongs (JailOptions). */
  cgroups?(): readonly string[];
}

/** Returns a function that starts the program in a jail, as a child of this process. */
export function jailedTrials({ user, cgroups }: JailedTrialsOptions = {}): StartTrial {
  return async (limits, ended) => {
    await buildJail();
    const { child, kill } = spawnJailed({
      kind: 'trial',
      command: trialCommand(limits),
      stdio: ['pipe', 'pipe', 'pipe', 'ignore', 'ignore'],
      user: user ?? 'same',
      cgroups: cgroups?.(),
    });
    child.on('error', (error) => ended(error.message));
    child.on('exit', (status, signal) => ended(signal ?? `status ${status}`));
    const { stdin, stdout, stderr } = child;
    return { stdin, stdout, stderr, kill };
  };
}

/** A process that tries shaders and pipelines, one after another, until one overruns. */
export class TrialProcess {
  /** Resolves when the process can try shaders, or with undefined if it does not start. */
  readonly ready: Promise<Ready | undefined>;
  readonly #resolveReady: (ready: Ready | undefined) => void;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  readonly #resolveEnded: () => void;
  /** Undefined until the process has been started. */
  #child: TrialChild | undefined;
  #isKilled = false;
  #pid: number | undefined;
  #input = '';
  #errors = '';
  #exit: string | undefined;
  #trials = 0;
  /** Ends the current trial. */
  #settle: ((outcome: Outcome) => void) | undefined;
  #begun: Usage = { cpuMs: 0, bytes: 0 };

  constructor(limits: ProcessLimits, start: StartTrial = jailedTrials()) {
    const { promise, resolve } = Promise.withResolvers<Ready | undefined>();
    this.ready = promise;
    this.#resolveReady = resolve;
    const { promise: ended, resolve: resolveEnded } = Promise.withResolvers<void>();
    this.ended = ended;
    this.#resolveEnded = resolveEnded;
    const late = setTimeout(() => this.kill(), START_MS_MAX);
    void this.ready.then(() => clearTimeout(late));
    start(limits, (how) => this.#ended(how)).then(
      (child) => this.#open(child),
      (error: Error) => this.#ended(error.message),
    );
  }

  #open(child: TrialChild): void {
    this.#child = child;
    if (this.#isKilled) child.kill();
    const { stdin, stdout, stderr } = child;
    stdin?.on('error', () => {});
    stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-STDERR_CHARS_MAX);
    });
  }

  /** Id of the process; undefined until it is ready. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Whether the process has ended. */
  get hasEnded(): boolean {
    return this.#exit !== undefined;
  }

  /** Whether the process has tried nothing yet. */
  get isFresh(): boolean {
    return this.#trials === 0;
  }

  /** Whether the process has used too much for another trial. */
  get isWorn(): boolean {
    const usage = this.#usage();
    return !usage || usage.bytes > RESTING_BYTES_MAX || usage.cpuMs > CPU_MS_MAX;
  }

  /** The last text that the process wrote to stderr. */
  get complaint(): string {
    return this.#errors.trim();
  }

  /** Tries a shader or pipeline. Kills the process if it exceeds a limit. One trial at a time. */
  async try(trial: Trial, limits: TrialLimits): Promise<Outcome> {
    if ((await this.ready) === undefined)
      return { ended: 'unavailable', why: [this.#exit, this.complaint].filter(Boolean).join(': ') };
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#settle = resolve;
    this.#begun = this.#usage() ?? this.#begun;
    const begunAt = performance.now();
    const timer = setInterval(() => this.#look(limits, begunAt), LOOK_MS);
    this.#child?.stdin?.write(`${JSON.stringify({ trial })}\n`);
    if (this.#exit !== undefined) this.#ended(this.#exit);
    const outcome = await promise;
    clearInterval(timer);
    this.#settle = undefined;
    this.#trials++;
    return outcome;
  }

  kill(): void {
    this.#isKilled = true;
    this.#child?.kill();
  }

  #usage(): Usage | undefined {
    return this.#pid === undefined ? undefined : usageOf(this.#pid);
  }

  #look(limits: TrialLimits, begunAt: number): void {
    const usage = this.#usage();
    if (!usage) return;
    const used: TrialLimits = {
      cpuMs: usage.cpuMs - this.#begun.cpuMs,
      wallMs: performance.now() - begunAt,
      bytes: usage.bytes - this.#begun.bytes,
    };
    for (const limit of ['bytes', 'cpuMs', 'wallMs'] as const) {
      if (used[limit] <= limits[limit]) continue;
      this.kill();
      this.#settle?.({ ended: 'overran', limit });
      return;
    }
  }

  #read(text: string): void {
    this.#input += text;
    if (this.#input.length > MESSAGE_CHARS_MAX) this.kill();
    for (let end = this.#input.indexOf('\n'); end >= 0; end = this.#input.indexOf('\n')) {
      const line = this.#input.slice(0, end);
      this.#input = this.#input.slice(end + 1);
      const message = parse(line);
      if (message === undefined) this.kill();
      else if ('identity' in message) this.#begin(message);
      else {
        const cpuMs = (this.#usage()?.cpuMs ?? this.#begun.cpuMs) - this.#begun.cpuMs;
        this.#settle?.({ ended: 'reported', report: message, cpuMs });
      }
    }
  }

  /** Takes the facts of a process that is ready. It sends them once, before it reads anything foreign. */
  #begin(ready: Ready): void {
    this.#pid ??= ready.pid;
    this.#resolveReady(ready);
  }

  #ended(how: string): void {
    this.#exit ??= how;
    this.#resolveEnded();
    this.#resolveReady(undefined);
    // The kernel ends a process that exceeds RLIMIT_DATA only by refusing memory, so the process ends itself.
    this.#settle?.({ ended: 'crashed', how });
  }
}

function parse(line: string): Ready | Report | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === 'object' && message !== null ? (message as Ready | Report) : undefined;
  } catch {
    return undefined;
  }
}
