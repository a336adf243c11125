import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { type ErrorCode, NearlightError } from '../base/errors.ts';
import { type CloseReason, joinedNotice, type Notice, PING_BYTES, PONG_BYTES } from '../base/protocol.ts';
import type { Tier } from '../base/tiers.ts';
import { type Milli, milli } from '../base/time.ts';
import type { Meters } from '../observe/meters.ts';
import { KeyframeLimiter } from './keyframe.ts';
import { Liveness } from './liveness.ts';
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
import { PageTraffic } from './traffic.ts';

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
/** Bytes of a notice `carry` without its part. */
const PART_OVERHEAD_BYTES = 64;
/** The browser of a page whose own code stands still sends packets at least this often. */
const DEAD_MS = 2000;

export interface ConnectionOptions {
  config: Config;
  /** The counters of the host process, to which the connection adds. */
  meters: Meters;
  /** Takes a player's seat. Called when the page has connected. @throws NearlightError, which the page gets as the reason */
  seat(): Player;
  /** Logs a warning. */
  warn(message: string): void;
  /** Called when the page has connected and has a seat, before the player's onConnected. */
  onConnected(): void;
  /** Called when the page is hidden (`warm`), and when it is shown again (`hot`) and has got a picture. */
  onTier?(tier: Exclude<Tier, 'cold'>, tookMs?: Milli): void;
  /** Called once when the connection has closed. The owner decides whether the player may return to the seat. */
  onClosed(reason: CloseReason): void;
}

/**
 * The part that all connections to a page have in common, whatever carries their packets. The player gets a seat when the page has
 * connected. The connection closes itself if the page does not connect in time, leaves, is silent for `idleMsMax`, or sends too
 * many messages, or too many that cannot be read.
 */
export abstract class PageConnection implements PlayerConnection {
  readonly stats = emptyStats();
  readonly #pong = Buffer.alloc(PONG_BYTES);
  readonly #options: ConnectionOptions;
  readonly #beganAt = systemClock.now();
  readonly #keyframes: KeyframeLimiter;
  readonly #closed = Promise.withResolvers<void>();
  /** The player's seat; undefined until the page has connected. */
  #player: Player | undefined;
  readonly #traffic: PageTraffic;
  #phase: 'connecting' | 'connected' | 'ending' | 'closed' = 'connecting';
  #lastHeardAt = systemClock.now();
  /** Knows when the last packet has arrived. The browser of a page sends some on its own, so that they say nothing about the page. */
  readonly #liveness: Liveness;
  /** Ends a connection that is not established in time. */
  #connectTimer: NodeJS.Timeout;
  #endTimer: NodeJS.Timeout | undefined;
  #endReason: CloseReason = 'page';
  /** Number of frames since the last packet has arrived. */
  #framesUnheard = 0;
  /** Whether the page can decode nothing until it gets a keyframe, because none was sent yet or a frame was dropped. */
  #needsKeyframe = true;
  /** Since when a page that was hidden is shown and waits for a picture. */
  #shownAt: Milli | undefined;

  /** @param connectMsMax the page has this time to send its first packet */
  constructor(options: ConnectionOptions, connectMsMax: number) {
    const { config } = options;
    this.#options = options;
    this.#keyframes = new KeyframeLimiter(config.keyframeMsMin, () => {
      if (this.isConnected) this.guard(() => this.#player?.onKeyframe());
    });
    this.#traffic = new PageTraffic({
      config,
      meters: options.meters,
      stats: this.stats,
      notify: (notice) => this.guard(() => this.isConnected && this.notify(notice)),
      dismiss: (code, message) => this.#dismiss(code, message),
      pong: (message) => this.#answerPing(message),
      onHidden: (isHidden) => this.#setHidden(isHidden),
    });
    this.#liveness = new Liveness({
      clock: systemClock,
      deadMs: config.idleMsMax,
      probe: () => this.guard(() => this.probe()),
      onDead: () => this.close('idle'),
    });
    this.#connectTimer = setTimeout(() => this.close('timeout'), connectMsMax);
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
  /** Sends something to which the page's browser replies, whatever the page itself does. */
  protected abstract probe(): void;
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
    if (this.#shownAt !== undefined) this.#noteShown(this.#shownAt);
    return true;
  }

  notify(notice: Notice): void {
    this.send(noticeMessage(notice, this.noticeBytesMax), { reliable: true });
  }

  end(code: ErrorCode, message: string, retry: boolean): Promise<void> {
    return this.finish({ kind: 'ended', code, message, retry }, 'host');
  }

  /**
   * Sends the page to another server with a last notice, and gives it time to find a place there before the connection is closed.
   * @param ticket the page's carry ticket, which is sent before in parts that the page takes
   */
  sendOn(notice: Notice & { kind: 'moved' }, ticket: string | undefined, msMax: number): Promise<void> {
    const length = this.noticeBytesMax - PART_OVERHEAD_BYTES;
    const parts = ticket === undefined || length <= 0 ? 0 : Math.ceil(ticket.length / length);
    for (let n = 0; n < parts && this.isConnected; n++)
      this.notify({ kind: 'carry', part: ticket?.slice(n * length, (n + 1) * length) ?? '' });
    return this.finish(notice, 'shutdown', msMax);
  }

  /** Sends a last notice, gives the page `msMax` to read it and leave, by default `closeMsMax`, then closes the connection. */
  finish(notice: Notice, reason: CloseReason, msMax = this.#options.config.closeMsMax): Promise<void> {
    if (this.#phase === 'connecting') this.close(reason);
    if (this.#phase === 'connected') {
      this.#phase = 'ending';
      this.#endReason = reason;
      this.notify(notice);
      this.#endTimer = setTimeout(() => this.close(reason), msMax);
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
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#endTimer);
    this.#liveness.close();
    this.#traffic.close();
    this.#keyframes.cancel();
    this.shut();
    this.guard(() => this.#options.onClosed(final));
    this.#closed.resolve();
  }

  /** Gives up a connection whose transport could not be opened. Nothing is called or sent. */
  protected abandon(): void {
    this.#phase = 'closed';
    clearTimeout(this.#connectTimer);
  }

  /** For how long nothing has arrived from the page. */
  get silentMs(): Milli {
    return this.#liveness.silentMs;
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
    return this.waitingBytes > channelBytesMax || this.#liveness.silentMs > stallMsMax;
  }

  /** Gives the page, whose packets arrive now, the rest of `connectMsMax` to connect. */
  protected extendLimit(): void {
    if (!this.isConnecting) return;
    const leftMs = this.#beganAt + this.#options.config.connectMsMax - systemClock.now();
    clearTimeout(this.#connectTimer);
    this.#connectTimer = setTimeout(() => this.close('timeout'), Math.max(0, leftMs));
  }

  /** Seats the player, because the page has connected. */
  protected begin(): void {
    if (!this.isConnecting) return;
    const player = this.#takeSeat();
    if (!player) return;
    this.#phase = 'connected';
    this.#player = player;
    const times = new PageTimes(this.#options.meters.page, systemClock);
    this.#traffic.begin(player, (message) => times.read(message));
    this.notify(joinedNotice(player));
    this.noteHeard();
    clearTimeout(this.#connectTimer);
    this.#liveness.start();
    this.#options.onConnected();
    this.guard(() => player.onConnected(this));
  }

  /** Reads a message of the page from the channel with this label. */
  protected readInput(label: string, message: string | Buffer | ArrayBuffer): void {
    if (!this.isConnected) return;
    this.noteHeard();
    this.#traffic.read(label, message);
  }

  /** Reads a message that is not input, unless the page sends too many messages. */
  protected readOther(read?: () => void): void {
    if (!this.isConnected) return;
    this.noteSign();
    this.#traffic.readOther(read);
  }

  /** Counts something that a page of this version does not do, like a message that cannot be read. */
  protected noteFault(): void {
    this.#traffic.noteFault();
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
    const { silentMs } = this.#liveness;
    const isGap = silentMs > GAP_MS && this.#framesUnheard >= GAP_FRAMES_MIN;
    this.#noteArrival();
    if (isGap || silentMs > DEAD_MS) this.guard(() => this.#resume(silentMs));
  }

  /** Notes a packet of a client that sends few of them. */
  protected noteSign(): void {
    if (this.isConnected) this.#noteArrival();
  }

  #noteArrival(): void {
    this.#liveness.note();
    this.#framesUnheard = 0;
  }

  #resume(silentMs: number): void {
    if (silentMs > DEAD_MS) this.#traffic.wake();
    this.resume();
    this.#keyframes.requestNow();
  }

  /** Takes frames at their usual rate again, because packets pass. */
  protected resume(): void {}

  /** Takes nothing more from the page, so that the rest of a flood costs little. */
  protected ignore(): void {}

  /** Runs code for a transport, which must not see an exception. An exception ends the page's connection alone. */
  protected guard(run: () => unknown): void {
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

  /** Ends the connection because of what the page sends, of which the host takes no more. */
  #dismiss(code: 'NL_INPUT' | 'NL_INPUT_RATE', message: string): void {
    void this.finish({ kind: 'ended', code, message, retry: false }, code === 'NL_INPUT' ? 'input' : 'rate');
    if (code === 'NL_INPUT_RATE') this.ignore();
  }

  #setHidden(isHidden: boolean): void {
    this.#shownAt = isHidden ? undefined : systemClock.now();
    if (isHidden) this.#options.onTier?.('warm');
  }

  #noteShown(since: Milli): void {
    this.#shownAt = undefined;
    this.#options.onTier?.('hot', milli(systemClock.now() - since));
  }
}
