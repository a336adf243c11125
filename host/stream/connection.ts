import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { type ErrorCode, NearlightError } from '../base/errors.ts';
import { type CloseReason, joinedNotice, type Notice, PING_BYTES, PONG_BYTES } from '../base/protocol.ts';
import { milli } from '../base/time.ts';
import type { Meters } from '../observe/meters.ts';
import { InputReader } from './input.ts';
import { KeyframeLimiter } from './keyframe.ts';
import { noticeMessage } from './messages.ts';
import { PageTimes } from './page-times.ts';
import {
  emptyStats,
  type Feedback,
  type FrameInfo,
  type Player,
  type PlayerConnection,
  type VideoCodec,
} from './player.ts';

/** A page that is there says something at least this often, even in a hidden tab, whose timers run once a second. */
const ALIVE_MS = 1500;
const LOOK_MS = 20;
/**
 * A page sends something several times a second. If nothing arrives for this time, the line was dead, and so were the frames that were
 * sent meanwhile.
 */
const GAP_MS = 400;
/** With fewer frames in that time, the page may be one that needs to send nothing. */
const GAP_FRAMES_MIN = 3;
/** The browser of a page whose own code stands still sends packets at least this often. */
const DEAD_MS = 2000;

export interface ConnectionOptions {
  config: Config;
  /** The histograms to which the connection and its page add times of pictures. */
  meters: Pick<Meters, 'pace' | 'page'>;
  /** Takes a player's seat. Called when the page has connected. @throws NearlightError, which the page gets as the reason */
  seat(): Player;
  /** Logs a warning. */
  warn(message: string): void;
  /** Called when the page has connected and has a seat, before the player's onConnected. */
  onConnected(): void;
  /** Called once when the connection has closed. The owner decides whether the player may return to the seat. */
  onClosed(reason: CloseReason): void;
}

/**
 * The part that all connections to a page have in common, whatever carries their packets. The player gets a seat when the page has
 * connected. The connection closes itself if the page does not connect in time, leaves, is silent for `idleMsMax`, or sends too
 * many messages that cannot be read.
 */
export abstract class PageConnection implements PlayerConnection {
  readonly stats = emptyStats();
  readonly #pong = Buffer.alloc(PONG_BYTES);
  readonly #options: ConnectionOptions;
  readonly #beganAt = systemClock.now();
  readonly #keyframes: KeyframeLimiter;
  readonly #closed = Promise.withResolvers<void>();
  /** The player's seat and the reader of the page's input; undefined until the page has connected. */
  #player: Player | undefined;
  #input: InputReader | undefined;
  #phase: 'connecting' | 'connected' | 'ending' | 'closed' = 'connecting';
  #lastHeardAt = systemClock.now();
  /** When the last packet has arrived. The browser of a page sends some on its own, so that they say nothing about the page. */
  #lastPacketAt = systemClock.now();
  #silenceTimer: NodeJS.Timeout;
  #endTimer: NodeJS.Timeout | undefined;
  #endReason: CloseReason = 'page';
  /** Number of frames since the last packet has arrived. */
  #framesUnheard = 0;
  /** Number of faults of the page other than unreadable messages. */
  #faults = 0;
  /** Whether the page can decode nothing until it gets a keyframe, because none was sent yet or a frame was dropped. */
  #needsKeyframe = true;

  /** @param connectMsMax the page has this time to send its first packet */
  constructor(options: ConnectionOptions, connectMsMax: number) {
    const { config } = options;
    this.#options = options;
    this.#keyframes = new KeyframeLimiter(config.keyframeMsMin, () => {
      if (this.isConnected) this.guard(() => this.#player?.onKeyframe());
    });
    this.#silenceTimer = setTimeout(() => this.#checkSilence(), connectMsMax);
  }

  abstract readonly codec: VideoCodec;
  abstract readonly sendAudio?: PlayerConnection['sendAudio'];
  /** Whether the path has room for another frame. */
  abstract get ready(): boolean;
  abstract limitBitrate(bitsPerSecondMax: number): void;
  /** Sends an access unit and what the page has to know about it. @returns false if it was dropped */
  protected abstract sendVideo(accessUnit: Uint8Array, info: FrameInfo): boolean;
  /** Sends a message of the host. Messages that are `reliable` arrive in order. */
  protected abstract send(message: Buffer, options: { reliable: boolean }): void;
  /** Number of bytes of messages that wait to be sent. */
  protected abstract get waitingBytes(): number;
  /** Length of the longest notice that the page takes. */
  protected abstract get noticeBytesMax(): number;
  /** Closes the transport and releases what belongs to it. Called once. */
  protected abstract shut(): void;

  sendFrame(accessUnit: Uint8Array, info: FrameInfo): boolean {
    if (!this.isConnected) return false;
    this.#framesUnheard++;
    const isDecodable = info.keyframe || !this.#needsKeyframe;
    if (!isDecodable || this.isCongested || !this.sendVideo(accessUnit, info)) {
      this.#needsKeyframe = true;
      this.stats.framesDropped++;
      this.#keyframes.request();
      return false;
    }
    this.#needsKeyframe = false;
    this.stats.framesSent++;
    this.stats.bytesSent += accessUnit.byteLength;
    return true;
  }

  notify(notice: Notice): void {
    this.send(noticeMessage(notice, this.noticeBytesMax), { reliable: true });
  }

  end(code: ErrorCode, message: string, retry: boolean): Promise<void> {
    return this.finish({ kind: 'ended', code, message, retry }, 'host');
  }

  /** Sends a last notice, gives the page `closeMsMax` to read it and leave, then closes the connection. */
  finish(notice: Notice, reason: CloseReason): Promise<void> {
    if (this.#phase === 'connecting') this.close(reason);
    if (this.#phase === 'connected') {
      this.#phase = 'ending';
      this.#endReason = reason;
      this.notify(notice);
      this.#endTimer = setTimeout(() => this.close(reason), this.#options.config.closeMsMax);
    }
    return this.#closed.promise;
  }

  /** Tells whether the page is there: whether anything arrives from now on. Takes a moment, because it waits for that. */
  async isAlive(): Promise<boolean> {
    const askedAt = systemClock.now();
    while (this.isConnected && this.#lastHeardAt <= askedAt) {
      if (systemClock.now() - this.#lastHeardAt > ALIVE_MS) return false;
      await systemClock.until(milli(systemClock.now() + LOOK_MS));
    }
    return this.isConnected;
  }

  /** Closes the connection to the page at once. Idempotent. */
  close(reason: CloseReason): void {
    if (this.#phase === 'closed') return;
    const final = this.#phase === 'ending' ? this.#endReason : reason;
    this.#phase = 'closed';
    clearTimeout(this.#silenceTimer);
    clearTimeout(this.#endTimer);
    this.#input?.close();
    this.#keyframes.cancel();
    this.shut();
    this.guard(() => this.#options.onClosed(final));
    this.#closed.resolve();
  }

  /** Gives up a connection whose transport could not be opened. Nothing is called or sent. */
  protected abandon(): void {
    this.#phase = 'closed';
    clearTimeout(this.#silenceTimer);
  }

  protected get isConnecting(): boolean {
    return this.#phase === 'connecting';
  }

  protected get isConnected(): boolean {
    return this.#phase === 'connected';
  }

  protected get isClosed(): boolean {
    return this.#phase === 'closed';
  }

  /** Resolves when the connection has closed. */
  protected get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Whether packets do not arrive: too much data waits, or nothing has come from the page for `stallMsMax`. */
  protected get isCongested(): boolean {
    const { channelBytesMax, stallMsMax } = this.#options.config;
    return this.waitingBytes > channelBytesMax || systemClock.now() - this.#lastPacketAt > stallMsMax;
  }

  /** Gives the page, whose packets arrive now, the rest of `connectMsMax` to connect. */
  protected extendLimit(): void {
    if (!this.isConnecting) return;
    const leftMs = this.#beganAt + this.#options.config.connectMsMax - systemClock.now();
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => this.#checkSilence(), Math.max(0, leftMs));
  }

  /** Seats the player, because the page has connected. */
  protected begin(): void {
    if (!this.isConnecting) return;
    const player = this.#takeSeat();
    if (!player) return;
    this.#phase = 'connected';
    this.#player = player;
    const { config, meters } = this.#options;
    const times = new PageTimes(meters.page, systemClock);
    this.#input = new InputReader({
      sink: player.input,
      config,
      pong: (message) => this.#answerPing(message),
      times: (message) => times.read(message),
      clock: systemClock,
    });
    this.notify(joinedNotice(player));
    this.noteHeard();
    this.#checkSilence();
    this.#options.onConnected();
    this.guard(() => player.onConnected(this));
  }

  /** Reads a message of the page from the channel with this label. */
  protected readInput(label: string, message: string | Buffer | ArrayBuffer): void {
    if (!this.isConnected || !this.#input) return;
    this.noteHeard();
    if (!this.#input.read(label, message)) this.#checkErrors();
  }

  /** Counts something that a page of this version does not do, like a message that cannot be read. */
  protected noteFault(): void {
    this.#faults++;
    this.#checkErrors();
  }

  /** Asks the game for a keyframe, at most once per `keyframeMsMin`. */
  protected requestKeyframe(): void {
    this.#keyframes.request();
  }

  protected tellFeedback(feedback: Readonly<Feedback>): void {
    Object.assign(this.stats, feedback);
    this.#player?.onFeedback(feedback);
  }

  /** Notes that something has arrived from the page. */
  protected noteHeard(): void {
    this.#lastHeardAt = systemClock.now();
    this.#noteArrival();
  }

  /**
   * Notes that a packet of the page has arrived, whatever it is. After a time without one, the page gets a keyframe at once: it lacks
   * what was sent meanwhile, and its own requests and messages may follow much later, because the browser sends lost ones again only
   * after pauses that double.
   */
  protected notePacket(): void {
    if (!this.isConnected) return;
    const silentMs = systemClock.now() - this.#lastPacketAt;
    const isGap = silentMs > GAP_MS && this.#framesUnheard >= GAP_FRAMES_MIN;
    this.#noteArrival();
    if (isGap || silentMs > DEAD_MS) this.guard(() => this.#resume(silentMs));
  }

  #noteArrival(): void {
    this.#lastPacketAt = systemClock.now();
    this.#framesUnheard = 0;
  }

  #resume(silentMs: number): void {
    if (silentMs > DEAD_MS) this.#input?.wake();
    this.resume();
    this.#keyframes.requestNow();
  }

  /** Takes frames at their usual rate again, because packets pass. */
  protected resume(): void {}

  /** Runs code for a transport, which must not see an exception. An exception ends the page's connection alone. */
  protected guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#options.warn(`the connection of seat ${this.#player?.seat ?? '-'} failed: ${error}`);
      this.close('failed');
    }
  }

  /** Takes a seat. If there is none, it sends the page the reason and ends the connection. */
  #takeSeat(): Player | undefined {
    try {
      return this.#options.seat();
    } catch (error) {
      const isCoded = error instanceof NearlightError;
      if (!isCoded) this.#options.warn(`a player could not be seated: ${error}`);
      const code = isCoded ? error.code : 'NL_CONNECTION';
      const message = isCoded ? error.detail : String(error);
      this.#phase = 'connected';
      void this.finish({ kind: 'ended', code, message, retry: true }, 'refused');
      return undefined;
    }
  }

  /** Answers a ping with the host's time, by which the page relates the two clocks. */
  #answerPing(message: Buffer): void {
    message.copy(this.#pong);
    this.#pong.writeDoubleLE(systemClock.now(), PING_BYTES);
    this.send(this.#pong, { reliable: false });
  }

  #checkErrors(): void {
    const errors = this.#faults + (this.#input?.errors ?? 0);
    this.stats.inputErrors = errors;
    if (errors < this.#options.config.inputErrorsMax) return;
    const message = `the host could not read ${errors} messages of this page; reload it to get the current version`;
    void this.finish({ kind: 'ended', code: 'NL_INPUT', message, retry: false }, 'input');
  }

  #checkSilence(): void {
    if (this.isConnecting) {
      this.close('timeout');
      return;
    }
    clearTimeout(this.#silenceTimer);
    const leftMs = this.#lastHeardAt + this.#options.config.idleMsMax - systemClock.now();
    if (leftMs <= 0) {
      const message = 'the page sent nothing for too long';
      void this.finish({ kind: 'ended', code: 'NL_CONNECTION', message, retry: true }, 'idle');
    } else this.#silenceTimer = setTimeout(() => this.#checkSilence(), Math.ceil(leftMs));
  }
}
