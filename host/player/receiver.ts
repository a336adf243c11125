import { systemClock } from '../base/clock.ts';

/** Figures of the browser's video receiver about the last second. NaN before the first measurement. */
export type ReceiverFigures = {
  /** Pictures shown in the last second. */
  fps: number;
  /** Bits per second of video received. */
  bitrate: number;
  /** Frames that the browser dropped, and RTP packets that were lost, since the connection began. */
  framesDropped: number;
  packetsLost: number;
};

/** Computes rates from the growing counters of a video receiver. */
export class ReceiverMeter {
  figures: ReceiverFigures = unknownFigures();
  /** The counters at the last measurement. */
  #last = { at: systemClock.now(), shown: 0, bytes: 0 };

  /** Starts a new connection, whose counters begin at 0. */
  reset(): void {
    this.figures = unknownFigures();
    this.#last = { at: systemClock.now(), shown: 0, bytes: 0 };
  }

  /**
   * Call this about once a second.
   * @param report statistics of the connection's video receiver
   * @param shown number of pictures shown so far
   */
  measure(report: RTCStatsReport, shown: number): void {
    const now = systemClock.now();
    const seconds = (now - this.#last.at) / 1000;
    for (const entry of report.values()) {
      if (entry.type !== 'inbound-rtp') continue;
      const inbound = entry as RTCInboundRtpStreamStats;
      const bytes = inbound.bytesReceived ?? 0;
      this.figures.bitrate = ((bytes - this.#last.bytes) * 8) / seconds;
      this.figures.framesDropped = inbound.framesDropped ?? 0;
      this.figures.packetsLost = inbound.packetsLost ?? 0;
      this.#last.bytes = bytes;
    }
    this.figures.fps = (shown - this.#last.shown) / seconds;
    this.#last.at = now;
    this.#last.shown = shown;
  }
}

function unknownFigures(): ReceiverFigures {
  return { fps: Number.NaN, bitrate: Number.NaN, framesDropped: 0, packetsLost: 0 };
}
