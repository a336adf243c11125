import type { Samples } from '../base/samples.ts';
import type { Milli } from '../base/time.ts';
import type { Surface } from '../gpu/replay.ts';
import type { Feedback } from '../stream/player.ts';

/** The target of one player's frames: a video stream, or the canvas of a browser tab. */
export interface PlayerView {
  /** The texture for the next frame. A room reads this property once for each frame. */
  readonly surface: Surface;
  /** Whether the view can take a frame now. */
  readonly ready: boolean;
  readonly stats: ViewStats;
  /** Makes the next frame a keyframe. */
  requestKeyframe(): void;
  feedback(feedback: Readonly<Feedback>): void;
  /**
   * Shows the frame that was just drawn into the surface.
   * @param sequence sequence of the newest input that the frame shows
   * @param readAt when that input was read
   */
  present(sequence: number, readAt: Milli): void;
  close(): Promise<void>;
}

/** A view's figures for the status page. The room adds to `dropped`. */
export interface ViewStats {
  dropped: number;
  readonly [figure: string]: number | Samples;
}
