import { Fault } from './reader.ts';
import { perDevice } from './shared.ts';

/**
 * No room gets another bind group while a device has this many. A software adapter (lavapipe) uses a memory mapping for each,
 * and Linux ends a process that needs more than 65,530 mappings.
 */
const GROUPS_LIMIT = 57_344;
/** While a device has this many bind groups, only rooms that hold less than their share get another. */
export const GROUPS_MAX = 32_768;
/** From this many bind groups on, garbage is collected, because bind groups end only when they are collected. */
const GROUPS_MANY = GROUPS_MAX / 2;
/** Time between two collections. It doubles, up to COLLECT_MS_MAX, for as long as they free little. */
const COLLECT_MS = 1000;
const COLLECT_MS_MAX = 60_000;
/** A collection that leaves more than this fraction of the bind groups has freed little. */
const KEPT_MAX = 0.9;
/** Garbage is collected after render bundles of this many bytes in total were dropped. */
const GARBAGE_BYTES_MAX = 2 ** 26;

/** Counts the bind groups of a device until they are garbage-collected, and limits how many each room holds. */
export class DeviceGroups {
  readonly #device: GPUDevice;
  readonly #registry = new FinalizationRegistry<object>((holder) => this.#collected(holder));
  readonly #heldBy = new Map<object, number>();
  #count = 0;
  /** Number of bind groups that were garbage-collected, but that the GPU may still be using. */
  #ending = 0;
  #collector: () => void = () => {};
  #collectedAt = Number.NEGATIVE_INFINITY;
  #collectAgainMs = COLLECT_MS;
  #countAtCollection = 0;
  #garbageBytes = 0;

  /** The bind groups of a device. */
  static readonly of = perDevice((device) => new DeviceGroups(device));

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Sets how to start a garbage collection. Without it, the counts fall only when the JavaScript engine collects by itself. */
  collectWith(collector: () => void): void {
    this.#collector = collector;
  }

  /** Starts a garbage collection, if there is a way to. */
  collect(): void {
    this.#collector();
  }

  /** Bind groups that are not garbage-collected yet. */
  get count(): number {
    return this.#count;
  }

  /**
   * Creates a bind group for `holder`.
   * @throws Fault if there are GROUPS_LIMIT of them, or if there are GROUPS_MAX and `holder` has its share
   */
  create(holder: object, create: () => GPUBindGroup): GPUBindGroup {
    const held = this.#heldBy.get(holder) ?? 0;
    const share = GROUPS_MAX / Math.max(1, this.#heldBy.size);
    if (this.#count >= GROUPS_LIMIT || (this.#count >= GROUPS_MAX && held >= share))
      throw new Fault(`there are ${this.#count} bind groups on this GPU; keep them, or use dynamic offsets`);
    if (this.#count >= GROUPS_MANY) this.#collectSometimes();
    const group = create();
    this.#count++;
    this.#heldBy.set(holder, held + 1);
    this.#registry.register(group, holder);
    return group;
  }

  /** Counts a render bundle that was dropped; its memory stays in use until it is collected. */
  dropRenderBundle(bytes: number): void {
    this.#garbageBytes += bytes;
    if (this.#garbageBytes < GARBAGE_BYTES_MAX) return;
    this.#garbageBytes = 0;
    this.collect();
  }

  #collectSometimes(): void {
    const now = performance.now();
    if (now - this.#collectedAt < this.#collectAgainMs) return;
    const freedLittle = this.#countAtCollection > 0 && this.#count > KEPT_MAX * this.#countAtCollection;
    this.#collectAgainMs = freedLittle ? Math.min(2 * this.#collectAgainMs, COLLECT_MS_MAX) : COLLECT_MS;
    this.#collectedAt = now;
    this.#countAtCollection = this.#count;
    this.collect();
  }

  /** A bind group was collected. Dawn frees it once the queue has moved on, which it does only when work is submitted. */
  #collected(holder: object): void {
    const held = (this.#heldBy.get(holder) ?? 0) - 1;
    if (held <= 0) this.#heldBy.delete(holder);
    else this.#heldBy.set(holder, held);
    if (this.#ending++ > 0) return;
    void this.#passQueue()
      .then(() => this.#passQueue())
      .then(
        () => {
          this.#count -= this.#ending;
          this.#ending = 0;
        },
        () => {},
      );
  }

  /** Submits empty work and waits until the queue has passed it. */
  #passQueue(): Promise<undefined> {
    const { queue } = this.#device;
    queue.submit([this.#device.createCommandEncoder().finish()]);
    return queue.onSubmittedWorkDone();
  }
}
