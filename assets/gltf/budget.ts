import { fail } from '../fault.ts';

/** An amount of something that all parts of a file share. */
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

  /** @throws NearlightError NL_MODEL naming the place where the bound is passed */
  take(place: string, amount: number): void {
    this.#used += amount;
    if (this.#used > this.#max)
      fail(place, `with it the model has ${this.#used} ${this.#what}, more than ${this.#max}`);
  }
}
