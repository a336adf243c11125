import type { PlayerConnection, ViewRequest } from '../stream/player.ts';
import { PlayerInput } from './input.ts';
import type { View } from './view.ts';

/** Frames are moved so that a tenth of them is on the page no longer than this before the display takes them: what they jitter by. */
const SLACK_MS = 3;
const GAIN = 0.25;
const STEP_MS_MAX = 2;
/** A page that says more would move the room's ticks, and so everybody's time, faster than anyone notices. */
const PACE_MS_MIN = 400;
/** Frames that are due so soon after a tick are rendered with it. */
const WITH_TICK_MS = 1;

/** A player's place in a room: input, picture, and when the next frame is due. */
export class Seat {
  readonly number: number;
  readonly request: ViewRequest;
  readonly input = new PlayerInput();
  connection: PlayerConnection | undefined;
  view: View | undefined;
  /** The module was told of the player. */
  joined = false;
  closed = false;
  /** When the next frame should be rendered. */
  nextFrame = 0;
  readonly #frameMs: number;
  #pacedAt = Number.NEGATIVE_INFINITY;

  constructor(number: number, request: ViewRequest) {
    this.number = number;
    this.request = request;
    this.#frameMs = 1000 / request.fps;
  }

  /** The picture is ready: frames begin at `now`. */
  begin(view: View, now: number): void {
    this.view = view;
    this.nextFrame = now;
  }

  /**
   * Moves the frames towards the moments at which the page's display takes them, as far as the page's last word asks for.
   * @returns by how many milliseconds; positive is later
   */
  pace(now: number): number {
    const { slackMs } = this.input;
    if (slackMs === undefined || now - this.#pacedAt < PACE_MS_MIN) return 0;
    this.input.slackMs = undefined;
    this.#pacedAt = now;
    const shift = Math.max(-STEP_MS_MAX, Math.min(STEP_MS_MAX, (slackMs - SLACK_MS) * GAIN));
    this.nextFrame += shift;
    return shift;
  }

  /**
   * Whether to render a frame at `now`; if so, the next becomes due.
   * A frame that a busy encoder delays by a whole interval is counted as dropped.
   */
  due(now: number): boolean {
    const { view } = this;
    if (view === undefined || this.closed || now < this.nextFrame - WITH_TICK_MS) return false;
    if (!view.ready) {
      if (now >= this.nextFrame + this.#frameMs) {
        view.stats.dropped++;
        this.nextFrame += this.#frameMs;
      }
      return false;
    }
    this.nextFrame += this.#frameMs;
    if (this.nextFrame < now) {
      const missed = Math.ceil((now - this.nextFrame) / this.#frameMs);
      view.stats.dropped += missed;
      this.nextFrame += missed * this.#frameMs;
    }
    return true;
  }
}
