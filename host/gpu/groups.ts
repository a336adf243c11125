import { Fault } from './reader.ts';
import { perDevice } from './shared.ts';

/**
 * Bind groups of a device that are not collected yet. A software adapter (lavapipe) takes a memory mapping for each, Linux
 * allows a process 65,530, and the one beyond ends the process.
 */
const GROUPS_LIMIT = 57_344;
/** Beyond so many, those who hold more than their part get no more. */
export const GROUPS_MAX = 32_768;
/** With so many, those that nobody uses any more are to be collected. */
const GROUPS_MANY = GROUPS_MAX / 2;
/** Between two collections; longer where nothing came of the last ones. */
const COLLECT_MS = 1000;
const COLLECT_MS_MAX = 60_000;
/** Of what is kept until it is collected, in bytes; render bundles are. */
const GARBAGE_MANY = 2 ** 26;

/** Counts the bind groups of a device, whichever room has made them: they end when they are collected. */
export class DeviceGroups {
  #count = 0;
  readonly #holders = new Map<object, number>();
  #askedAt = Number.NEGATIVE_INFINITY;
  #askedAgainMs = COLLECT_MS;
  #countThen = 0;
  #garbage = 0;
  /** Has garbage collected soon, where that can be asked for. */
  collect: () => void = () => {};
  readonly #device: GPUDevice;
  readonly #registry = new FinalizationRegistry<object>((holder) => this.#collected(holder));
  /** Collected, but the GPU may still be at work with them. */
  #ending = 0;

  /** The one of this device. */
  static readonly of = perDevice((device) => new DeviceGroups(device));

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Bind groups that are not collected yet. */
  get count(): number {
    return this.#count;
  }

  /** Makes one more for `holder`. @throws Fault where there are too many, and it holds its part of them */
  make(holder: object, create: () => GPUBindGroup): GPUBindGroup {
    const held = this.#holders.get(holder) ?? 0;
    const part = GROUPS_MAX / Math.max(1, this.#holders.size);
    if (this.#count >= GROUPS_LIMIT || (this.#count >= GROUPS_MAX && held >= part))
      throw new Fault(`there are ${this.#count} bind groups on this GPU; keep them, or use dynamic offsets`);
    if (this.#count >= GROUPS_MANY) this.#ask();
    const group = create();
    this.#count++;
    this.#holders.set(holder, held + 1);
    this.#registry.register(group, holder);
    return group;
  }

  /** So many bytes wait to be collected from now on. */
  dropped(bytes: number): void {
    this.#garbage += bytes;
    if (this.#garbage < GARBAGE_MANY) return;
    this.#garbage = 0;
    this.collect();
  }

  #ask(): void {
    const now = performance.now();
    if (now - this.#askedAt < this.#askedAgainMs) return;
    const few = this.#countThen > 0 && this.#count > 0.9 * this.#countThen;
    this.#askedAgainMs = few ? Math.min(2 * this.#askedAgainMs, COLLECT_MS_MAX) : COLLECT_MS;
    this.#askedAt = now;
    this.#countThen = this.#count;
    this.collect();
  }

  /** What was collected is gone once the queue has come past it: only work that is submitted makes it look. */
  #collected(holder: object): void {
    const held = this.#holders.get(holder)! - 1;
    if (held === 0) this.#holders.delete(holder);
    else this.#holders.set(holder, held);
    if (this.#ending++ > 0) return;
    void this.#pass()
      .then(() => this.#pass())
      .then(
        () => {
          this.#count -= this.#ending;
          this.#ending = 0;
        },
        () => {},
      );
  }

  #pass(): Promise<undefined> {
    const { queue } = this.#device;
    queue.submit([this.#device.createCommandEncoder().finish()]);
    return queue.onSubmittedWorkDone();
  }
}
