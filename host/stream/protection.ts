import { type Milli, milli } from '../base/time.ts';
import { repairsOf } from './rtp/repair-code.ts';

/** From this loss on, packets are protected, until loss has been lower for some time. */
const LOSS_MIN = 0.008;
const PROTECTION_MS = 5000;
/** The loss that counts follows a rise and a fall of the measured one with these time constants. */
const RISE_MS = 500;
const FALL_MS = 5000;
/**
 * If asking for a packet again takes longer than this, repair packets alone must do, so there are more of them. Measured until the
 * report about a packet, which comes some milliseconds after its arrival.
 */
const LONG_MS = 110;
const SHORT_MS = 90;
/**
 * Packets are protected only if the path carries this much. On a slower one, the picture would suffer more than from late frames,
 * unless those are very late.
 */
const BITS_PER_SECOND_MIN = { copies: 3_000_000, repairs: 1_500_000, repairsIfLong: 300_000 };
/**
 * Most repair packets per packet of a block, if asking for a packet takes short and long: on a narrow path, the picture must not suffer
 * too much. A block of one packet has one.
 */
const SHARE_MAX = { short: 1 / 2, long: 2 / 3 };
/**
 * The table of repair packets is for packets that are lost by themselves. Where the mean burst is longer than BURST_MIN, the loss counts
 * more, by this much for each packet of a burst.
 */
const BURST_MIN = 1.15;
const BURST_WEIGHT = 1.5;
const BURST_FACTOR_MAX = 3;
/** Share of the newest frame in the mean by which the cost of repair packets is measured. */
const FRAME_SHARE = 1 / 16;

/**
 * How the packets of a video are protected against loss: with repair packets, by sending each packet twice, or not at all.
 */
export type ProtectionKind = 'repairs' | 'copies' | 'none';

/**
 * Decides how much is sent in advance, so that the page need not ask for a lost packet. It follows the loss, the round trip and the size
 * of the frames. It has no clock; the caller passes the time in.
 */
export class Protection {
  readonly #kind: ProtectionKind;
  #loss = 0;
  #burstFactor = 1;
  #lossyAt = milli(Number.NEGATIVE_INFINITY);
  #updatedAt: Milli | undefined;
  #isOn = false;
  #isLong = false;
  /** Mean bytes of the frames, and of their repair packets. */
  #frameBytes = 0;
  #repairBytes = 0;
  readonly #repairsOf = (packets: number): number => {
    const most = Math.floor(packets * (this.#isLong ? SHARE_MAX.long : SHARE_MAX.short));
    return Math.min(repairsOf(packets, this.#loss * this.#burstFactor, this.#isLong), Math.max(1, most));
  };

  constructor(kind: ProtectionKind) {
    this.#kind = kind;
  }

  /** Whether every packet is sent twice. */
  get sendsCopies(): boolean {
    return this.#isOn && this.#kind === 'copies';
  }

  /** Returns the number of repair packets for a block of packets; undefined if there are none. */
  get repairsOf(): ((packets: number) => number) | undefined {
    return this.#isOn && this.#kind === 'repairs' ? this.#repairsOf : undefined;
  }

  /** Whether repair packets take the place of packets that are sent again, because those would come much too late. */
  get replacesRequests(): boolean {
    return this.#isLong && this.repairsOf !== undefined;
  }

  /** Bytes that are sent in advance, per byte of video. */
  get overhead(): number {
    if (this.sendsCopies) return 1;
    return this.#isOn ? this.#repairBytes / Math.max(1, this.#frameBytes) : 0;
  }

  /** Notes the packets of a frame, and the repair packets for it, in bytes. */
  addFrame(bytes: number, repairBytes: number): void {
    if (this.#frameBytes === 0) this.#frameBytes = bytes;
    this.#frameBytes += FRAME_SHARE * (bytes - this.#frameBytes);
    this.#repairBytes += FRAME_SHARE * (repairBytes - this.#repairBytes);
  }

  /**
   * Takes the newest measurements.
   * @param path.lossBurst mean number of packets that are lost one after the other
   * @param path.responseMs time from sending a packet to the report of its arrival
   * @param path.videoBitsPerSecond what the path carries without protection
   */
  update(
    {
      lossFraction,
      lossBurst,
      responseMs,
      videoBitsPerSecond,
    }: { lossFraction: number; lossBurst: number; responseMs: number; videoBitsPerSecond: number },
    now: Milli,
  ): void {
    const elapsedMs = now - (this.#updatedAt ?? now);
    this.#updatedAt = now;
    const constant = lossFraction > this.#loss ? RISE_MS : FALL_MS;
    this.#loss += (lossFraction - this.#loss) * (1 - Math.exp(-elapsedMs / constant));
    this.#burstFactor = Math.min(BURST_FACTOR_MAX, 1 + BURST_WEIGHT * Math.max(0, lossBurst - BURST_MIN));
    this.#isLong = responseMs > (this.#isLong ? SHORT_MS : LONG_MS);
    if (lossFraction > LOSS_MIN) this.#lossyAt = now;
    const isLossy = now - this.#lossyAt < PROTECTION_MS;
    this.#isOn = isLossy && videoBitsPerSecond >= this.#bitsPerSecondMin;
  }

  get #bitsPerSecondMin(): number {
    if (this.#kind === 'none') return Number.POSITIVE_INFINITY;
    if (this.#kind === 'copies') return BITS_PER_SECOND_MIN.copies;
    return this.#isLong ? BITS_PER_SECOND_MIN.repairsIfLong : BITS_PER_SECOND_MIN.repairs;
  }
}
