import { perDevice } from './shared.ts';

/** Hears how long the GPU works for it. */
export interface WorkOwner {
  /** The GPU has finished what one call submitted, and took `ms`. */
  onWork(ms: number): void;
  /** The GPU did not finish what one call submitted, and the device is given up. */
  onHung(): void;
}

/** Work that one call has submitted. */
interface Submitted {
  owner: WorkOwner;
  at: number;
  hungMs: number;
}

/** An owner's work that the GPU has not finished. */
interface Backlog {
  calls: number;
  /** Recent GPU time of one call. */
  msPerCall: number;
  /** Resolves when the GPU finishes the next call's work, if anyone waits for that. */
  next: PromiseWithResolvers<void> | undefined;
}

/** Time between two looks at whether the GPU's work ends. */
const LOOK_MS = 100;
/** Work that takes longer than this may never end. */
const LATE_MS = 500;
/** An owner waits before it submits more while the GPU has at least this much of its work left, in time and in calls. */
const BACKLOG_MS = 50;
const BACKLOG_CALLS = 2;
/** Fraction of a long call's time that is still expected after a shorter call. */
const FADING = 0.9;

/**
 * Measures the GPU time of the rooms that share a device. The queue executes work in order, so the time between two ends belongs
 * to the later one. Also finds work that never ends, such as an endless shader; waiting for that would last forever.
 */
export class DeviceWatch {
  readonly #queue: GPUQueue;
  /** Work that the GPU has not finished, the oldest first. */
  readonly #unfinished: Submitted[] = [];
  readonly #backlogs = new WeakMap<WorkOwner, Backlog>();
  readonly #hung = Promise.withResolvers<void>();
  #endedAt = 0;
  /** Time for which this thread was blocked while the oldest work ran. Whether the work ended meanwhile is not known. */
  #blockedMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lookedAt = 0;
  #lost = false;

  /** The watch of a device. */
  static readonly of = perDevice((device) => new DeviceWatch(device));

  constructor(device: GPUDevice) {
    this.#queue = device.queue;
    void device.lost.then(() => this.#end());
  }

  /** Resolves if the device is given up because its work or a compilation does not end. Never settles otherwise. */
  get hung(): Promise<void> {
    return this.#hung.promise;
  }

  /** Whether the device is lost or given up. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Whether the GPU has worked on one call for a suspiciously long time. */
  get late(): boolean {
    const [first] = this.#unfinished;
    return first !== undefined && performance.now() - Math.max(first.at, this.#endedAt) > LATE_MS;
  }

  /** Settles when `owner` may submit more work; undefined if it may now. */
  busy(owner: WorkOwner): Promise<void> | undefined {
    const backlog = this.#backlogs.get(owner);
    if (!backlog || backlog.calls < BACKLOG_CALLS || backlog.calls * backlog.msPerCall < BACKLOG_MS) return undefined;
    backlog.next ??= Promise.withResolvers();
    return backlog.next.promise;
  }

  /** A call of `owner` has submitted work. The device is given up if the work takes longer than `hungMs`. */
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
    // The next look adds all of the current block, but this part of it does not concern the work that comes next.
    this.#blockedMs = -this.#blockedBy(now);
    const backlog = this.#backlog(entry.owner);
    backlog.calls--;
    backlog.msPerCall = Math.max(ms, FADING * backlog.msPerCall);
    backlog.next?.resolve();
    backlog.next = undefined;
    entry.owner.onWork(ms);
  }

  /** How long this thread has been blocked since the last look, beyond the usual time between two looks. */
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

  /** The device does something that does not end. Nothing waits for it from now on. */
  giveUp(): void {
    this.#end();
    this.#hung.resolve();
  }

  #end(): void {
    this.#lost = true;
    for (const { owner } of this.#unfinished.splice(0)) this.#backlogs.get(owner)?.next?.resolve();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
