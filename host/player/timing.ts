import {
  FRAME_BYTES,
  FRAME_TIME_MAX,
  FRAME_TIME_US,
  PING_BYTES,
  PONG_BYTES,
  TIMED_FRAME_BYTES,
} from '../base/protocol.ts';
import { HOST_STAGES } from '../base/stages.ts';
import { type Milli, micro, milli, toMilli } from '../base/time.ts';
import type { Arrival } from './arrival.ts';
import { HostClock } from './host-clock.ts';
import { LatencyTracker, type ShownPicture } from './latency.ts';
import { PageReport } from './page-report.ts';
import { StageHistory } from './stage-history.ts';
import type { PictureTimes } from './stages.ts';

const DRAW = HOST_STAGES.indexOf('draw');
const READBACK = HOST_STAGES.indexOf('readback');
const ENCODE = HOST_STAGES.indexOf('encode');
/** The stages whose times a message holds, in the order of its fields, as positions in HOST_STAGES. */
const FIELDS = HOST_STAGES.flatMap((stage, index) => (stage === 'encode' ? [] : [index]));

export type PictureTimingOptions = {
  /** Called for each input when the first picture that contains it is shown. */
  onSample(latencyMs: Milli, sequence: number): void;
  /** Called for each picture that is the first to show an input, if all of its times are known. `times` is reused. */
  onPicture(times: Readonly<PictureTimes>): void;
};

/** Measures how long pictures take from their newest input to the display, and in which stages, on one connection. */
export class PictureTiming {
  readonly clock = new HostClock();
  readonly history = new StageHistory();
  readonly #report = new PageReport();
  readonly #tracker: LatencyTracker;
  readonly #host = new Float64Array(HOST_STAGES.length);
  readonly #shown: ShownPicture = {
    receivedAt: milli(Number.NaN),
    decodeMs: Number.NaN,
    displayAt: milli(Number.NaN),
  };

  constructor({ onSample, onPicture }: PictureTimingOptions) {
    this.#tracker = new LatencyTracker({
      onSample,
      onPicture: (times) => {
        this.history.add(times.stages, times.shownAt);
        this.#report.add(times.stages);
        onPicture(times);
      },
      offsetMs: () => this.clock.offsetMs,
    });
  }

  /** Forgets everything, because the connection is another one. */
  reset(): void {
    this.clock.reset();
    this.history.reset();
    this.#report.reset();
    this.#tracker.reset();
  }

  noteSent(sequence: number, now: Milli): void {
    this.#tracker.noteSent(sequence, now);
  }

  /**
   * Takes a message of type MESSAGE_FRAME.
   * @returns the time that the host took from reading the input to the end of encoding; undefined if the message is too short
   */
  describe(message: DataView): Milli | undefined {
    if (message.byteLength < FRAME_BYTES) return undefined;
    const hostMs = toMilli(micro(message.getUint32(12, true)));
    const isTimed = message.byteLength >= TIMED_FRAME_BYTES && this.#readTimes(message, hostMs);
    this.#tracker.noteDescribed(
      message.getUint32(4, true),
      message.getUint32(8, true),
      isTimed ? this.#host : undefined,
    );
    return hostMs;
  }

  /** Takes a message of type MESSAGE_PONG. @returns the round trip; undefined if the message is too short */
  answer(message: DataView, now: Milli): Milli | undefined {
    if (message.byteLength < PING_BYTES) return undefined;
    const sentAt = milli(message.getFloat64(4, true));
    if (message.byteLength >= PONG_BYTES)
      this.clock.add({ sentAt, hostAt: milli(message.getFloat64(PING_BYTES, true)), now });
    return milli(now - sentAt);
  }

  /**
   * Notes that the display shows a picture.
   * @param options.arrival when the picture arrived, if that is known
   * @param options.displayAt when the browser expects the picture on the screen, if it says so
   */
  show(
    rtpTimestamp: number,
    now: Milli,
    { arrival, displayAt }: { arrival: Readonly<Arrival> | undefined; displayAt: number | undefined },
  ): void {
    const shown = this.#shown;
    shown.receivedAt = milli(arrival?.receiveTime ?? Number.NaN);
    shown.decodeMs = 1000 * (arrival?.processingDuration ?? Number.NaN);
    shown.displayAt = milli(displayAt ?? Number.NaN);
    this.#tracker.noteShown(rtpTimestamp, now, shown);
  }

  /** Returns the next message of type MESSAGE_TIMES, valid until the next call; undefined if there is nothing to report. */
  report(): DataView<ArrayBuffer> | undefined {
    return this.#report.next();
  }

  /** Reads the times of the host's stages. @returns false if one is too long for the message, or the encoding is not known */
  #readTimes(message: DataView, hostMs: Milli): boolean {
    const host = this.#host;
    let isKnown = true;
    for (let field = 0; field < FIELDS.length; field++) {
      const units = message.getUint16(FRAME_BYTES + 2 * field, true);
      if (units === FRAME_TIME_MAX) isKnown = false;
      host[FIELDS[field] ?? 0] = (units * FRAME_TIME_US) / 1000;
    }
    // Drawing and reading back are rounded, and the whole is not.
    host[ENCODE] = Math.max(0, hostMs - (host[DRAW] ?? 0) - (host[READBACK] ?? 0));
    return isKnown;
  }
}
