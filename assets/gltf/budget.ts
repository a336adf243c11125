import { fail } from '../fault.ts';

/** A limit on the total of something in a file. */
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

  /** Adds an amount to the total. @throws NearlightError NL_MODEL with the place at which the total exceeds the limit */
  take(place: string, amount: number): void {
    this.#used += amount;
    if (this.#used > this.#max)
      fail(place, `brings the model to ${this.#used} ${this.#what}, more than the ${this.#max} allowed`);
  }
}
