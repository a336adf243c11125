import { emptyStats, type Player, type PlayerConnection, type PointerState } from '../../host/stream/player.ts';
import type { AccessUnit, EncodeOptions, VideoEncoder } from '../../host/video/encoder.ts';
import type { Picture } from '../../host/video/readback.ts';

/** HID usage of the key W. */
const FORWARD = 26;
/** Pointer movement of one call of `wander`, in 1/16 pixel, which turns the view of the player. */
const TURN = 16 * 12;

/** Stands in for the video encoder, which the archive for tests on GPU machines lacks: takes a picture and returns one byte. */
export class NoEncoder implements VideoEncoder {
  async encode(_picture: Picture, { keyframe }: EncodeOptions): Promise<AccessUnit> {
    return { data: new Uint8Array(1), keyframe };
  }
  setBitrate(): void {}
  async close(): Promise<void> {}
}

/** A connected player without a network, which records when pictures arrive, and walks about in the game. */
export class SimulatedPlayer implements PlayerConnection {
  readonly codec = 'h264';
  readonly stats = emptyStats();
  readonly ready = true;
  /** Times in milliseconds at which pictures arrived while `recording` was true. */
  readonly arrivals: number[] = [];
  recording = false;
  /** Number of pictures that have arrived so far. */
  pictures = 0;
  /** Code of the error that ended the connection. */
  endedBy: string | undefined;
  #player: Player | undefined;
  #sequence = 0;
  readonly #pointer: PointerState = {
    x: 0.5,
    y: 0.5,
    totalDx: 0,
    totalDy: 0,
    totalWheelX: 0,
    totalWheelY: 0,
    axes: [0, 0, 0, 0],
    locked: true,
  };

  /** Connects to a game at the place that a room has assigned, and holds the key W to walk. */
  connect(player: Player): void {
    this.#player = player;
    player.onConnected(this);
    player.input.key(FORWARD, true, ++this.#sequence);
  }

  /** Moves the pointer, which turns the view of the player a little. */
  wander(): void {
    this.#pointer.totalDx = (this.#pointer.totalDx + TURN) | 0;
    this.#player?.input.pointer(this.#pointer, ++this.#sequence);
  }

  /** Reports, as a connection does, what the path to the page carries. */
  report(videoBitsPerSecond: number): void {
    this.#player?.onFeedback({ lossFraction: 0, videoBitsPerSecond, queueMs: 0 });
  }

  limitBitrate(): void {}

  sendFrame(): boolean {
    this.pictures++;
    if (this.recording) this.arrivals.push(performance.now());
    return true;
  }

  async end(code: string): Promise<void> {
    this.endedBy = code;
  }

  notify(): void {}
}

/** Returns the milliseconds between each picture and the next. */
export function gaps(arrivals: readonly number[]): number[] {
  return arrivals.slice(1).map((time, at) => time - (arrivals[at] ?? time));
}
