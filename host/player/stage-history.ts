import { STAGES } from '../base/stages.ts';
import type { Milli } from '../base/time.ts';

/** Number of pictures that are remembered: a minute at 60 pictures a second. A power of two. */
const PICTURES = 4096;

/** The stages of the pictures of the last minute, for percentiles and for the graph. Adding a picture allocates nothing. */
export class StageHistory {
  readonly #shownAt = new Float64Array(PICTURES);
  /** Milliseconds by stage. */
  readonly #stages = STAGES.map(() => new Float32Array(PICTURES));
  readonly #sorted = new Float32Array(PICTURES);
  #count = 0;

  /** Number of pictures that are remembered. */
  get size(): number {
    return Math.min(this.#count, PICTURES);
  }

  reset(): void {
    this.#count = 0;
  }

  /** Adds a picture. @param stages milliseconds in each of STAGES */
  add(stages: ArrayLike<number>, shownAt: Milli): void {
    const slot = this.#count++ % PICTURES;
    this.#shownAt[slot] = shownAt;
    for (let stage = 0; stage < STAGES.length; stage++) {
      const values = this.#stages[stage];
      if (values) values[slot] = stages[stage] ?? 0;
    }
  }

  /** When a picture was shown. @param age 0 for the newest picture, 1 for the one before */
  shownAt(age: number): number {
    return this.#shownAt[this.#slotOf(age)] ?? 0;
  }

  /** Returns the milliseconds of a picture in some stages together. @param stages positions in STAGES */
  timeOf(age: number, stages: readonly number[]): number {
    const slot = this.#slotOf(age);
    let ms = 0;
    for (const stage of stages) ms += this.#stages[stage]?.[slot] ?? 0;
    return ms;
  }

  /**
   * Computes percentiles of the time in some stages together, by nearest rank. NaN if there are no pictures.
   * @param stages positions in STAGES
   * @param fractions 0 to 1; the results replace them
   */
  percentiles(stages: readonly number[], fractions: Float64Array): void {
    const { size } = this;
    for (let age = 0; age < size; age++) this.#sorted[age] = this.timeOf(age, stages);
    const sorted = this.#sorted.subarray(0, size).sort();
    for (let i = 0; i < fractions.length; i++)
      fractions[i] = sorted[Math.max(0, Math.ceil((fractions[i] ?? 0) * size) - 1)] ?? Number.NaN;
  }

  #slotOf(age: number): number {
    return (this.#count - 1 - age) & (PICTURES - 1);
  }
}
