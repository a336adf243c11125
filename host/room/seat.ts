import type { Notice } from '../base/protocol.ts';
import type { Milli } from '../base/time.ts';
import type { PlayerConnection, ViewRequest } from '../stream/player.ts';
import type { PlayerInput } from './input.ts';
import { InputTiming } from './input-timing.ts';
import type { PixelGrant } from './pixels.ts';
import { SeatRequests, type SeatRequestsOptions } from './requests.ts';
import { FrameSchedule, phaseOf } from './schedule.ts';
import type { Picture } from './shares.ts';
import type { PlayerSound } from './sound.ts';
import type { PlayerView } from './view.ts';

/** A player who has left the game to move to another one, but whose page is still here. */
export interface Departed {
  /** Id of the move. */
  readonly id: string;
  /** The player's state. */
  readonly state: Uint8Array;
  /** Sends the page to the other game, once that is decided. */
  notice?: Notice;
}

export interface SeatOptions {
  /** Number of the seat, counted from 0. */
  number: number;
  wanted: ViewRequest;
  grant: PixelGrant;
  input: PlayerInput;
  /** Returns the running module. */
  instance: SeatRequestsOptions['instance'];
}

/**
 * A player's place in a game: the player's connection, input, and target of the frames (the view). A player who has lost the
 * connection keeps the seat for a while. The seat then has neither connection nor view.
 */
export class Seat {
  readonly number: number;
  /** The requests of the game to the player. */
  readonly requests: SeatRequests;
  #wanted: ViewRequest;
  #grant: PixelGrant;
  #input: PlayerInput;
  readonly timing = new InputTiming();
  connection: PlayerConnection | undefined;
  /** The target of the player's frames; undefined until its video encoder is open. */
  view: PlayerView | undefined;
  /** The object that takes the player's sound; undefined until its audio encoder is open, or if the player hears nothing. */
  sound: PlayerSound | undefined;
  /** Whether `sound` was requested, so that a recovery from a lost GPU does not request it again. */
  soundRequested = false;
  /** Whether the module's `join` was called for the player. */
  joined = false;
  /** Whether the player has left the game. */
  closed = false;
  /** The player's move to another game; undefined if there is none. The module has no player in this seat meanwhile. */
  departed: Departed | undefined;
  /** Id of the last move that was undone. */
  restored: string | undefined;
  readonly #frames: FrameSchedule;
  /** The picture that the player's page knows of. */
  #told: Picture;
  /** Whether the last look at the page's state found it hidden. */
  #wasHidden = false;

  constructor({ number, wanted, grant, input, instance }: SeatOptions) {
    this.number = number;
    this.requests = new SeatRequests({ notify: (notice) => this.connection?.notify(notice), instance });
    this.#wanted = wanted;
    this.#grant = grant;
    this.#told = grant.picture;
    this.#input = input;
    this.#takeAnswers();
    this.#frames = new FrameSchedule(wanted.fps, phaseOf(number));
  }

  get grant(): PixelGrant {
    return this.#grant;
  }

  get input(): PlayerInput {
    return this.#input;
  }

  /** Gives the seat to a new connection of its player, whose input starts from nothing. The caller has released the old grant. */
  renew({ wanted, grant, input }: Pick<SeatOptions, 'wanted' | 'grant' | 'input'>): void {
    this.#wanted = wanted;
    this.#grant = grant;
    this.#told = grant.picture;
    this.#input = input;
    this.#wasHidden = false;
    this.timing.reset();
    this.#takeAnswers();
    this.requests.renew();
  }

  #takeAnswers(): void {
    this.#input.onText = (number, text) => this.requests.answer(number, text);
  }

  /** Whether frames are drawn for the player now, as soon as they are due. */
  get isWatching(): boolean {
    return this.#isShown && !this.#input.hidden && this.view?.ready === true;
  }

  /** Whether a page is connected that sees the game. It does not while its player is moved to another game. */
  get #isShown(): boolean {
    return this.connection !== undefined && !this.closed && this.departed === undefined;
  }

  /** Whether the player hears the game's sound: the audio encoder is open, and the page is not muted. */
  get isListening(): boolean {
    return this.sound !== undefined && !this.#input.muted;
  }

  /** The picture that the player gets. */
  get request(): ViewRequest {
    return { ...this.#wanted, ...this.grant.picture };
  }

  /** Makes the view's pictures as large and as many as the player may have now. */
  fit(): void {
    const { picture, fps } = this.grant;
    this.view?.fit?.({ ...picture, fps });
  }

  /** The picture that the page asked for, if the player gets another one. */
  get wanted(): Picture | undefined {
    const { width, height, fps } = this.#wanted;
    const { picture } = this.grant;
    const isSame = picture.width === width && picture.height === height && picture.fps === fps;
    return isSame ? undefined : { width, height, fps };
  }

  /** Notes that the page learns of the current picture now. @returns whether it knew another one */
  notePicture(): boolean {
    const { picture } = this.grant;
    const isNews = picture !== this.#told;
    this.#told = picture;
    return isNews;
  }

  /** When the player's next frame is due. */
  get nextFrame(): Milli {
    return this.#frames.next;
  }

  /** Starts to render the player's frames into `view`; the first one is due at `now`. */
  begin(view: PlayerView, now: Milli): void {
    this.view = view;
    this.#frames.start(now);
    // The player's share may have changed while the video encoder was opened.
    this.fit();
  }

  /** Shifts the player's frames by the page's newest report about its display. @returns the shift in milliseconds, or 0 */
  pace(now: Milli): number {
    const { slackMs } = this.input;
    const stepMs = slackMs === undefined ? undefined : this.#frames.pace(slackMs, now);
    if (stepMs === undefined) return 0;
    this.input.slackMs = undefined;
    return stepMs;
  }

  /**
   * Tells whether to render the player's frame now, and if so schedules the next one. Frames that were missed, or that wait
   * a whole interval because earlier ones are still being encoded, are counted as dropped.
   */
  takeFrame(now: Milli): boolean {
    const { view, grant } = this;
    if (view === undefined || this.connection === undefined || !this.#isShown) return false;
    if (this.#isHidden(view, now) || !this.#frames.isDue(now)) return false;
    this.#frames.setRate(this.#wanted.fps, grant.fps);
    if (!view.ready) {
      const missed = Number(this.#frames.dropIfOverdue(now));
      view.stats.dropped += missed;
      // A frame for which the player's network has no room says nothing about the host.
      if (this.connection.ready) grant.count({ drawn: 0, missed, now });
      return false;
    }
    const missed = this.#frames.advance(now);
    view.stats.dropped += missed;
    grant.count({ drawn: 1, missed, now });
    return true;
  }

  /** Tells whether the page is hidden. When it is shown again, a keyframe is due at once, because it may have missed some. */
  #isHidden(view: PlayerView, now: Milli): boolean {
    const { hidden } = this.#input;
    if (this.#wasHidden !== hidden) this.grant.rest(hidden);
    if (this.#wasHidden && !hidden) {
      this.#frames.start(now);
      view.requestKeyframe();
    }
    this.#wasHidden = hidden;
    return hidden;
  }
}
