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

const CHECK_MS = 500;

const known = new WeakMap<GPUDevice, DeviceWatch>();

/**
 * Times the work of the rooms that share a device. Its queue works in order, so what ends between two ends is the later one's
 * alone. A shader that never ends is found out here: it would be waited for without end.
 */
export class DeviceWatch {
  readonly #queue: GPUQueue;
  readonly #waiting: Submitted[] = [];
  #endedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #checkedAt = 0;
  #hung: Promise<void>;
  #hang!: () => void;
  #lost = false;

  /** The one of this device. */
  static of(device: GPUDevice): DeviceWatch {
    let watch = known.get(device);
    if (!watch) {
      watch = new DeviceWatch(device);
      known.set(device, watch);
    }
    return watch;
  }

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
    return first !== undefined && performance.now() - Math.max(first.at, this.#endedAt) > CHECK_MS;
  }

  /** Something was submitted for `owner`; after `hungMs` it is given up. */
  submitted(owner: WorkOwner, hungMs: number): void {
    if (this.#lost) return;
    const entry = { owner, at: performance.now(), hungMs };
    this.#waiting.push(entry);
    this.#queue.onSubmittedWorkDone().then(
      () => this.#done(entry),
      () => {},
    );
    if (this.#timer === undefined) this.#check();
  }

  #done(entry: Submitted): void {
    if (this.#waiting[0] !== entry) return;
    const now = performance.now();
    this.#waiting.shift();
    entry.owner.onWork(now - Math.max(entry.at, this.#endedAt));
    this.#endedAt = now;
  }

  #check(): void {
    const now = performance.now();
    const first = this.#waiting[0];
    // Where this thread itself stood still, what has ended meanwhile is not known yet.
    const awake = now - this.#checkedAt < 2 * CHECK_MS;
    this.#checkedAt = now;
    this.#timer = undefined;
    if (first === undefined) return;
    if (awake && now - Math.max(first.at, this.#endedAt) > first.hungMs) {
      this.#end();
      first.owner.onHung();
      this.#hang();
      return;
    }
    this.#timer = setTimeout(() => this.#check(), CHECK_MS);
    this.#timer.unref?.();
  }

  #end(): void {
    this.#lost = true;
    this.#waiting.length = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
