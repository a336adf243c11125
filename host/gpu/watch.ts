import { NearlightError } from '../base/errors.ts';
import { perDevice } from './shared.ts';

/** The part of a room that is notified of how long the GPU works for the room. */
export interface WorkOwner {
  /** The GPU took `ms` for the work that one call of this owner submitted. */
  onWork(ms: number): void;
  /** The GPU did not finish the work that one call of this owner submitted, so the device is given up. */
  onHung(): void;
}

/** GPU work that one call of a room submitted, and that is not finished. */
interface Submitted {
  owner: WorkOwner;
  at: number;
  hungMs: number;
}

/** Summary of a room's GPU work that is not finished. */
interface Backlog {
  calls: number;
  /** Estimate of the GPU milliseconds that one call of the room takes. */
  msPerCall: number;
  /** Resolves when the GPU has finished the room's oldest work; undefined unless someone waits for that. */
  next: PromiseWithResolvers<void> | undefined;
}

/** Interval at which the GPU's oldest unfinished work is checked for taking too long. */
const LOOK_MS = 100;
/** GPU work that takes longer than this is suspected of being endless. */
const LATE_MS = 500;
/** A room may not submit more work while the GPU has at least this much of its work left, both in time and in calls. */
const BACKLOG_MS = 50;
const BACKLOG_CALLS = 2;
/** A room's estimated GPU time per call keeps at least this fraction of its value after a shorter call. */
const FADING = 0.9;

/**
 * Measures the GPU time of the rooms that share a device. The queue executes work in order, so the time between two ends counts
 * for the later work. Also detects work that never ends, such as an endless shader.
 */
export class DeviceWatch {
  /** Whether the adapter renders in software, so that this thread waits for the GPU's work when it creates a texture view. */
  isSoftware = false;
  readonly #queue: GPUQueue;
  /** GPU work that is submitted and not finished, the oldest first. */
  readonly #unfinished: Submitted[] = [];
  readonly #backlogs = new WeakMap<WorkOwner, Backlog>();
  readonly #hung = Promise.withResolvers<void>();
  #endedAt = 0;
  /** Time for which this thread was blocked while the oldest GPU work ran, and could not notice its end. */
  #blockedMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lookedAt = 0;
  #lost = false;
  #hasHung = false;
  /** Number of submissions so far, and how many of them are known to be finished. */
  #submissions = 0;
  #finished = 0;
  /** Those who wait for the GPU to be idle, and a promise that resolves when they have all had their turn. */
  #waiters = 0;
  #quiet: PromiseWithResolvers<void> | undefined;

  /** Returns the DeviceWatch of a GPU device, which measures the GPU time of its rooms. */
  static readonly of = perDevice((device) => new DeviceWatch(device));

  constructor(device: GPUDevice) {
    this.#queue = device.queue;
    void device.lost.then(() => this.#end());
  }

  /** Resolves if the GPU device is given up because its work or a compilation does not end. Never settles otherwise. */
  get hung(): Promise<void> {
    return this.#hung.promise;
  }

  /** Whether the GPU device is lost, or was given up because it hung. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Whether the GPU has work that is not finished. Work that hangs never is. */
  get works(): boolean {
    return this.#hasHung || this.#unfinished.length > 0;
  }

  /** Whether the GPU has worked on what one call submitted for suspiciously long. */
  get late(): boolean {
    const [first] = this.#unfinished;
    return first !== undefined && performance.now() - Math.max(first.at, this.#endedAt) > LATE_MS;
  }

  /** Returns a promise that settles when `owner` may submit more GPU work; undefined if it may now. */
  busy(owner: WorkOwner): Promise<void> | undefined {
    if (this.#quiet) return this.#quiet.promise;
    const backlog = this.#backlogs.get(owner);
    if (!backlog || backlog.calls < BACKLOG_CALLS || backlog.calls * backlog.msPerCall < BACKLOG_MS) return undefined;
    backlog.next ??= Promise.withResolvers();
    return backlog.next.promise;
  }

  /** Counts a submission to the GPU. */
  countSubmission(): void {
    this.#submissions++;
  }

  /**
   * Returns a promise to wait for before a texture view or a sampler is created; undefined if the GPU has no work, or its
   * driver creates them at any time. A software adapter holds a lock while it executes work, and this thread, on which all
   * rooms depend, would wait for it. Until the promise settles no call of a room begins to execute commands. Ask again
   * afterwards, because a call that had begun may have submitted more.
   */
  idle(): Promise<void> | undefined {
    const count = this.#submissions;
    if (!this.isSoftware || this.#lost || count === this.#finished) return undefined;
    this.#waiters++;
    this.#quiet ??= Promise.withResolvers();
    const done = this.#queue.onSubmittedWorkDone().then(
      () => {
        this.#finished = count;
      },
      () => {},
    );
    // Who waits goes on as soon as the promise has settled, and the others only after that.
    return Promise.race([done, this.hung]).finally(() => setTimeout(() => this.#endWait(), 0));
  }

  /** Waits until idle() asks for no more waiting. @throws NearlightError NL_GPU_LOST if the GPU device is lost */
  async whenIdle(): Promise<void> {
    for (let idle = this.idle(); idle; idle = this.idle()) await idle;
    if (this.#lost) throw new NearlightError('NL_GPU_LOST', 'the device was lost while the host waited for its work');
  }

  #endWait(): void {
    if (--this.#waiters > 0) return;
    this.#quiet?.resolve();
    this.#quiet = undefined;
  }

  /** Watches GPU work that a call of `owner` has just submitted. The device is given up if it takes longer than `hungMs`. */
  submitted(owner: WorkOwner, hungMs: number): void {
    if (this.#lost) return;
    const entry = { owner, at: performance.now(), hungMs };
    this.#unfinished.push(entry);
    this.#backlog(owner).calls++;
    this.#queue.onSubmittedWorkDone().then(
      () => this.#done(entry),
      () => {},
    );
    if (this.#timer !== undefined) return;
    this.#lookedAt = entry.at;
    this.#look();
  }

  #backlog(owner: WorkOwner): Backlog {
    const known = this.#backlogs.get(owner);
    if (known) return known;
    const backlog = { calls: 0, msPerCall: 0, next: undefined };
    this.#backlogs.set(owner, backlog);
    return backlog;
  }

  #done(entry: Submitted): void {
    if (this.#unfinished[0] !== entry) return;
    const now = performance.now();
    this.#unfinished.shift();
    const blockedMs = this.#blockedMs + this.#blockedBy(now);
    const ms = Math.max(0, now - Math.max(entry.at, this.#endedAt) - blockedMs);
    this.#endedAt = now;
    // #look() will add the whole time for which this thread is blocked, but the part until now does not concern the next work.
    this.#blockedMs = -this.#blockedBy(now);
    const backlog = this.#backlog(entry.owner);
    backlog.calls--;
    backlog.msPerCall = Math.max(ms, FADING * backlog.msPerCall);
    backlog.next?.resolve();
    backlog.next = undefined;
    entry.owner.onWork(ms);
  }

  /** Milliseconds for which this thread has been blocked since the last #look(), beyond the usual interval. */
  #blockedBy(now: number): number {
    return Math.max(0, now - this.#lookedAt - 2 * LOOK_MS);
  }

  #look(): void {
    const now = performance.now();
    const [first] = this.#unfinished;
    this.#blockedMs += this.#blockedBy(now);
    this.#lookedAt = now;
    this.#timer = undefined;
    if (first === undefined) return;
    if (now - Math.max(first.at, this.#endedAt) - this.#blockedMs > first.hungMs) {
      this.giveUp();
      first.owner.onHung();
      return;
    }
    this.#timer = setTimeout(() => this.#look(), LOOK_MS);
    this.#timer.unref?.();
  }

  /** Gives the GPU device up, because its work or a compilation does not end. Lets all who wait for the GPU go on. */
  giveUp(): void {
    this.#end();
    this.#hasHung = true;
    this.#hung.resolve();
  }

  #end(): void {
    this.#lost = true;
    for (const { owner } of this.#unfinished.splice(0)) this.#backlogs.get(owner)?.next?.resolve();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
