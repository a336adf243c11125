import type { Config } from '../../base/config.ts';
import { NearlightError } from '../../base/errors.ts';
import { type Layer, maskOf } from '../../base/layers.ts';
import type { Log } from '../../base/log.ts';
import { describeMissing, missingLayers } from '../../engine/wasmedge/jail.ts';
import { Fault } from '../../gpu/reader.ts';
import { Overrun, type ShaderVetting, type Trial } from '../../gpu/vetting.ts';
import type { KnownShaders } from './known.ts';
import type { Ready } from './messages.ts';
import { type Outcome, type StartTrial, TrialProcess } from './process.ts';

/**
 * The most time for which WebGPU's calls may keep the thread that makes them. In the host this is the thread on which all rooms
 * depend. It is processor time, measured in a trial.
 */
const BLOCKED_MS_MAX = 100;
/** Processor time of a shader module's trial after which it ends, because it has long exceeded BLOCKED_MS_MAX. */
const MODULE_MS_MAX = 4 * BLOCKED_MS_MAX;
/**
 * The most processor time for using a pipeline once. A software adapter compiles at the first use, on the one thread that
 * executes the GPU work of all rooms. It is measured in a trial.
 */
const USED_MS_MAX = 500;
/** The limit on the time that passes during a trial, as a multiple of SHADER_MS_MAX, which limits the processor time. */
const WALL_FACTOR = 4;
const PROCESSES_MAX = 2;
/** A second process starts when the first has been busy with one trial for this long. */
const SECOND_AFTER_MS = 500;
/** A process that has nothing to do ends after this time. */
const IDLE_MS = 30_000;
/** Times between attempts to start a process. */
const RETRY_MS: readonly number[] = [250, 1000];
const UNUSED_MAX = 16;

export interface VettingOptions {
  /** The shaders that need no trial. Those that a trial finds harmless are added. */
  known: KnownShaders;
  config: Pick<Config, 'shaderMsMax' | 'shaderMemoryBytesMax'>;
  log: Log;
  /** Layers of confinement without which no process tries a shader. */
  requiredLayers: readonly Layer[];
  /** Starts processes that try shaders; by default, they are children of this process. */
  start?: StartTrial | undefined;
}

interface Job {
  digest: string;
  trial: Trial;
  owner: object;
  /** Whether the trial has failed once, in a process that had tried others before. */
  isRepeated: boolean;
  resolve(ms: number): void;
  reject(error: Error): void;
}

interface Worker {
  process: TrialProcess;
  job: Job | undefined;
  /** When the current trial began; undefined while the process starts. */
  begunAt: number | undefined;
  /** Ends the process when it has had nothing to do for a while. */
  timer: NodeJS.Timeout | undefined;
}

/** The work of a vetting so far. */
export interface VettingStats {
  /** Number of trials that have ended. */
  trials: number;
  /** Number of processes that were started. */
  processes: number;
  /** Why harmless pipelines could not be used in their trial; the newest UNUSED_MAX. */
  unused: string[];
}

/**
 * Tries the shaders and pipelines of all rooms in child processes, and remembers those that are harmless. Rooms take turns, and
 * each has at most one trial at a time, so a hostile shader delays only its own room.
 */
export class Vetting implements ShaderVetting {
  readonly stats: VettingStats = { trials: 0, processes: 0, unused: [] };
  readonly #options: VettingOptions;
  readonly #known: KnownShaders;
  /** Trials that have not begun, by owner. The owner whose turn is next comes first. */
  readonly #queues = new Map<object, Job[]>();
  readonly #dropped = new WeakSet<object>();
  readonly #workers = new Set<Worker>();
  #failures = 0;
  /** Whether the log says which layers of confinement are missing. */
  #hasAnnounced = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: VettingOptions) {
    this.#options = options;
    this.#known = options.known;
  }

  digest(key: string): string {
    return this.#known.digest(key);
  }

  isHarmless(digest: string): boolean {
    return this.#known.has(digest);
  }

  try(digest: string, trial: Trial, owner: object): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#queue({ digest, trial, owner, isRepeated: false, resolve, reject });
    return promise;
  }

  drop(owner: object): void {
    this.#dropped.add(owner);
    this.#queues.delete(owner);
    for (const worker of this.#workers) if (worker.job?.owner === owner) this.#end(worker);
  }

  /** Ids of the processes. */
  get pids(): number[] {
    return [...this.#workers].flatMap(({ process: { pid } }) => pid ?? []);
  }

  /** Ends all trials and their processes. Resolves when the processes have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#queues.clear();
    clearTimeout(this.#timer);
    const processes = [...this.#workers].map(({ process }) => process);
    for (const worker of this.#workers) this.#end(worker);
    await Promise.all(processes.map(({ ended }) => ended));
  }

  #queue(job: Job, { first = false } = {}): void {
    if (this.#dropped.has(job.owner)) return;
    const queue = this.#queues.get(job.owner);
    if (!queue) this.#queues.set(job.owner, [job]);
    else if (first) queue.unshift(job);
    else queue.push(job);
    this.#begin();
  }

  /** Begins as many trials as there are processes without work. */
  #begin(): void {
    for (;;) {
      const owner = this.#nextOwner();
      if (owner === undefined || this.#closed) return;
      const worker = [...this.#workers].find(({ job }) => !job) ?? this.#start();
      if (!worker) return;
      const job = this.#take(owner);
      if (job) void this.#run(worker, job);
    }
  }

  /** The owner whose turn is next and that has no trial running. */
  #nextOwner(): object | undefined {
    const running = new Set([...this.#workers].map(({ job }) => job?.owner));
    return [...this.#queues.keys()].find((owner) => !running.has(owner));
  }

  #take(owner: object): Job | undefined {
    const queue = this.#queues.get(owner) ?? [];
    const job = queue.shift();
    // The owner's next trial comes after those of all other owners.
    this.#queues.delete(owner);
    if (queue.length > 0) this.#queues.set(owner, queue);
    if (!job || !this.isHarmless(job.digest)) return job;
    job.resolve(0);
    return undefined;
  }

  /** Starts a process; undefined if there are enough, or the running one may soon be free. */
  #start(): Worker | undefined {
    if (this.#workers.size >= PROCESSES_MAX) return undefined;
    for (const { begunAt } of this.#workers) {
      const waitMs = begunAt === undefined ? SECOND_AFTER_MS : begunAt + SECOND_AFTER_MS - performance.now();
      if (waitMs <= 0) continue;
      this.#beginAfter(waitMs);
      return undefined;
    }
    const { shaderMemoryBytesMax, shaderMsMax } = this.#options.config;
    const process = new TrialProcess({ bytes: shaderMemoryBytesMax, cpuMs: shaderMsMax }, this.#options.start);
    const worker: Worker = { process, job: undefined, begunAt: undefined, timer: undefined };
    this.#workers.add(worker);
    this.stats.processes++;
    return worker;
  }

  #beginAfter(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#begin();
    }, ms);
  }

  async #run(worker: Worker, job: Job): Promise<void> {
    const { process } = worker;
    const { shaderMsMax, shaderMemoryBytesMax } = this.#options.config;
    clearTimeout(worker.timer);
    worker.job = job;
    worker.begunAt = undefined;
    const ready = await process.ready;
    worker.begunAt = performance.now();
    const wasFresh = process.isFresh;
    const problem = ready && this.#problemOf(ready);
    const outcome: Outcome = problem
      ? { ended: 'unavailable', ...problem }
      : await process.try(job.trial, {
          cpuMs: job.trial.kind === 'shaderModule' ? Math.min(MODULE_MS_MAX, shaderMsMax) : shaderMsMax,
          wallMs: WALL_FACTOR * shaderMsMax,
          bytes: shaderMemoryBytesMax,
        });
    worker.job = undefined;
    if (outcome.ended !== 'reported' || process.isWorn) this.#end(worker);
    else worker.timer = setTimeout(() => this.#end(worker), IDLE_MS).unref();
    if (this.#closed) return;
    if (!this.#dropped.has(job.owner)) this.#settle(job, outcome, wasFresh);
    this.#begin();
  }

  /** Why a process must not try shaders; undefined if it may. */
  #problemOf({ identity, layers }: Ready): { why: string; error?: NearlightError } | undefined {
    const { requiredLayers, log } = this.#options;
    if (identity !== this.#known.identity) return { why: 'it opened another GPU or driver' };
    const required = maskOf(requiredLayers);
    const error = (layers & required) === required ? undefined : missingLayers(requiredLayers, layers);
    if (error) return { why: error.message, error };
    const missing = describeMissing(layers, 'shaders are tried');
    if (missing !== undefined && !this.#hasAnnounced) log('warn', missing);
    this.#hasAnnounced = true;
    return undefined;
  }

  /** Passes the result of a trial on, or repeats the trial. */
  #settle(job: Job, outcome: Outcome, wasFresh: boolean): void {
    if (outcome.ended === 'unavailable') {
      if (outcome.error) job.reject(outcome.error);
      else this.#failed(job, outcome.why);
      return;
    }
    this.#failures = 0;
    this.stats.trials++;
    // Earlier trials in the same process may be the cause of a crash.
    if (outcome.ended === 'crashed' && !wasFresh && !job.isRepeated) {
      this.#queue({ ...job, isRepeated: true }, { first: true });
      return;
    }
    const error = this.#errorOf(job.trial, outcome);
    if (error) {
      job.reject(error);
      return;
    }
    if (outcome.ended === 'reported' && outcome.report.outcome === 'harmless' && outcome.report.unused !== undefined)
      this.stats.unused = [...this.stats.unused, outcome.report.unused].slice(-UNUSED_MAX);
    this.#known.add(job.digest);
    job.resolve(outcome.ended === 'reported' ? outcome.cpuMs : 0);
  }

  /** Tries again, because no process could be started, or gives the trial up. */
  #failed(job: Job, why: string): void {
    const waitMs = RETRY_MS[this.#failures++];
    this.#options.log('error', `the process that tries shaders does not start: ${why}`);
    if (waitMs === undefined) {
      this.#failures = 0;
      job.reject(new NearlightError('NL_NO_GPU', `shaders cannot be tried: ${why}`));
    } else setTimeout(() => this.#queue(job, { first: true }), waitMs);
  }

  /** The error of a trial whose shader is not harmless; undefined if it is. */
  #errorOf(trial: Trial, outcome: Exclude<Outcome, { ended: 'unavailable' }>): Error | undefined {
    const { shaderMsMax, shaderMemoryBytesMax } = this.#options.config;
    const blocked = new Overrun(`it keeps the thread of all games for more than ${BLOCKED_MS_MAX} ms`);
    if (outcome.ended === 'crashed')
      return new Overrun(
        `the process that tried it ended (${outcome.how}), perhaps for lack of memory: ${shaderMemoryBytesMax} bytes (SHADER_MEMORY_BYTES_MAX)`,
      );
    if (outcome.ended === 'overran') {
      if (outcome.limit === 'bytes')
        return new Overrun(`it takes more than ${shaderMemoryBytesMax} bytes of memory (SHADER_MEMORY_BYTES_MAX)`);
      return trial.kind === 'shaderModule'
        ? blocked
        : new Overrun(`compiling and using it once takes more than ${shaderMsMax} ms (SHADER_MS_MAX)`);
    }
    const { report } = outcome;
    if (report.outcome === 'refused') return report.isOverrun ? new Overrun(report.message) : new Fault(report.message);
    if (report.outcome === 'failed') return new Overrun(`the driver cannot compile it: ${report.message}`);
    if (report.usedMs > USED_MS_MAX)
      return new Overrun(
        `its first use takes more than ${USED_MS_MAX} ms, for which the GPU of all games stands still`,
      );
    return report.blockedMs <= BLOCKED_MS_MAX ? undefined : blocked;
  }

  #end(worker: Worker): void {
    clearTimeout(worker.timer);
    worker.process.kill();
    this.#workers.delete(worker);
  }
}
