import { systemClock } from '../base/clock.ts';
import { MESSAGE_FRAME, MESSAGE_PACE, MESSAGE_PING, MESSAGE_PONG, PACE_BYTES, PING_BYTES } from '../base/protocol.ts';
import type { LineMeter } from './line-meter.ts';
import type { Link } from './link.ts';
import type { ReceiverFigures } from './receiver.ts';
import type { StageHistory } from './stage-history.ts';
import type { PlayerStats, TierStats } from './state.ts';
import { PictureTiming, type PictureTimingOptions } from './timing.ts';
import { SampleWindow } from './window.ts';

const BEATS_PER_PING = 5;
const BEATS_PER_STATS = 10;
/** At this interval the page reports one of the times that only it knows. */
const BEATS_PER_REPORT = 4;

/** Measures the connection on which the game is played, and sends the host what the host needs of that. */
export class ConnectionMeter {
  readonly #timing: PictureTiming;
  readonly #latencies = new SampleWindow();
  /** The server's own part of the input latency, as it reports for each frame. */
  readonly #serverTimes = new SampleWindow();
  readonly #rtts = new SampleWindow({ capacity: 64 });
  /** How long recent pictures waited for the display. Older ones do not count, because the host adjusts when it takes pictures. */
  readonly #slacks = new SampleWindow({ capacity: 64, spanMs: 500 });
  readonly #pace = new DataView(new ArrayBuffer(PACE_BYTES));
  readonly #ping = new DataView(new ArrayBuffer(PING_BYTES));
  /** Undefined until it is loaded. */
  #line: LineMeter | undefined;
  #link: Link | undefined;
  #beats = 0;
  /** The browser's own count of presented pictures; 0 before the first one of a connection or after the page was hidden. */
  #presented = 0;
  #shown = 0;

  constructor({ onSample, onPicture }: PictureTimingOptions) {
    this.#timing = new PictureTiming({
      onSample: (latencyMs, sequence) => {
        this.#latencies.add(latencyMs, systemClock.now());
        onSample(latencyMs, sequence);
      },
      onPicture,
    });
    this.#ping.setUint8(0, MESSAGE_PING);
    this.#pace.setUint8(0, MESSAGE_PACE);
  }

  /** The way that the packets take; see ReceiverFigures. */
  get door(): string {
    return this.#line?.figures.door ?? '';
  }

  /** The usual round trip of the last seconds in milliseconds; NaN if there was none. */
  get roundTripMs(): number {
    return this.#rtts.percentile(0.5, systemClock.now());
  }

  /** Number of pictures shown since the connection began. */
  get shown(): number {
    return this.#shown;
  }

  /** The times of the pictures of the last minute, by stage. */
  get history(): StageHistory {
    return this.#timing.history;
  }

  /** Forgets everything, and measures a connection that has just opened. */
  open(link: Link): void {
    this.#link = link;
    this.#timing.reset();
    this.#latencies.clear();
    this.#serverTimes.clear();
    this.#rtts.clear();
    this.#slacks.clear();
    if (this.#line) this.#line.reset();
    else void this.#load();
    this.#beats = this.#presented = this.#shown = 0;
  }

  /** Ends the measurement, because the connection has ended. The figures stay. */
  close(): void {
    this.#link = undefined;
  }

  /** Begins the current second again, because the page was hidden. Pictures that arrived meanwhile do not count as shown. */
  restart(): void {
    this.#presented = 0;
    this.#line?.restart(this.#shown);
  }

  /** Sends the messages that are due. Call it ten times a second. */
  beat(isHidden: boolean): void {
    this.#beats++;
    if (this.#beats % BEATS_PER_PING === 0) {
      this.ping();
      this.#sendPace();
    }
    if (this.#beats % BEATS_PER_REPORT === 0) this.#sendReport();
    if (this.#beats % BEATS_PER_STATS === 0 && !isHidden) void this.#measure();
  }

  /** Asks the host for an answer, whose delay is a round trip. */
  ping(): void {
    this.#ping.setFloat64(4, systemClock.now(), true);
    this.#send(this.#ping);
  }

  noteSent(sequence: number): void {
    this.#timing.noteSent(sequence, systemClock.now());
  }

  /**
   * Takes a message of the host. Those that say nothing about times have no effect.
   * @returns the round trip if the message answers a ping; otherwise NaN
   */
  take(message: DataView): number {
    const now = systemClock.now();
    const type = message.getUint8(0);
    if (type === MESSAGE_FRAME) {
      const hostMs = this.#timing.describe(message);
      if (hostMs !== undefined) this.#serverTimes.add(hostMs, now);
    } else if (type === MESSAGE_PONG) {
      const roundTripMs = this.#timing.answer(message, now);
      if (roundTripMs !== undefined) this.#rtts.add(roundTripMs, now);
      return roundTripMs ?? Number.NaN;
    }
    return Number.NaN;
  }

  /** Notes that the display shows a picture. */
  show(metadata: VideoFrameCallbackMetadata): void {
    const now = systemClock.now();
    const link = this.#link;
    const rtpTimestamp = link?.rtpTimestampOf(metadata);
    if (link && rtpTimestamp !== undefined)
      this.#timing.show(rtpTimestamp, now, {
        arrival: link.arrivalOf(metadata),
        displayAt: metadata.expectedDisplayTime,
      });
    if (metadata.receiveTime !== undefined)
      this.#slacks.add(now - metadata.receiveTime - 1000 * (metadata.processingDuration ?? 0), now);
    this.#shown += this.#presented === 0 ? 1 : Math.max(1, metadata.presentedFrames - this.#presented);
    this.#presented = metadata.presentedFrames;
  }

  stats(video: HTMLVideoElement): Omit<PlayerStats, keyof TierStats> {
    const now = systemClock.now();
    return {
      ...(this.#line?.figures ?? { ...unknownFigures(), quality: 'good' }),
      latencyP50: this.#latencies.percentile(0.5, now),
      latencyP99: this.#latencies.percentile(0.99, now),
      rtt: this.roundTripMs,
      serverP50: this.#serverTimes.percentile(0.5, now),
      width: video.videoWidth,
      height: video.videoHeight,
      framesShown: this.#shown,
    };
  }

  #send(message: DataView<ArrayBuffer>): void {
    const channel = this.#link?.state;
    if (channel?.readyState === 'open') channel.send(message);
  }

  /** Tells the host how long pictures wait for the display, if that is known. */
  #sendPace(): void {
    const slackMs = this.#slacks.percentile(0.1, systemClock.now());
    if (Number.isNaN(slackMs)) return;
    this.#pace.setFloat32(4, slackMs, true);
    this.#send(this.#pace);
  }

  #sendReport(): void {
    // A report that is not sent would be lost.
    if (this.#link?.state.readyState !== 'open') return;
    const message = this.#timing.report();
    if (message) this.#send(message);
  }

  async #measure(): Promise<void> {
    const link = this.#link;
    const report = await link?.getStats();
    if (report === undefined || link !== this.#link) return;
    const now = systemClock.now();
    const [rtt, rttMax] = [this.#rtts.percentile(0.5, now), this.#rtts.percentile(1, now)];
    this.#line?.measure(report, { shown: this.#shown, rtt, rttMax });
  }

  async #load(): Promise<void> {
    const part = await import('./line-meter.ts').catch(() => undefined);
    if (part) this.#line ??= new part.LineMeter(unknownFigures);
  }
}

function unknownFigures(): ReceiverFigures {
  return { fps: Number.NaN, bitrate: Number.NaN, framesDropped: 0, packetsLost: 0, lossFraction: Number.NaN, door: '' };
}
