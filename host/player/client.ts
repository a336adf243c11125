import { systemClock } from '../base/clock.ts';
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
} from '../base/protocol.ts';
import { type Milli, micro, milli, toMilli } from '../base/time.ts';
import { LatencyTracker } from './latency.ts';
import { HostLink, type LinkFailure, type ViewQuery } from './link.ts';
import { ReceiverMeter } from './receiver.ts';
import type { PlayerState, PlayerStats } from './state.ts';
import { SampleWindow } from './window.ts';
import { InputWriter } from './writer.ts';

export type PlayerClientOptions = {
  /** The element that shows the game's picture. It needs the attributes muted, autoplay and playsinline. */
  video: HTMLVideoElement;
  /** Takes the game's sound. Without it, the page asks the host for none. */
  sound?: { attach(stream: MediaStream): void };
  /** URL of the WHEP signalling endpoint. Default: `whep`, relative to the page. */
  url?: string;
  onState?(state: PlayerState): void;
  onNotice?(notice: Notice): void;
};

const ATTEMPTS = 5;
const BACKOFF_MS = 300;
/** The longest time that the page waits for a game that the server says is about to start. */
const WAIT_MS_MAX = 60_000;
/** An attempt to connect fails if no picture is shown within this time. */
const FIRST_PICTURE_MS = 8000;
/** If the game was played for this time, a lost connection gets the full number of attempts to reconnect again. */
const STABLE_MS = 10_000;
const BEAT_MS = 100;
const BEATS_PER_PING = 5;
const BEATS_PER_STATS = 10;
/**
 * The connection counts as lost after this many beats of the page's timer without a message from the host. Beats are counted
 * instead of time, because a page that was suspended has missed beats but no messages.
 */
const SILENT_BEATS_MAX = 50;

/** Plays a game: connects to the host, connects again if the connection is lost, sends input and measures latency. */
export class PlayerClient {
  /** Takes the player's input and sends it to the host. */
  readonly input: InputWriter;
  /** Called for each input when the first picture that contains it is shown. Must be quick, because it runs between frames. */
  onLatency: ((latencyMs: Milli, sequence: number) => void) | undefined;
  readonly #options: PlayerClientOptions;
  readonly #latency: LatencyTracker;
  readonly #latencies = new SampleWindow();
  /** The server's own part of the input latency, as it reports for each frame. */
  readonly #serverTimes = new SampleWindow();
  readonly #rtts = new SampleWindow({ capacity: 64 });
  /** How long recent pictures waited for the display. Older ones do not count, because the host adjusts when it takes pictures. */
  readonly #slacks = new SampleWindow({ capacity: 64, spanMs: 500 });
  readonly #pace = new DataView(new ArrayBuffer(PACE_BYTES));
  readonly #ping = new DataView(new ArrayBuffer(PING_BYTES));
  readonly #text = new TextDecoder();
  #state: PlayerState = { kind: 'idle' };
  readonly #receiver = new ReceiverMeter();
  #query: ViewQuery = {};
  #link: HostLink | undefined;
  /** Whether both data channels to the host are open. */
  #isOpen = false;
  #attempt = 0;
  /** When the server first asked the page to wait for a game; undefined unless it is waiting. */
  #waitingSince: Milli | undefined;
  #playingSince = milli(0);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #beatTimer: ReturnType<typeof setInterval> | undefined;
  #frameCallback = 0;
  #beats = 0;
  #silentBeats = 0;
  /** The browser's own count of presented pictures. */
  #presented = 0;
  /** Number of pictures shown since the connection began. */
  #shown = 0;

  constructor(options: PlayerClientOptions) {
    this.#options = options;
    this.#latency = new LatencyTracker((latencyMs, sequence) => {
      this.#latencies.add(latencyMs, systemClock.now());
      this.onLatency?.(latencyMs, sequence);
    });
    this.input = new InputWriter({
      event: (message, sequence) => this.#send(this.#link?.events, message, sequence),
      state: (message, sequence) => this.#send(this.#link?.state, message, sequence),
    });
    this.#ping.setUint8(0, MESSAGE_PING);
    this.#pace.setUint8(0, MESSAGE_PACE);
  }

  get state(): PlayerState {
    return this.#state;
  }

  /** Connects to the host, and reconnects after a loss. Closes an earlier connection. Reports through `onState`. */
  connect(query: ViewQuery): void {
    this.#stop();
    this.#query = query;
    this.#attempt = 0;
    this.#waitingSince = undefined;
    this.#try();
  }

  /** Leaves the game and frees the seat. Also works while the page is being closed. */
  leave(): void {
    this.#stop();
    this.#setState({ kind: 'idle' });
  }

  stats(): PlayerStats {
    const now = systemClock.now();
    const { video } = this.#options;
    return {
      ...this.#receiver.figures,
      latencyP50: this.#latencies.percentile(0.5, now),
      latencyP99: this.#latencies.percentile(0.99, now),
      rtt: this.#rtts.percentile(0.5, now),
      serverP50: this.#serverTimes.percentile(0.5, now),
      width: video.videoWidth,
      height: video.videoHeight,
      framesShown: this.#shown,
    };
  }

  /** Starts an attempt to connect to the host. */
  #try(): void {
    this.#attempt++;
    if (this.#waitingSince === undefined) this.#setState({ kind: 'connecting', attempt: this.#attempt });
    if (typeof RTCPeerConnection === 'undefined' || !('requestVideoFrameCallback' in this.#options.video)) {
      const message = 'This browser has no WebRTC or no video frame callbacks. A current browser has both.';
      this.#onFailure({ code: 'NL_BROWSER', message, retry: false, again: false });
      return;
    }
    this.#reset();
    const link: HostLink = new HostLink({
      url: this.#options.url ?? 'whep',
      video: this.#options.video,
      sound: this.#options.sound,
      hooks: {
        open: () => this.#onOpen(),
        message: (data) => this.#onMessage(data),
        failed: (failure) => this.#onFailure(failure),
      },
    });
    this.#link = link;
    this.#timer = setTimeout(() => link.fail('No picture arrived in time.'), FIRST_PICTURE_MS);
    this.#beatTimer = setInterval(this.#beat, BEAT_MS);
    this.#frameCallback = this.#options.video.requestVideoFrameCallback(this.#frame);
    void link.start(this.#query);
  }

  #reset(): void {
    this.#latency.reset();
    this.#latencies.clear();
    this.#serverTimes.clear();
    this.#rtts.clear();
    this.#slacks.clear();
    this.#receiver.reset();
    this.#beats = this.#silentBeats = this.#presented = this.#shown = 0;
  }

  #onOpen(): void {
    this.#isOpen = true;
    this.input.open();
    this.#sendPing();
  }

  #onFailure(failure: LinkFailure): void {
    const wasStable = this.#state.kind === 'playing' && systemClock.now() - this.#playingSince >= STABLE_MS;
    this.#stop();
    if (wasStable) this.#attempt = 0;
    if (failure.waitMs !== undefined && this.#wait(failure.message, failure.waitMs)) return;
    this.#waitingSince = undefined;
    if (!failure.again || this.#attempt >= ATTEMPTS) {
      const { code, message, retry } = failure;
      this.#setState({ kind: 'ended', code, message, retry });
      return;
    }
    this.#setState({ kind: 'connecting', attempt: this.#attempt + 1 });
    const backoff = BACKOFF_MS * 2 ** Math.max(0, this.#attempt - 1) * (0.5 + Math.random());
    this.#timer = setTimeout(() => this.#try(), backoff);
  }

  /** Connects again after `waitMs`, without counting a failed attempt. @returns false if the page has waited for too long */
  #wait(message: string, waitMs: number): boolean {
    const now = systemClock.now();
    this.#waitingSince ??= now;
    if (now + waitMs - this.#waitingSince > WAIT_MS_MAX) return false;
    this.#attempt = 0;
    this.#setState({ kind: 'connecting', attempt: 1, message });
    this.#timer = setTimeout(() => this.#try(), waitMs);
    return true;
  }

  #stop(options?: { leave: boolean }): void {
    clearTimeout(this.#timer);
    clearInterval(this.#beatTimer);
    this.#options.video.cancelVideoFrameCallback?.(this.#frameCallback);
    this.#isOpen = false;
    this.input.close();
    this.#link?.close(options);
    this.#link = undefined;
  }

  #setState(state: PlayerState): void {
    const before = this.#state;
    this.#state = state;
    const repeated =
      state.kind === 'connecting' && before.kind === 'connecting'
        ? state.attempt === before.attempt && state.message === before.message
        : state.kind === before.kind;
    if (!repeated) this.#options.onState?.(state);
  }

  #send(channel: RTCDataChannel | undefined, message: Uint8Array<ArrayBuffer>, sequence: number): void {
    if (channel?.readyState !== 'open') return;
    this.#latency.noteSent(sequence, systemClock.now());
    channel.send(message);
  }

  #sendPing(): void {
    const channel = this.#link?.state;
    if (channel?.readyState !== 'open') return;
    this.#ping.setFloat64(4, systemClock.now(), true);
    channel.send(this.#ping);
  }

  #sendPace(): void {
    const channel = this.#link?.state;
    const slackMs = this.#slacks.percentile(0.1, systemClock.now());
    if (channel?.readyState !== 'open' || Number.isNaN(slackMs)) return;
    this.#pace.setFloat32(4, slackMs, true);
    channel.send(this.#pace);
  }

  #onMessage(data: ArrayBuffer): void {
    this.#silentBeats = 0;
    if (data.byteLength === 0) return;
    const view = new DataView(data);
    const type = view.getUint8(0);
    if (type === MESSAGE_FRAME && data.byteLength >= FRAME_BYTES) {
      this.#serverTimes.add(toMilli(micro(view.getUint32(12, true))), systemClock.now());
      this.#latency.noteDescribed(view.getUint32(4, true), view.getUint32(8, true));
    } else if (type === MESSAGE_PONG && data.byteLength >= PING_BYTES) {
      const now = systemClock.now();
      this.#rtts.add(now - view.getFloat64(4, true), now);
    } else if (type === MESSAGE_NOTICE) {
      this.#onNotice(JSON.parse(this.#text.decode(new Uint8Array(data, 1))));
    }
  }

  #onNotice(notice: Notice): void {
    this.#options.onNotice?.(notice);
    if (notice.kind !== 'ended') return;
    this.#stop({ leave: false });
    this.#setState({ kind: 'ended', code: notice.code, message: notice.message, retry: notice.retry });
  }

  readonly #frame: VideoFrameRequestCallback = (_now, metadata) => {
    const now = systemClock.now();
    this.#frameCallback = this.#options.video.requestVideoFrameCallback(this.#frame);
    if (metadata.rtpTimestamp !== undefined) this.#latency.noteShown(metadata.rtpTimestamp, now);
    if (metadata.receiveTime !== undefined)
      this.#slacks.add(now - metadata.receiveTime - 1000 * (metadata.processingDuration ?? 0), now);
    this.#shown += this.#presented === 0 ? 1 : Math.max(1, metadata.presentedFrames - this.#presented);
    this.#presented = metadata.presentedFrames;
    if (this.#state.kind !== 'connecting') return;
    clearTimeout(this.#timer);
    this.#waitingSince = undefined;
    this.#playingSince = now;
    this.#setState({ kind: 'playing' });
  };

  readonly #beat = (): void => {
    this.#beats++;
    this.input.heartbeat();
    if (this.#beats % BEATS_PER_PING === 0) {
      this.#sendPing();
      this.#sendPace();
    }
    if (this.#beats % BEATS_PER_STATS === 0) void this.#measure();
    if (this.#isOpen && ++this.#silentBeats > SILENT_BEATS_MAX) this.#link?.fail('The server went silent.');
  };

  async #measure(): Promise<void> {
    const link = this.#link;
    const report = await link?.getStats();
    if (report !== undefined && link === this.#link) this.#receiver.measure(report, this.#shown);
  }
}
