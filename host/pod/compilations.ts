import { createHash } from 'node:crypto';
import { FairQueue, type FairQueueOptions, type Tenant, type Ticket } from './fair-queue.ts';

/** Native code, and what it has cost. */
export interface Compilation {
  code: Uint8Array;
  /** CPU time of the compiler in milliseconds; 0 if another pod pays for the same compilation. */
  cpuMs: number;
  /** How long the request has waited for its turn, in milliseconds. */
  waitedMs: number;
}

/** A request to compile a module. */
export interface CompileRequest {
  module: Uint8Array;
  tenant: Tenant;
  /** Withdraws the request while it waits. A compilation that has started goes on. */
  signal: AbortSignal;
}

export interface CompilationsOptions extends FairQueueOptions {
  /** Checks and compiles a module. Calls `spent` with the CPU time in milliseconds of each run of the compiler. */
  make(module: Uint8Array, spent: (cpuMs: number) => void): Promise<Uint8Array>;
  /** Called when a compilation has ended, with the tenant who pays for it. */
  ended?(tenant: Tenant, cpuMs: number, isGood: boolean): void;
  now?: () => number;
}

/** A module that waits or is being compiled. Every tenant who asks for it has a ticket, and the first turn counts. */
interface Job {
  module: Uint8Array;
  tickets: Set<Ticket>;
  isStarted: boolean;
  payer: Tenant | undefined;
  startedMs: number;
  result: PromiseWithResolvers<{ code: Uint8Array; cpuMs: number }>;
}

/** Compiles modules in a fair order, and each only once, however many hosts ask for it at the same time. */
export class Compilations {
  readonly #options: CompilationsOptions;
  readonly #queue: FairQueue;
  readonly #jobs = new Map<string, Job>();
  readonly #now: () => number;

  constructor(options: CompilationsOptions) {
    this.#options = options;
    this.#queue = new FairQueue(options);
    this.#now = options.now ?? (() => performance.now());
  }

  get waiting(): number {
    return this.#queue.waiting;
  }

  get running(): number {
    return this.#queue.running;
  }

  /** Compiles a module. @throws QueueFull; the error of `make`; the reason of the signal if the request was withdrawn */
  async compile({ module, tenant, signal }: CompileRequest): Promise<Compilation> {
    const askedMs = this.#now();
    const digest = createHash('sha256').update(module).digest('hex');
    const job = this.#jobs.get(digest) ?? newJob(module);
    const leave = job.isStarted ? () => {} : this.#join(digest, job, tenant);
    const withdrawn = Promise.withResolvers<never>();
    const onAbort = () => {
      leave();
      withdrawn.reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const { code, cpuMs } = await Promise.race([job.result.promise, withdrawn.promise]);
      return { code, cpuMs: job.payer === tenant ? cpuMs : 0, waitedMs: Math.max(0, job.startedMs - askedMs) };
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Queues a job for a tenant. Returns a function that takes the tenant's ticket back. @throws QueueFull */
  #join(digest: string, job: Job, tenant: Tenant): () => void {
    const ticket = this.#queue.add(tenant, () => this.#start(digest, job, tenant));
    if (job.isStarted) return () => {};
    this.#jobs.set(digest, job);
    job.tickets.add(ticket);
    return () => {
      ticket.withdraw();
      job.tickets.delete(ticket);
      if (job.tickets.size === 0 && !job.isStarted) this.#jobs.delete(digest);
    };
  }

  async #start(digest: string, job: Job, tenant: Tenant): Promise<number> {
    this.#jobs.set(digest, job);
    job.isStarted = true;
    job.payer = tenant;
    job.startedMs = this.#now();
    for (const ticket of job.tickets) ticket.withdraw();
    let cpuMs = 0;
    let isGood = true;
    try {
      const code = await this.#options.make(job.module, (ms) => {
        cpuMs += ms;
      });
      job.result.resolve({ code, cpuMs });
    } catch (error) {
      isGood = false;
      job.result.reject(error);
    }
    this.#jobs.delete(digest);
    this.#options.ended?.(tenant, cpuMs, isGood);
    return cpuMs;
  }
}

function newJob(module: Uint8Array): Job {
  const result = Promise.withResolvers<{ code: Uint8Array; cpuMs: number }>();
  // All who asked may have gone by the time the compilation fails.
  result.promise.catch(() => {});
  return { module, tickets: new Set(), isStarted: false, payer: undefined, startedMs: 0, result };
}
