import type { Samples } from '../base/samples.ts';
import type { Milli } from '../base/time.ts';
import type { Surface } from '../gpu/replay.ts';
import type { Feedback, InputTimes } from '../stream/player.ts';
import type { Picture } from './shares.ts';

/** The target of one player's frames: a video stream, or the canvas of a browser tab. */
export interface PlayerView {
  /** The texture that the next frame is drawn into. The game's loop reads this property once for each frame. */
  readonly surface: Surface;
  /** Whether a frame can be drawn now. False, for example, while earlier frames are still being encoded. */
  readonly ready: boolean;
  readonly stats: ViewStats;
  /** Makes the next frame a keyframe. */
  requestKeyframe(): void;
  feedback(feedback: Readonly<Feedback>): void;
  /** Takes another size and rate of the pictures. A canvas needs no such method, because its tab has one player. */
  fit?(picture: Picture): void;
  /**
   * Sends or shows the player the frame that was just drawn into the surface.
   * @param sequence sequence number of the newest input that the frame shows
   * @param readAt when that input was read
   * @param times how long that input took until then; the object is valid during the call only
   */
  present(sequence: number, readAt: Milli, times?: Readonly<InputTimes>): void;
  close(): Promise<void>;
}

/** Statistics of one player's frames, for the status page. Frames that are due but not rendered are added to `dropped`. */
export interface ViewStats {
  dropped: number;
  readonly [figure: string]: number | Samples;
}
