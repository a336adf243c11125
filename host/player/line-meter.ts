import { type Quality, QualityMeter } from './quality.ts';
import { type ReceiverFigures, ReceiverMeter } from './receiver.ts';

/** Measures the line of a connection once a second. The page loads this part when it plays. */
export class LineMeter {
  readonly #receiver: ReceiverMeter;
  readonly #quality = new QualityMeter();

  /** @param unknown returns the figures before the first measurement */
  constructor(unknown: () => ReceiverFigures) {
    this.#receiver = new ReceiverMeter(unknown);
  }

  get figures(): ReceiverFigures & { quality: Quality } {
    return { ...this.#receiver.figures, quality: this.#quality.quality };
  }

  /** Forgets all measurements, because the connection is another one. */
  reset(): void {
    this.#receiver.reset();
    this.#quality.reset();
  }

  /** Begins the current second again; see ReceiverMeter. */
  restart(shown: number): void {
    this.#receiver.restart(shown);
  }

  /**
   * Measures the second since the last call.
   * @param report statistics of the connection's video receiver
   * @param options.shown number of pictures shown so far
   * @param options.rtt the usual round trip
   * @param options.rttMax the longest one
   */
  measure(report: RTCStatsReport, { shown, ...times }: { shown: number; rtt: number; rttMax: number }): void {
    this.#receiver.measure(report, shown);
    this.#quality.add({ ...times, lossFraction: this.#receiver.figures.lossFraction });
  }
}
