import { Fault } from './reader.ts';

/** Counts the GPU memory that a room holds, and limits it. */
export class Budget {
  readonly #bytesMax: number;
  #used = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes that the room holds. */
  get used(): number {
    return this.#used;
  }

  /** Counts `bytes` as held. @throws Fault if that is more than the room has left */
  take(bytes: number): void {
    const left = this.#bytesMax - this.#used;
    if (bytes > left)
      throw new Fault(`its ${bytes} bytes exceed what is left of ${this.#bytesMax} (GPU_BYTES_MAX): ${left}`);
    this.#used += bytes;
  }

  /** Counts `bytes` as released. */
  give(bytes: number): void {
    this.#used -= bytes;
  }

  /** Creates an object of `bytes`, which count as held only if `create` succeeds. @throws Fault as take() */
  spend<T>(bytes: number, create: () => T): T {
    this.take(bytes);
    try {
      return create();
    } catch (error) {
      this.give(bytes);
      throw error;
    }
  }
}

/** Limits on what one call of a module may draw and dispatch. */
export interface WorkLimits {
  gpuDrawsMax: number;
  gpuVerticesMax: number;
  gpuWorkgroupsMax: number;
}

/**
 * Counts what one call of a module draws and dispatches, and limits it. An indirect draw or dispatch counts as one draw
 * without vertices or workgroups, because only the GPU knows how many there are.
 */
export class Work {
  readonly #limits: WorkLimits;
  #draws = 0;
  #vertices = 0;
  #workgroups = 0;

  constructor(limits: WorkLimits) {
    this.#limits = limits;
  }

  /** Starts to count for another call. */
  begin(): void {
    this.#draws = 0;
    this.#vertices = 0;
    this.#workgroups = 0;
  }

  /** @throws Fault if the call draws too much */
  draw(draws: number, vertices: number): void {
    const { gpuDrawsMax, gpuVerticesMax } = this.#limits;
    this.#draws += draws;
    this.#vertices += vertices;
    if (this.#draws > gpuDrawsMax) throw new Fault(`one call draws more than ${gpuDrawsMax} times (GPU_DRAWS_MAX)`);
    if (this.#vertices > gpuVerticesMax)
      throw new Fault(`one call draws more than ${gpuVerticesMax} vertices (GPU_VERTICES_MAX)`);
  }

  /** @throws Fault if the call dispatches too much */
  dispatch(workgroups: number): void {
    const { gpuDrawsMax, gpuWorkgroupsMax } = this.#limits;
    this.#draws++;
    this.#workgroups += workgroups;
    if (this.#draws > gpuDrawsMax)
      throw new Fault(`one call dispatches more than ${gpuDrawsMax} times (GPU_DRAWS_MAX)`);
    if (this.#workgroups > gpuWorkgroupsMax)
      throw new Fault(`one call dispatches more than ${gpuWorkgroupsMax} workgroups (GPU_WORKGROUPS_MAX)`);
  }
}
