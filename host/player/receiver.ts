import { systemClock } from '../base/clock.ts';

/** Measurements of the browser's video receiver. Rates are those of the last second, and NaN before the first measurement. */
export type ReceiverFigures = {
  /** Pictures shown per second. */
  fps: number;
  /** Bits per second of video received. */
  bitrate: number;
  /** Numbers of frames that the browser dropped, and of RTP packets lost, since the connection began. */
  framesDropped: number;
  packetsLost: number;
  /** Fraction of the packets that were lost in the last second, 0 to 1. */
  lossFraction: number;
  /** The way that the packets take: UDP, TCP, TURN or WebSocket; '' before the first measurement. */
  door: string;
};

/** Computes rates from the growing counters of a video receiver. */
export class ReceiverMeter {
  figures: ReceiverFigures;
  readonly #unknown: () => ReceiverFigures;
  /** The video receiver's counters at the last measurement. */
  #last = { at: systemClock.now(), shown: 0, bytes: 0, packets: 0, lost: 0 };

  /** @param unknown returns the figures before the first measurement */
  constructor(unknown: () => ReceiverFigures) {
    this.#unknown = unknown;
    this.figures = unknown();
  }

  /** Forgets all measurements. Called for a new connection, whose counters begin at 0. */
  reset(): void {
    this.figures = this.#unknown();
    this.#last = { at: systemClock.now(), shown: 0, bytes: 0, packets: 0, lost: 0 };
  }

  /** Begins the current second again, because the page was hidden. Pictures that arrived meanwhile do not count as shown. */
  restart(shown: number): void {
    this.#last.at = systemClock.now();
    this.#last.shown = shown;
  }

  /**
   * Measures frame rate, bitrate and losses since the last call. Call it about once a second.
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
      this.#measureLoss(inbound.packetsReceived ?? 0, inbound.packetsLost ?? 0);
      this.#last.bytes = bytes;
    }
    this.figures.door = doorOf(report);
    this.figures.fps = (shown - this.#last.shown) / seconds;
    this.#last.at = now;
    this.#last.shown = shown;
  }

  #measureLoss(packets: number, lost: number): void {
    const newlyLost = Math.max(0, lost - this.#last.lost);
    const all = packets - this.#last.packets + newlyLost;
    this.figures.packetsLost = lost;
    this.figures.lossFraction = all > 0 ? newlyLost / all : Number.NaN;
    this.#last.packets = packets;
    this.#last.lost = lost;
  }
}

/** Returns the way that the packets of a connection take. The statistics of a WebSocket have no transport. */
function doorOf(report: RTCStatsReport): string {
  const entries = [...report.values()] as { type: string; [field: string]: unknown }[];
  const transport = entries.find(({ type }) => type === 'transport');
  if (!transport) return entries.some(({ door }) => door === 'WebSocket') ? 'WebSocket' : '';
  const find = (id: unknown) => entries.find((entry) => entry.id === id);
  const local = find(find(transport.selectedCandidatePairId)?.localCandidateId);
  if (local?.relayProtocol !== undefined) return 'TURN';
  return String(local?.protocol ?? '').toUpperCase();
}
