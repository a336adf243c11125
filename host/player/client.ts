import {
  FRAME_BYTES,
  MESSAGE_FRAME,
  MESSAGE_NOTICE,
  MESSAGE_PACE,
  MESSAGE_PING,
  MESSAGE_PONG,
  type Notice,
  PACE_BYTES,
  PING_BYTES,
} from '../stream/protocol.ts';
import { Connection, type Failure, type View } from './connection.ts';
import { LatencyTracker } from './latency.ts';
import { SampleWindow } from './window.ts';
import { InputWriter } from './writer.ts';

export type PlayerState =
  | { kind: 'idle' }
  /** `attempt` counts from 1; above it, an earlier one failed or the connection dropped. `message`: what the server waits for. */
  | { kind: 'connecting'; attempt: number; message?: string }
  | { kind: 'playing' }
  /** `message` is for a person; `retry` says whether `connect` may succeed now or soon. */
  | { kind: 'ended'; code: string; message: string; retry: boolean };

/** Figures over the last ten seconds; NaN where nothing is known yet. */
export type PlayerStats = {
  /** Pictures shown in the last second. */
  fps: number;
  /** From sending an input to the callback of the first picture that contains it, milliseconds. */
  latencyP50: number;
  latencyP99: number;
  /** Round trip of a message, milliseconds. */
  rtt: number;
  /** From reading an input to sending its picture, as the server says, milliseconds. */
  serverP50: number;
  /** Size of the picture, pixels. */
  width: number;
  height: number;
  /** Bits per second of video received. */
  bitrate: number;
  /** Since the connection began. */
  framesShown: number;
  framesDropped: number;
  packetsLost: number;
};

export type PlayerClientOptions = {
  /** Shows the picture; muted, autoplay, playsinline. */
  video: HTMLVideoElement;
  /** Signalling endpoint. Default `whep`, beside the page. */
  url?: string;
  onState?(state: PlayerState): void;
  onNotice?(notice: Notice): void;
};

const ATTEMPTS = 5;
const BACKOFF_MS = 300;
const WAIT_MS_MAX = 60_000; // for a game that the server says is about to come
const FIRST_PICTURE_MS = 8000;
const STABLE_MS = 10_000; // after this long, a drop gets its full number of attempts again
const BEAT_MS = 100;
const BEATS_PER_PING = 5;
const BEATS_PER_STATS = 10;
const SILENT_BEATS = 50; // counted, not timed: a page that slept has missed beats and not messages

/** A player's connection to a game: picture, input, figures. */
export class PlayerClient {
  /** Where keyboard, pointer and sticks go. */
  readonly input: InputWriter;
  /** Each input as it is first seen: milliseconds, and its sequence. Called between frames; must be quick. */
  onLatency: ((latencyMs: number, sequence: number) => void) | undefined;
  readonly #options: PlayerClientOptions;
  readonly #latency: LatencyTracker;
  readonly #latencies = new SampleWindow();
  readonly #server = new SampleWindow();
  readonly #rtts = new SampleWindow({ capacity: 64 });
  /** How long pictures waited for the display; short, so that it tells of the frames as they are paced now. */
  readonly #slacks = new SampleWindow({ capacity: 64, spanMs: 500 });
  readonly #pace = new DataView(new ArrayBuffer(PACE_BYTES));
  readonly #ping = new DataView(new ArrayBuffer(PING_BYTES));
  readonly #text = new TextDecoder();
  #state: PlayerState = { kind: 'idle' };
  #view: View = {};
  #connection: Connection | undefined;
  #open = false;
  #attempt = 0;
  #waitingSince: number | undefined;
  #playingSince = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #beatTimer: ReturnType<typeof setInterval> | undefined;
  #frameCallback = 0;
  #beats = 0;
  #silentBeats = 0;
  #presented = 0;
  #shown = 0;
  #second = { at: 0, shown: 0, bytes: 0 };
  #figures = { fps: Number.NaN, bitrate: Number.NaN, framesDropped: 0, packetsLost: 0 };

  constructor(options: PlayerClientOptions) {
    this.#options = options;
    this.#latency = new LatencyTracker((latencyMs, sequence) => {
      this.#latencies.add(latencyMs, performance.now());
      this.onLatency?.(latencyMs, sequence);
    });
    this.input = new InputWriter({
      event: (message, sequence) => this.#send(this.#connection?.events, message, sequence),
      state: (message, sequence) => this.#send(this.#connection?.state, message, sequence),
    });
    this.#ping.setUint8(0, MESSAGE_PING);
    this.#pace.setUint8(0, MESSAGE_PACE);
  }

  get state(): PlayerState {
    return this.#state;
  }

  /** Connects, and keeps connected; leaves a connection that there was. Everything that happens is told through `onState`. */
  connect(view: View): void {
    this.#stop();
    this.#view = view;
    this.#attempt = 0;
    this.#waitingSince = undefined;
    this.#try();
  }

  /** Gives the seat back. Also right when the page is being closed. */
  leave(): void {
    this.#stop();
    this.#change({ kind: 'idle' });
  }

  stats(): PlayerStats {
    const now = performance.now();
    const { video } = this.#options;
    return {
      ...this.#figures,
      latencyP50: this.#latencies.percentile(0.5, now),
      latencyP99: this.#latencies.percentile(0.99, now),
      rtt: this.#rtts.percentile(0.5, now),
      serverP50: this.#server.percentile(0.5, now),
      width: video.videoWidth,
      height: video.videoHeight,
      framesShown: this.#shown,
    };
  }

  #try(): void {
    this.#attempt++;
    if (this.#waitingSince === undefined) this.#change({ kind: 'connecting', attempt: this.#attempt });
    if (typeof RTCPeerConnection === 'undefined' || !('requestVideoFrameCallback' in this.#options.video)) {
      const message = 'It lacks WebRTC or video frame callbacks; a newer browser has both.';
      this.#failed({ code: 'NL_BROWSER', message, retry: false, again: false });
      return;
    }
    this.#reset();
    const connection: Connection = new Connection({
      url: this.#options.url ?? 'whep',
      video: this.#options.video,
      hooks: {
        open: () => this.#opened(),
        message: (data) => this.#message(data),
        failed: (failure) => this.#failed(failure),
      },
    });
    this.#connection = connection;
    this.#timer = setTimeout(() => connection.fail('No picture arrived in time.'), FIRST_PICTURE_MS);
    this.#beatTimer = setInterval(this.#beat, BEAT_MS);
    this.#frameCallback = this.#options.video.requestVideoFrameCallback(this.#frame);
    void connection.start(this.#view);
  }

  #reset(): void {
    this.#latency.reset();
    this.#latencies.clear();
    this.#server.clear();
    this.#rtts.clear();
    this.#slacks.clear();
    this.#beats = this.#silentBeats = this.#presented = this.#shown = 0;
    this.#second = { at: performance.now(), shown: 0, bytes: 0 };
    this.#figures = { fps: Number.NaN, bitrate: Number.NaN, framesDropped: 0, packetsLost: 0 };
  }

  #opened(): void {
    this.#open = true;
    this.input.open();
    this.#sendPing();
  }

  #failed(failure: Failure): void {
    const stable = this.#state.kind === 'playing' && performance.now() - this.#playingSince >= STABLE_MS;
    this.#stop();
    if (stable) this.#attempt = 0;
    if (failure.waitMs !== undefined && this.#wait(failure.message, failure.waitMs)) return;
    this.#waitingSince = undefined;
    if (!failure.again || this.#attempt >= ATTEMPTS) {
      const { code, message, retry } = failure;
      this.#change({ kind: 'ended', code, message, retry });
      return;
    }
    this.#change({ kind: 'connecting', attempt: this.#attempt + 1 });
    const backoff = BACKOFF_MS * 2 ** Math.max(0, this.#attempt - 1) * (0.5 + Math.random());
    this.#timer = setTimeout(() => this.#try(), backoff);
  }

  /** Asks again after `waitMs`, which is no attempt that failed; false if that has gone on for too long. */
  #wait(message: string, waitMs: number): boolean {
    const now = performance.now();
    this.#waitingSince ??= now;
    if (now + waitMs - this.#waitingSince > WAIT_MS_MAX) return false;
    this.#attempt = 0;
    this.#change({ kind: 'connecting', attempt: 1, message });
    this.#timer = setTimeout(() => this.#try(), waitMs);
    return true;
  }

  #stop(options?: { leave: boolean }): void {
    clearTimeout(this.#timer);
    clearInterval(this.#beatTimer);
    this.#options.video.cancelVideoFrameCallback?.(this.#frameCallback);
    this.#open = false;
    this.input.close();
    this.#connection?.close(options);
    this.#connection = undefined;
  }

  #change(state: PlayerState): void {
    const before = this.#state;
    this.#state = state;
    const repeated =
      before.kind === state.kind &&
      (state.kind !== 'connecting' ||
        (state.attempt === (before as typeof state).attempt && state.message === (before as typeof state).message));
    if (!repeated) this.#options.onState?.(state);
  }

  #send(channel: RTCDataChannel | undefined, message: Uint8Array<ArrayBuffer>, sequence: number): void {
    if (channel?.readyState !== 'open') return;
    this.#latency.sent(sequence, performance.now());
    channel.send(message);
  }

  #sendPing(): void {
    const channel = this.#connection?.state;
    if (channel?.readyState !== 'open') return;
    this.#ping.setFloat64(4, performance.now(), true);
    channel.send(this.#ping);
  }

  #sendPace(): void {
    const channel = this.#connection?.state;
    const slackMs = this.#slacks.percentile(0.1, performance.now());
    if (channel?.readyState !== 'open' || Number.isNaN(slackMs)) return;
    this.#pace.setFloat32(4, slackMs, true);
    channel.send(this.#pace);
  }

  #message(data: ArrayBuffer): void {
    this.#silentBeats = 0;
    if (data.byteLength === 0) return;
    const view = new DataView(data);
    const type = view.getUint8(0);
    if (type === MESSAGE_FRAME && data.byteLength >= FRAME_BYTES) {
      this.#server.add(view.getUint32(12, true) / 1000, performance.now());
      this.#latency.known(view.getUint32(4, true), view.getUint32(8, true));
    } else if (type === MESSAGE_PONG && data.byteLength >= PING_BYTES) {
      const now = performance.now();
      this.#rtts.add(now - view.getFloat64(4, true), now);
    } else if (type === MESSAGE_NOTICE) {
      this.#notice(JSON.parse(this.#text.decode(new Uint8Array(data, 1))));
    }
  }

  #notice(notice: Notice): void {
    this.#options.onNotice?.(notice);
    if (notice.kind !== 'ended') return;
    this.#stop({ leave: false });
    this.#change({ kind: 'ended', code: notice.code, message: notice.message, retry: notice.retry });
  }

  readonly #frame: VideoFrameRequestCallback = (_now, metadata) => {
    const now = performance.now();
    this.#frameCallback = this.#options.video.requestVideoFrameCallback(this.#frame);
    if (metadata.rtpTimestamp !== undefined) this.#latency.shown(metadata.rtpTimestamp, now);
    if (metadata.receiveTime !== undefined)
      this.#slacks.add(now - metadata.receiveTime - 1000 * (metadata.processingDuration ?? 0), now);
    this.#shown += this.#presented === 0 ? 1 : Math.max(1, metadata.presentedFrames - this.#presented);
    this.#presented = metadata.presentedFrames;
    if (this.#state.kind !== 'connecting') return;
    clearTimeout(this.#timer);
    this.#waitingSince = undefined;
    this.#playingSince = now;
    this.#change({ kind: 'playing' });
  };

  readonly #beat = (): void => {
    this.#beats++;
    this.input.heartbeat();
    if (this.#beats % BEATS_PER_PING === 0) {
      this.#sendPing();
      this.#sendPace();
    }
    if (this.#beats % BEATS_PER_STATS === 0) void this.#measure();
    if (this.#open && ++this.#silentBeats > SILENT_BEATS) this.#connection?.fail('The server went silent.');
  };

  async #measure(): Promise<void> {
    const connection = this.#connection;
    const report = await connection?.getStats();
    if (report === undefined || connection !== this.#connection) return;
    const now = performance.now();
    const seconds = (now - this.#second.at) / 1000;
    for (const entry of report.values()) {
      if (entry.type !== 'inbound-rtp') continue;
      const inbound = entry as RTCInboundRtpStreamStats;
      const bytes = inbound.bytesReceived ?? 0;
      this.#figures.bitrate = ((bytes - this.#second.bytes) * 8) / seconds;
      this.#figures.framesDropped = inbound.framesDropped ?? 0;
      this.#figures.packetsLost = inbound.packetsLost ?? 0;
      this.#second.bytes = bytes;
    }
    this.#figures.fps = (this.#shown - this.#second.shown) / seconds;
    this.#second.at = now;
    this.#second.shown = this.#shown;
  }
}
