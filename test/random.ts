import { must } from '../host/base/assert.ts';
/** Pseudo-random numbers. The same seed gives the same numbers. */
export class Random {
  #state: number;

  constructor(seed: number) {
    // A campaign's seeds follow each other, so they are mixed to make their first numbers differ.
    this.#state = Math.imul(seed ^ (seed >>> 16), 0x45d9f3b) ^ 0x9e3779b9;
  }

  /** Returns 32 random bits as an unsigned number (splitmix32). */
  u32(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** Returns a random whole number from 0 up to, but not including, `count`. */
  below(count: number): number {
    return Math.floor((this.u32() / 2 ** 32) * count);
  }

  /** Returns true at random, in `share` of 100 cases. */
  percent(share: number): boolean {
    return this.below(100) < share;
  }

  /** Returns a random value of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return must(list[this.below(list.length)], 'value in an empty list');
  }
}
