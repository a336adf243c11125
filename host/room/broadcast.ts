import type { Clock } from '../base/clock.ts';
import { type ErrorCode, errors, NearlightError } from '../base/errors.ts';
import { type CloseReason, joinedNotice, type Notice } from '../base/protocol.ts';
import { type Milli, milli } from '../base/time.ts';
import type {
  AudioInfo,
  ConnectionStats,
  Feedback,
  FrameInfo,
  Player,
  PlayerConnection,
  ViewRequest,
} from '../stream/player.ts';
import type { RoomConfig, RoomOptions } from './options.ts';
import type { PixelBudget, PixelGrant } from './pixels.ts';
import { FrameSchedule } from './schedule.ts';
import type { PlayerSound } from './sound.ts';
import { Attention, Spectator } from './spectator.ts';
import type { PlayerView } from './view.ts';

/** Highest frame rate for spectators. They do not play, so they need no more. */
const FPS_MAX = 30;
/** Spectators who come and those who lose packets ask for keyframes, which all spectators pay for. */
const KEYFRAME_MS_MIN = 1000;
/** A spectator whose path carries less than this share of that of the best one does not slow the others down. */
const SLOW_SHARE = 0.4;
/** The number of the seat that a spectator is said to have. */
export const NO_SEAT = -1;
/** Tells spectators why the picture stands still. */
const NO_PLAYERS: Notice = { kind: 'paused', code: 'NL_NO_PLAYERS', message: errors.NL_NO_PLAYERS.text };

export interface BroadcastOptions extends Pick<RoomOptions, 'name' | 'createView' | 'createSound' | 'log'> {
  clock: Clock;
  /** Without these settings, no one may watch, and those who may watch without delay. */
  config: Pick<RoomConfig, 'spectatorsMax' | 'spectatorDelayMs'>;
  /** Number of seats in the game. */
  seats: number;
  /** The budget of pixels, which spectators share with the players. */
  pixels: Pick<PixelBudget, 'grant'>;
  /** Whether the game has sound now. */
  hasSound(): boolean;
  /** Wakes the game's loop, because something has to be drawn from now on. */
  wake(): void;
}

/** An access unit or a packet of sound that waits until spectators may see or hear it. */
interface Delayed {
  readonly at: Milli;
  send(): void;
}

/**
 * The picture that all spectators of a room share: a player's, drawn and encoded once. It is the connection that its view sends to,
 * and passes everything on to the spectators. It exists without one, and costs nothing then.
 */
export class Broadcast implements PlayerConnection {
  readonly codec = 'h264';
  /** Each spectator's connection counts for itself. */
  readonly stats: ConnectionStats = {
    framesSent: 0,
    framesDropped: 0,
    bytesSent: 0,
    inputErrors: 0,
    inputsCoalesced: 0,
    inputsDropped: 0,
    packetsResent: 0,
    repairsSent: 0,
    lossFraction: 0,
    videoBitsPerSecond: 0,
    queueMs: 0,
  };
  readonly #options: BroadcastOptions;
  readonly #spectators = new Set<Spectator>();
  readonly #feedback: Feedback = { lossFraction: 0, videoBitsPerSecond: 0, queueMs: 0 };
  readonly #waiting: Delayed[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #admitted = 0;
  /** The picture that the first spectator has asked for, and what all of them get of it. */
  #wanted: ViewRequest | undefined;
  #grant: PixelGrant | undefined;
  readonly #frames = new FrameSchedule(FPS_MAX);
  #view: PlayerView | undefined;
  #sound: PlayerSound | undefined;
  /** Counts requests for a view, so that a late one is recognised. */
  #opened = 0;
  #keyframeAt = milli(Number.NEGATIVE_INFINITY);
  /** Whether a spectator has asked for a keyframe, and none has been encoded since. */
  #isKeyframeWanted = false;
  #bitsPerSecondMax = Number.POSITIVE_INFINITY;
  /** Whether no one plays the game. */
  #isResting = true;

  constructor(options: BroadcastOptions) {
    this.#options = options;
  }

  /** Number of spectators, connected or about to be. */
  get spectators(): number {
    return this.#admitted;
  }

  /** The target of the frames; undefined while no one watches. */
  get view(): PlayerView | undefined {
    return this.#view;
  }

  /** Takes the sound of the player who is watched; undefined while no one listens. */
  get sound(): PlayerSound | undefined {
    return this.#sound;
  }

  /** When the next frame is due. */
  get nextFrame(): Milli {
    return this.#frames.next;
  }

  /** Checks that another page may watch. @throws NearlightError NL_SPECTATORS if too many do */
  checkFree(): void {
    const { config, name } = this.#options;
    const { spectatorsMax = 0 } = config;
    if (this.#admitted >= spectatorsMax)
      throw new NearlightError('NL_SPECTATORS', `${spectatorsMax} may watch ${name} at the same time`);
  }

  /** Lets a page watch. @throws NearlightError NL_SPECTATORS if too many do */
  admit(request: ViewRequest): Player {
    this.checkFree();
    this.#admitted++;
    // All spectators get the same video, so the limit that one of them sets for its own bit rate does not count.
    const { bitrate: _, ...shared } = request;
    this.#wanted ??= { ...shared, fps: Math.min(FPS_MAX, request.fps) };
    this.#grant ??= this.#takePixels(this.#wanted);
    let spectator: Spectator | undefined;
    let isClosed = false;
    const attention = new Attention(() => {
      if (!attention.isHidden) this.#requestKeyframe();
      this.#attend();
    });
    const player: Player = {
      ...this.#describe(this.#wanted),
      input: attention,
      onConnected: (connection) => {
        spectator = new Spectator(connection, attention);
        this.#spectators.add(spectator);
        connection.limitBitrate(this.#bitsPerSecondMax);
        if (this.#isResting) connection.notify(NO_PLAYERS);
        this.#attend();
        if (this.#spectators.size === 1) void this.open();
        else this.#requestKeyframe();
      },
      onKeyframe: () => this.#requestKeyframe(),
      onFeedback: (feedback) => spectator && this.#take(spectator, feedback),
      onLost: () => player.onClosed('page'),
      onClosed: (_: CloseReason) => {
        if (isClosed) return;
        isClosed = true;
        this.#admitted--;
        if (spectator) this.#spectators.delete(spectator);
        if (this.#spectators.size === 0) void this.close();
        else this.#attend();
        if (this.#admitted === 0) this.release();
      },
      canReturn: () => false,
      return: () => {
        throw new NearlightError('NL_ROOM_ENDED', 'a spectator has no seat to return to');
      },
    };
    return player;
  }

  /** Opens the view if someone watches: for the first spectator, and again after the GPU was lost. */
  async open(): Promise<void> {
    const { createView, clock, name, log, wake } = this.#options;
    if (!this.#wanted || !this.#grant || this.#spectators.size === 0) return;
    const request = { ...this.#wanted, ...this.#grant.picture };
    const number = ++this.#opened;
    const isCurrent = () => number === this.#opened;
    const drop = (error: unknown): void => {
      if (!isCurrent()) return;
      log('error', `${name}: spectators see nothing any more: ${error}`, { room: name });
      void this.end('NL_ENCODER', String(error), true);
    };
    try {
      const view = await createView(request, this, drop);
      if (!isCurrent()) return void (await view.close());
      this.#view = view;
      this.#frames.start(clock.now());
      this.#fit();
      wake();
    } catch (error) {
      drop(error);
      return;
    }
    await this.#openSound(isCurrent);
  }

  /** Opens the sound, if the game has any. Spectators whose sound fails go on watching without it. */
  async #openSound(isCurrent: () => boolean): Promise<void> {
    const { createSound, hasSound, name, log } = this.#options;
    if (!hasSound()) return;
    const drop = (error: unknown): void => {
      if (!isCurrent()) return;
      this.#sound = undefined;
      log('error', `${name}: spectators hear nothing any more: ${error}`, { room: name });
    };
    try {
      const sound = await createSound?.(this, drop);
      if (isCurrent()) this.#sound = sound;
      else await sound?.close();
    } catch (error) {
      drop(error);
    }
  }

  /** Closes the view. The spectators stay. */
  async close(): Promise<void> {
    this.#opened++;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.length = 0;
    this.#isKeyframeWanted = false;
    const [view, sound] = [this.#view, this.#sound];
    this.#view = this.#sound = undefined;
    await view?.close();
    await sound?.close();
  }

  /** Tells whether to draw a frame now, and if so schedules the next one. */
  takeFrame(now: Milli): boolean {
    const view = this.#view;
    if (!view || !this.#frames.isDue(now)) return false;
    if (this.#grant && this.#wanted) this.#frames.setRate(this.#wanted.fps, this.#grant.fps);
    if (!view.ready) {
      const missed = Number(this.#frames.dropIfOverdue(now));
      view.stats.dropped += missed;
      // Frames for which no spectator's network has room say nothing about the host.
      if (this.ready) this.#grant?.count({ drawn: 0, missed, now });
      return false;
    }
    const missed = this.#frames.advance(now);
    view.stats.dropped += missed;
    this.#grant?.count({ drawn: 1, missed, now });
    this.#passKeyframe(now);
    return true;
  }

  sendFrame(accessUnit: Uint8Array, info: FrameInfo): boolean {
    // The picture shows the input of the player who is watched, not of those who watch.
    const shared = { ...info, inputSequence: 0, times: undefined };
    this.#later(() => {
      for (const spectator of this.#spectators)
        if (spectator.takes(info.keyframe)) spectator.connection.sendFrame(accessUnit, shared);
    });
    return true;
  }

  readonly sendAudio = (packet: Uint8Array, info: AudioInfo): boolean => {
    this.#later(() => {
      for (const { connection, isMuted } of this.#spectators) if (!isMuted) connection.sendAudio?.(packet, info);
    });
    return true;
  };

  /** Whether the path to any spectator has room for a frame. Those to whom it has none get the next keyframe. */
  get ready(): boolean {
    for (const { connection, isHidden } of this.#spectators) if (!isHidden && connection.ready) return true;
    return false;
  }

  limitBitrate(bitsPerSecondMax: number): void {
    this.#bitsPerSecondMax = bitsPerSecondMax;
    for (const { connection } of this.#spectators) connection.limitBitrate(bitsPerSecondMax);
  }

  /** Whether anyone hears the sound. */
  get isHeard(): boolean {
    for (const { isMuted } of this.#spectators) if (!isMuted) return true;
    return false;
  }

  notify(notice: Notice): void {
    this.#later(() => {
      for (const { connection } of this.#spectators) connection.notify(notice);
    });
  }

  /** Says whether the game rests because no one plays it. Tells the spectators, because their picture stands still. */
  rest(isResting: boolean): void {
    if (this.#isResting === isResting) return;
    this.#isResting = isResting;
    const notice = isResting ? NO_PLAYERS : this.#wanted && joinedNotice(this.#describe(this.#wanted));
    if (notice) this.notify(notice);
  }

  async end(code: ErrorCode, message: string, retry: boolean): Promise<void> {
    await Promise.allSettled([...this.#spectators].map(({ connection }) => connection.end(code, message, retry)));
  }

  #describe(wanted: ViewRequest): Pick<Player, 'seat' | 'seats' | 'game' | 'width' | 'height' | 'fps'> {
    const { name, seats } = this.#options;
    const { width, height, fps } = this.#grant?.picture ?? wanted;
    return { width, height, fps: Math.round(fps), game: name, seat: NO_SEAT, seats };
  }

  /** Leaves the pixels to others while all spectators are hidden. */
  #attend(): void {
    const isWatched = [...this.#spectators].some(({ isHidden }) => !isHidden);
    this.#grant?.rest(!isWatched);
    if (isWatched) this.#options.wake();
  }

  /** Gets pixels for the spectators' picture, like those of a player. */
  #takePixels(wanted: ViewRequest): PixelGrant {
    const grant = this.#options.pixels.grant(wanted);
    grant.onChange = () => this.#fit();
    return grant;
  }

  /** Makes the pictures as large and as many as the spectators may have now. */
  #fit(): void {
    if (this.#grant) this.#view?.fit?.({ ...this.#grant.picture, fps: this.#grant.fps });
  }

  /** Returns the pixels to the budget. */
  release(): void {
    this.#grant?.release();
    this.#grant = this.#wanted = undefined;
  }

  /** Asks for a keyframe. One that comes too early is delayed, because not every program asks twice. */
  #requestKeyframe(): void {
    if (!this.#view) return;
    this.#isKeyframeWanted = true;
    this.#passKeyframe(this.#options.clock.now());
  }

  #passKeyframe(now: Milli): void {
    if (!this.#isKeyframeWanted || now - this.#keyframeAt < KEYFRAME_MS_MIN) return;
    this.#isKeyframeWanted = false;
    this.#keyframeAt = now;
    this.#view?.requestKeyframe();
  }

  /** Adapts the video to the slowest path that is not far slower than the best one. */
  #take(spectator: Spectator, { videoBitsPerSecond, lossFraction, queueMs }: Readonly<Feedback>): void {
    spectator.videoBitsPerSecond = videoBitsPerSecond;
    const rates = [...this.#spectators].map((each) => each.videoBitsPerSecond).filter((rate) => rate > 0);
    const best = Math.max(...rates);
    const feedback = this.#feedback;
    feedback.videoBitsPerSecond = Math.min(...rates.filter((rate) => rate >= SLOW_SHARE * best));
    feedback.lossFraction = lossFraction;
    feedback.queueMs = queueMs;
    this.#view?.feedback(feedback);
  }

  /** Passes something on after the delay of the settings. */
  #later(send: () => void): void {
    const { clock, config } = this.#options;
    const { spectatorDelayMs = 0 } = config;
    if (spectatorDelayMs === 0) {
      send();
      return;
    }
    this.#waiting.push({ at: milli(clock.now() + spectatorDelayMs), send });
    if (!this.#timer) this.#wait();
  }

  #wait(): void {
    const { clock } = this.#options;
    for (let next = this.#waiting[0]; next && next.at <= clock.now(); next = this.#waiting[0]) {
      this.#waiting.shift();
      next.send();
    }
    const next = this.#waiting[0];
    this.#timer = next && setTimeout(() => this.#wait(), Math.max(0, next.at - clock.now()));
  }
}
