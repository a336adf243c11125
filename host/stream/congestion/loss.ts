/** Loss is measured over at least this many packets and this long. */
const PACKETS_MIN = 20;
const WINDOW_MS = 200;
/** Loss that exceeds what the path loses at any rate by less than this does not count. */
const EXCESS_MIN = 0.04;
/** How fast the path's own loss is learnt when loss stays the same at a lower rate, and how fast it is unlearnt. */
const LEARN = 0.5;
const UNLEARN = 0.1;
/** Share of the runs of lost packets that still counts a window later. */
const BURST_MEMORY = 0.95;
/** A radio link loses at most this much by itself. */
const OWN_LOSS_MAX = 0.25;

/**
 * Tells loss from a full queue apart from loss at random, as on a radio link. The former falls when less is sent. The latter stays
 * the same, so sending less would only make the picture worse.
 */
export class LossMeter {
  /** Fraction of the packets that were lost lately, 0 to 1. */
  fraction = 0;
  /** Mean number of packets that are lost one after the other: about 1 if each is lost by itself. */
  burst = 1;
  /** Fraction of the packets that the path loses at any rate. */
  #own = 0;
  #sent = 0;
  #lost = 0;
  /** Number of the newest lost packet. */
  #lastLost = Number.NEGATIVE_INFINITY;
  // Lost packets and runs of them, of which older ones count less.
  #lostLately = 0;
  #runsLately = 0;
  #windowAt: number | undefined;
  /** Loss in the window before the last reduction of the rate, until its effect is known. */
  #beforeReduction: number | undefined;
  #settlesAt = 0;

  /** @param count number of packets that were sent before this one; lost ones may come after later ones */
  packet(isLost: boolean, count: number): void {
    this.#sent++;
    if (isLost) {
      this.#lost++;
      this.#lostLately++;
      if (count !== this.#lastLost + 1) this.#runsLately++;
      this.#lastLost = count;
    }
  }

  /**
   * @param now time at which the newest packet of a report left
   * @param responseMs time until a change of the rate shows in reports
   * @returns fraction by which loss exceeds the path's own, if the rate should fall because of that; otherwise 0
   */
  update(now: number, responseMs: number): number {
    this.#windowAt ??= now;
    if (this.#sent < PACKETS_MIN || now - this.#windowAt < WINDOW_MS) return 0;
    const loss = this.#lost / this.#sent;
    // Twice the standard deviation of a count of random events.
    const noise = 2 * Math.sqrt((Math.max(loss, 0.01) * (1 - loss)) / this.#sent);
    this.#sent = this.#lost = 0;
    if (this.#runsLately > 0) this.burst = this.#lostLately / this.#runsLately;
    this.#lostLately *= BURST_MEMORY;
    this.#runsLately *= BURST_MEMORY;
    this.#windowAt = now;
    this.fraction += (loss - this.fraction) / 2;
    if (now < this.#settlesAt) return 0;
    if (this.#beforeReduction !== undefined) {
      // A reduction that did not lower the loss was in vain.
      if (loss > 0.6 * this.#beforeReduction)
        this.#own = Math.min(OWN_LOSS_MAX, this.#own + LEARN * (loss - this.#own) + noise / 2);
      this.#beforeReduction = undefined;
    }
    if (loss < this.#own) this.#own += UNLEARN * (loss - this.#own);
    const excess = loss - this.#own - noise;
    if (excess < EXCESS_MIN) return 0;
    this.#beforeReduction = loss;
    this.#settlesAt = now + responseMs;
    return loss - this.#own;
  }
}
