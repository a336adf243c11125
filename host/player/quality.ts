/** How well the network carries the game: `unsteady` is noticed, with `poor` the game is hard to play. */
export type Quality = 'good' | 'unsteady' | 'poor';

/** The figures of about one second. NaN where there is none. */
export type QualityFigures = {
  /** Fraction of packets lost, 0 to 1. */
  lossFraction: number;
  /** Milliseconds of a round trip, at the median and in the worst case. */
  rtt: number;
  rttMax: number;
};

/** The upper bounds for `good` and for `unsteady`. Variation is by how much the longest round trip exceeds the usual one. */
const BOUNDS = {
  lossFraction: [0.01, 0.05],
  rttMs: [80, 200],
  variationMs: [50, 150],
} as const;
const LEVELS: readonly Quality[] = ['good', 'unsteady', 'poor'];
/** A connection counts as good again only after this many good seconds in a row, so that the word does not flicker. */
const MEMORY = 4;

/** Says in one word how well the network carries the game. */
export class QualityMeter {
  readonly #levels: number[] = [];

  get quality(): Quality {
    return LEVELS[Math.max(0, ...this.#levels)] ?? 'good';
  }

  /** Takes the figures of another second. */
  add({ lossFraction, rtt, rttMax }: QualityFigures): void {
    this.#levels.push(
      Math.max(
        levelOf(lossFraction, BOUNDS.lossFraction),
        levelOf(rtt, BOUNDS.rttMs),
        levelOf(rttMax - rtt, BOUNDS.variationMs),
      ),
    );
    if (this.#levels.length > MEMORY) this.#levels.shift();
  }

  /** Forgets all figures, because the connection is another one. */
  reset(): void {
    this.#levels.length = 0;
  }
}

/** Returns 0 up to the first bound, 1 up to the second, and 2 above; 0 for NaN. */
function levelOf(value: number, [fair, poor]: readonly [number, number]): number {
  return Number(value > fair) + Number(value > poor);
}
