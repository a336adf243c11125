import { type Milli, milli } from '../../base/time.ts';

/** A probe sends at its rate for this long, and at least this many packets. */
export const PROBE_MS = 15;
const PACKETS_MIN = 5;
/** A probe of which no packet was reported for this long has failed. */
const TIMEOUT_MS = 1000;
/** Share of a probe's packets that must have been reported before its rate is known. */
const REPORTED_MIN = 0.7;

/** A burst of packets that shows whether the path carries more than was sent until now. */
export interface Probe {
  /** Number of the probe, 1 to 65535. */
  readonly cluster: number;
  readonly bitsPerSecond: number;
  readonly bytes: number;
}

/** Measures at which rate the packets of a probe arrived. */
export class ProbeMeter {
  #probe: Probe | undefined;
  #startedAt = milli(0);
  #sentBytes = 0;
  #firstDepartedAt = milli(0);
  #lastDepartedAt = milli(0);
  #firstArrivedAt = milli(0);
  #lastArrivedAt = milli(0);
  #departedBytes = 0;
  #firstBytes = 0;
  #lostBytes = 0;
  #arrived = 0;
  #clusters = 0;

  /** Whether a probe was begun whose result is not known. */
  get isBusy(): boolean {
    return this.#probe !== undefined;
  }

  /** Begins a probe. The caller sends its packets. */
  begin(bitsPerSecond: number, now: Milli): Probe {
    this.#clusters = (this.#clusters % 0xffff) + 1;
    const bytes = Math.max(PACKETS_MIN * 1200, (bitsPerSecond * PROBE_MS) / 8000);
    const probe = { cluster: this.#clusters, bitsPerSecond, bytes };
    this.#probe = probe;
    this.#startedAt = now;
    this.#sentBytes = this.#departedBytes = this.#firstBytes = this.#lostBytes = this.#arrived = 0;
    return probe;
  }

  /** Adds a packet of any probe. `arrivedAt` is NaN if the packet was lost. */
  packet(cluster: number, departedAt: Milli, arrivedAt: Milli, bytes: number): void {
    if (cluster !== this.#probe?.cluster) return;
    this.#sentBytes += bytes;
    if (Number.isNaN(arrivedAt)) {
      this.#lostBytes += bytes;
      return;
    }
    if (this.#arrived === 0) {
      this.#firstDepartedAt = departedAt;
      this.#firstArrivedAt = arrivedAt;
      this.#firstBytes = bytes;
      this.#lastArrivedAt = arrivedAt;
    }
    this.#arrived++;
    this.#departedBytes += bytes;
    this.#lastDepartedAt = departedAt;
    this.#firstArrivedAt = milli(Math.min(this.#firstArrivedAt, arrivedAt));
    this.#lastArrivedAt = milli(Math.max(this.#lastArrivedAt, arrivedAt));
  }

  /** @returns the probe's result if it has ended now; NaN bits per second if it has failed */
  result(now: Milli): { bitsPerSecond: number; isSaturated: boolean } | undefined {
    const probe = this.#probe;
    if (!probe) return undefined;
    if (this.#sentBytes < REPORTED_MIN * probe.bytes || this.#arrived < PACKETS_MIN - 1) {
      if (now - this.#startedAt < TIMEOUT_MS) return undefined;
      this.#probe = undefined;
      return { bitsPerSecond: Number.NaN, isSaturated: false };
    }
    this.#probe = undefined;
    // The first packet's own transmission is not part of the measured time.
    const bits = (this.#departedBytes - this.#firstBytes) * 8000;
    const sent = bits / Math.max(1, this.#lastDepartedAt - this.#firstDepartedAt);
    const arrived = bits / Math.max(1, this.#lastArrivedAt - this.#firstArrivedAt);
    return { bitsPerSecond: Math.min(sent, arrived), isSaturated: arrived < 0.85 * sent };
  }
}
