import { Fault } from './reader.ts';

/** Counts and limits the memory of one sort that the GPU objects of one room (one running game) take. */
export class Budget {
  readonly #bytesMax: number;
  readonly #setting: string;
  #used = 0;

  /** @param setting name of the setting that is the limit */
  constructor(bytesMax: number, setting: 'GPU_BYTES_MAX' | 'GPU_OBJECT_BYTES_MAX') {
    this.#bytesMax = bytesMax;
    this.#setting = setting;
  }

  /** Bytes of memory that the room holds. */
  get used(): number {
    return this.#used;
  }

  /** Counts `bytes` of memory as held by the room. @throws Fault if that is more than the room has left */
  take(bytes: number): void {
    const left = this.#bytesMax - this.#used;
    if (bytes > left)
      throw new Fault(`its ${bytes} bytes exceed what is left of ${this.#bytesMax} (${this.#setting}): ${left}`);
    this.#used += bytes;
  }

  /** Counts `bytes` of memory as released by the room. */
  give(bytes: number): void {
    this.#used -= bytes;
  }

  /** Creates a GPU object of `bytes`, which count as held only if `create` succeeds. @throws Fault if too few are left */
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

/** Limits on what a module may draw and dispatch in one call of an export, such as one `render`. */
export interface WorkLimits {
  gpuDrawsMax: number;
  gpuVerticesMax: number;
  gpuWorkgroupsMax: number;
}

/**
 * Counts and limits what a module draws and dispatches in one call of an export. An indirect draw or dispatch counts as one
 * draw without vertices or workgroups, because only the GPU knows how many there are.
 */
export class Work {
  readonly #limits: WorkLimits;
  #draws = 0;
  #vertices = 0;
  #workgroups = 0;

  constructor(limits: WorkLimits) {
    this.#limits = limits;
  }

  /** Resets the counts, because the next call of the module begins. */
  begin(): void {
    this.#draws = 0;
    this.#vertices = 0;
    this.#workgroups = 0;
  }

  /** Counts draws and their vertices. @throws Fault if the current call has drawn too much */
  draw(draws: number, vertices: number): void {
    const { gpuDrawsMax, gpuVerticesMax } = this.#limits;
    this.#draws += draws;
    this.#vertices += vertices;
    if (this.#draws > gpuDrawsMax) throw new Fault(`one call draws more than ${gpuDrawsMax} times (GPU_DRAWS_MAX)`);
    if (this.#vertices > gpuVerticesMax)
      throw new Fault(`one call draws more than ${gpuVerticesMax} vertices (GPU_VERTICES_MAX)`);
  }

  /** Counts one dispatch and its workgroups. @throws Fault if the current call has dispatched too much */
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
