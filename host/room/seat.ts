import type { PlayerConnection, ViewRequest } from '../stream/player.ts';
import { PlayerInput } from './input.ts';
import type { View } from './view.ts';

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
   * Whether to render a frame at `now`, half a tick early at most so that frames follow ticks; if so, the next becomes due.
   * A frame that a busy encoder delays by a whole interval is counted as dropped.
   */
  due(now: number, tickMs: number): boolean {
    const { view } = this;
    if (view === undefined || this.closed || now < this.nextFrame - tickMs / 2) return false;
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
