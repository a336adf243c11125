import { Fault } from './reader.ts';

/**
 * Bind groups of a device that are not collected yet. A software adapter (lavapipe) takes a memory mapping for each, Linux
 * allows a process 65,530, and the one beyond ends the process.
 */
export const GROUPS_MAX = 32_768;
/** With so many, those that nobody uses any more are to be collected. */
const GROUPS_MANY = GROUPS_MAX / 2;
const COLLECT_MS = 1000;

const known = new WeakMap<GPUDevice, DeviceGroups>();

/** Counts the bind groups of a device, whichever room has made them: they end when they are collected. */
export class DeviceGroups {
  #count = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Has garbage collected soon, where that can be asked for. */
  collect: () => void = () => {};
  readonly #device: GPUDevice;
  readonly #registry = new FinalizationRegistry<undefined>(() => this.#collected());
  /** Collected, but the GPU may still be at work with them. */
  #ending = 0;

  /** The one of this device. */
  static of(device: GPUDevice): DeviceGroups {
    let groups = known.get(device);
    if (!groups) {
      groups = new DeviceGroups(device);
      known.set(device, groups);
    }
    return groups;
  }

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Makes one more. @throws Fault where there are too many */
  make(create: () => GPUBindGroup): GPUBindGroup {
    if (this.#count >= GROUPS_MAX)
      throw new Fault(`there are ${GROUPS_MAX} bind groups on this GPU; keep them, or use dynamic offsets`);
    if (this.#count >= GROUPS_MANY && performance.now() - this.#askedAt > COLLECT_MS) {
      this.#askedAt = performance.now();
      this.collect();
    }
    const group = create();
    this.#count++;
    this.#registry.register(group, undefined);
    return group;
  }

  /** What was collected is gone once the queue has come past it: only work that is submitted makes it look. */
  #collected(): void {
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
