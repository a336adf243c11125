import { perDevice } from './shared.ts';

/** Who is told how long the GPU works for it. */
export interface WorkOwner {
  /** The GPU took so long for what one call submitted. */
  onWork(ms: number): void;
  /** The GPU has not come to an end with what a call submitted, and is not expected to. */
  onHung(): void;
}

interface Submitted {
  owner: WorkOwner;
  at: number;
  hungMs: number;
}

/** What an owner has submitted and the GPU has not done yet. */
interface Backlog {
  calls: number;
  /** Of a call, lately. */
  ms: number;
  /** Waits for the next one to end. */
  next: PromiseWithResolvers<void> | undefined;
}

const CHECK_MS = 100;
/** Without an end for so long, work may have none. */
const LATE_MS = 500;
/** Of one owner's work at the GPU, in milliseconds and in calls, what others may have to wait for. */
const BACKLOG_MS = 50;
const BACKLOG_CALLS = 2;
/** What is left of a long call's time, after each shorter one. */
const FADING = 0.9;

/**
 * Times the work of the rooms that share a device. Its queue works in order, so what ends between two ends is the later one's
 * alone. A shader that never ends is found out here: it would be waited for without end.
 */
export class DeviceWatch {
  readonly #queue: GPUQueue;
  readonly #waiting: Submitted[] = [];
  readonly #backlogs = new WeakMap<WorkOwner, Backlog>();
  #endedAt = 0;
  /** Time for which this thread stood still while the GPU was at work: what ended meanwhile is not known. */
  #stoodMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #checkedAt = 0;
  #hung: Promise<void>;
  #hang!: () => void;
  #lost = false;

  /** The one of this device. */
  static readonly of = perDevice((device) => new DeviceWatch(device));

  constructor(device: GPUDevice) {
    this.#queue = device.queue;
    this.#hung = new Promise((resolve) => {
      this.#hang = resolve;
    });
    void device.lost.then(() => this.#end());
  }

  /** Resolves where the device works for somebody without end; never otherwise. */
  get hung(): Promise<void> {
    return this.#hung;
  }

  /** Whether the device is given up, or lost otherwise. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Whether the GPU has been at one call's work for long, and may be without end. */
  get late(): boolean {
    const first = this.#waiting[0];
    return first !== undefined && performance.now() - Math.max(first.at, this.#endedAt) > LATE_MS;
  }

  /** What is to be waited for before `owner` submits more; undefined for nothing. */
  busy(owner: WorkOwner): Promise<void> | undefined {
    const backlog = this.#backlogs.get(owner);
    if (!backlog || backlog.calls < BACKLOG_CALLS || backlog.calls * backlog.ms < BACKLOG_MS) return undefined;
    backlog.next ??= Promise.withResolvers();
    return backlog.next.promise;
  }

  /** Something was submitted for `owner`; after `hungMs` it is given up. */
  submitted(owner: WorkOwner, hungMs: number): void {
    if (this.#lost) return;
    const entry = { owner, at: performance.now(), hungMs };
    this.#waiting.push(entry);
    const backlog = this.#backlogs.get(owner);
    if (backlog) backlog.calls++;
    else this.#backlogs.set(owner, { calls: 1, ms: 0, next: undefined });
    this.#queue.onSubmittedWorkDone().then(
      () => this.#done(entry),
      () => {},
    );
    if (this.#timer !== undefined) return;
    this.#checkedAt = entry.at;
    this.#check();
  }

  #done(entry: Submitted): void {
    if (this.#waiting[0] !== entry) return;
    const now = performance.now();
    this.#waiting.shift();
    const stood = this.#stoodMs + this.#standing(now);
    const ms = Math.max(0, now - Math.max(entry.at, this.#endedAt) - stood);
    this.#endedAt = now;
    this.#stoodMs = -this.#standing(now);
    this.#take(entry.owner, ms);
    entry.owner.onWork(ms);
  }

  #take(owner: WorkOwner, ms: number): void {
    const backlog = this.#backlogs.get(owner)!;
    backlog.calls--;
    backlog.ms = Math.max(ms, FADING * backlog.ms);
    backlog.next?.resolve();
    backlog.next = undefined;
  }

  /** For how long this thread has stood still since it looked last, beyond what is usual. */
  #standing(now: number): number {
    return Math.max(0, now - this.#checkedAt - 2 * CHECK_MS);
  }

  #check(): void {
    const now = performance.now();
    const first = this.#waiting[0];
    this.#stoodMs += this.#standing(now);
    this.#checkedAt = now;
    this.#timer = undefined;
    if (first === undefined) return;
    if (now - Math.max(first.at, this.#endedAt) - this.#stoodMs > first.hungMs) {
      this.giveUp();
      first.owner.onHung();
      return;
    }
    this.#timer = setTimeout(() => this.#check(), CHECK_MS);
    this.#timer.unref?.();
  }

  /** The device does something without end. */
  giveUp(): void {
    this.#end();
    this.#hang();
  }

  #end(): void {
    this.#lost = true;
    for (const { owner } of this.#waiting.splice(0)) this.#backlogs.get(owner)?.next?.resolve();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
