import type { Milli } from '../base/time.ts';

/** Number of frames that are remembered. */
const FRAMES = 64;

/** When a picture's last packet arrived, on the page's clock, and how many seconds it was decoded; undefined if not known. */
export type Arrival = Pick<VideoFrameCallbackMetadata, 'receiveTime' | 'processingDuration'>;

/** Remembers when frames arrived and were decoded, for a page that decodes them itself. Nothing is allocated for a frame. */
export class ArrivalLog {
  readonly #rtp = new Float64Array(FRAMES).fill(-1);
  readonly #receivedAt = new Float64Array(FRAMES);
  readonly #decodedAt = new Float64Array(FRAMES);
  #next = 0;
  readonly #found = { receiveTime: 0, processingDuration: 0 };

  noteReceived(rtpTimestamp: number, now: Milli): void {
    const slot = this.#next++ % FRAMES;
    this.#rtp[slot] = rtpTimestamp;
    this.#receivedAt[slot] = this.#decodedAt[slot] = now;
  }

  noteDecoded(rtpTimestamp: number, now: Milli): void {
    const slot = this.#rtp.indexOf(rtpTimestamp);
    if (slot >= 0) this.#decodedAt[slot] = now;
  }

  /** Returns what is known about a frame, valid until the next call; undefined if the frame is not remembered. */
  find(rtpTimestamp: number | undefined): Arrival | undefined {
    const slot = rtpTimestamp === undefined ? -1 : this.#rtp.indexOf(rtpTimestamp);
    if (slot < 0) return undefined;
    const found = this.#found;
    found.receiveTime = this.#receivedAt[slot] ?? 0;
    found.processingDuration = ((this.#decodedAt[slot] ?? 0) - found.receiveTime) / 1000;
    return found;
  }
}
