import { fail } from '../fault.ts';

/** Adds up the total of something in a model, such as its vertices, and limits it. */
export class Budget {
  readonly #what: string;
  readonly #max: number;
  #used = 0;

  constructor(what: string, max: number) {
    this.#what = what;
    this.#max = max;
  }

  get used(): number {
    return this.#used;
  }

  /**
   * Adds an amount to the total.
   * @throws NearlightError NL_MODEL with the place in the model at which the total exceeds the limit
   */
  take(place: string, amount: number): void {
    this.#used += amount;
    if (this.#used > this.#max)
      fail(place, `brings the model to ${this.#used} ${this.#what}, more than the ${this.#max} allowed`);
  }
}
