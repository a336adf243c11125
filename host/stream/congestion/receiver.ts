/** The rate grows while packet loss is below LOSS_LOW and falls while it is above LOSS_HIGH. */
const LOSS_LOW = 0.02;
const LOSS_HIGH = 0.1;
/** Growth from one report, about a second after the last, to the next. */
const GROWTH = 1.25;
const BITS_PER_SECOND_MIN = 200_000;

/**
 * Follows the bandwidth that a page estimates (REMB) and the loss that it reports. Only for pages that do not report the arrival of
 * each packet, because such an estimate follows the path slowly.
 */
export class ReceiverEstimate {
  #bitsPerSecond: number;
  #max = Number.POSITIVE_INFINITY;

  constructor(bitsPerSecond: number) {
    this.#bitsPerSecond = bitsPerSecond;
  }

  get bitsPerSecond(): number {
    return this.#bitsPerSecond;
  }

  /** Sets the most that the sender can use. */
  limit(bitsPerSecondMax: number): void {
    this.#max = Math.max(BITS_PER_SECOND_MIN, bitsPerSecondMax);
    this.#bitsPerSecond = Math.min(this.#bitsPerSecond, this.#max);
  }

  /** @param rembBitsPerSecond the page's estimate, or 0 if there is none */
  update(lossFraction: number, rembBitsPerSecond: number): void {
    let wanted = this.#bitsPerSecond;
    if (lossFraction > LOSS_HIGH) wanted *= 1 - lossFraction / 2;
    else if (lossFraction < LOSS_LOW) wanted *= GROWTH;
    if (rembBitsPerSecond > 0) wanted = Math.min(wanted, rembBitsPerSecond);
    this.#bitsPerSecond = Math.max(BITS_PER_SECOND_MIN, Math.min(this.#max, wanted));
  }
}
