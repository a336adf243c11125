import { Fault } from './reader.ts';
import { perDevice } from './shared.ts';

/**
 * Number of bind groups on a GPU device from which on no room gets another. A software adapter (lavapipe) uses a memory mapping
 * for each, and Linux ends a process that needs more than 65,530 mappings.
 */
const GROUPS_LIMIT = 57_344;
/** Number of bind groups on a GPU device from which on only rooms that hold less than an equal share get another. */
export const GROUPS_MAX = 32_768;
/** From this many bind groups on, garbage is collected, because the GPU frees a bind group only after that. */
const GROUPS_MANY = GROUPS_MAX / 2;
/** Time between two garbage collections. It doubles, up to COLLECT_MS_MAX, as long as they free few bind groups. */
const COLLECT_MS = 1000;
const COLLECT_MS_MAX = 60_000;
/** A garbage collection that leaves more than this fraction of the bind groups has freed few. */
const KEPT_MAX = 0.9;
/** Garbage is collected whenever dropped objects add up to this many bytes of the host's memory. */
const GARBAGE_BYTES_MAX = 2 ** 26;

/** Counts the bind groups of a GPU device until they are garbage-collected, and limits how many each room holds. */
export class DeviceGroups {
  readonly #device: GPUDevice;
  readonly #registry = new FinalizationRegistry<object>((holder) => this.#collected(holder));
  readonly #heldBy = new Map<object, number>();
  #count = 0;
  /** Number of bind groups that the JavaScript engine has garbage-collected, but that the GPU may still be using. */
  #ending = 0;
  #collector: () => void = () => {};
  #collectedAt = Number.NEGATIVE_INFINITY;
  #collectAgainMs = COLLECT_MS;
  #countAtCollection = 0;
  #garbageBytes = 0;

  /** Returns the one counter of bind groups of a GPU device. */
  static readonly of = perDevice((device) => new DeviceGroups(device));

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Sets how to start a garbage collection. Without it, the counts fall only when the JavaScript engine collects by itself. */
  collectWith(collector: () => void): void {
    this.#collector = collector;
  }

  /** Starts a garbage collection, if collectWith() has set how. */
  collect(): void {
    this.#collector();
  }

  /** Number of bind groups on the device that still count: those not garbage-collected, or perhaps still used by the GPU. */
  get count(): number {
    return this.#count;
  }

  /**
   * Creates a bind group that counts as held by `holder`, which stands for a room.
   * @throws Fault if the device has GROUPS_LIMIT bind groups, or has GROUPS_MAX and `holder` holds its equal share
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

  /** Counts the bytes of dropped objects, whose memory stays in use until they are garbage-collected. */
  drop(bytes: number): void {
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

  /** Counts a garbage-collected bind group. Dawn frees it only when the queue advances, which takes submitted work. */
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

  /** Submits empty work to the GPU and waits until the queue has passed it. */
  #passQueue(): Promise<undefined> {
    const { queue } = this.#device;
    queue.submit([this.#device.createCommandEncoder().finish()]);
    return queue.onSubmittedWorkDone();
  }
}
