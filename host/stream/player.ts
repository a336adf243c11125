import type { ErrorCode } from '../base/errors.ts';
import type { CloseReason, Notice } from '../base/protocol.ts';
import type { Micro, Milli } from '../base/time.ts';

/** The picture and the game that a page asks for. Sizes are in pixels, `fps` in frames per second. */
export interface ViewRequest {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** Name of the game, if the host runs several. */
  readonly game?: string;
}

/**
 * The newest state of a page's pointer and sticks. The object is reused, so it is valid during the call only.
 * Totals are sums since the connection began in 1/16 CSS pixel, and wrap like int32.
 */
export interface PointerState {
  /** Position in the picture, 0 to 1 from the top left. */
  x: number;
  y: number;
  totalDx: number;
  totalDy: number;
  totalWheelX: number;
  totalWheelY: number;
  /** Stick axes, -1 to 1. */
  axes: [number, number, number, number];
  /** Whether the pointer is locked, so that only its movement counts. */
  locked: boolean;
}

/** Receives a page's input after it was checked. A sequence is the page's own counter, a uint32 that wraps. */
export interface InputSink {
  /** `usage` is a usage of the HID keyboard page, 0 to 255. */
  key(usage: number, down: boolean, sequence: number): void;
  /** `button` is 0 to 31. */
  button(button: number, down: boolean, sequence: number): void;
  releaseAll(sequence: number): void;
  pointer(state: PointerState, sequence: number): void;
  /** How long pictures wait until the display takes them (MESSAGE_PACE). Any finite number; the page is not trusted. */
  pace(slackMs: Milli): void;
}

/** A report of the page's video receiver. The object is reused, so it is valid during the call only. */
export interface Feedback {
  /** Fraction of packets lost since the last report, 0 to 1 (RFC 3550, 6.4.1). */
  lossFraction: number;
  /** The receiver's bandwidth estimate (REMB), or 0 before its first one. */
  rembBitsPerSecond: number;
}

/** Facts about one encoded frame. They go into its RTP packets and into MESSAGE_FRAME. */
export interface FrameInfo {
  /** In units of 1/90000 s; a uint32 that wraps. */
  rtpTimestamp: number;
  keyframe: boolean;
  /** Sequence of the newest input that the frame shows. */
  inputSequence: number;
  /** Time from reading that input to sending the frame. */
  inputToSendUs: Micro;
}

export interface ConnectionStats {
  framesSent: number;
  framesDropped: number;
  /** Encoded bytes that were handed to the transport, without headers. */
  bytesSent: number;
  inputErrors: number;
  lossFraction: number;
  rembBitsPerSecond: number;
}

/** The connection to a player's page, as a room uses it. */
export interface PlayerConnection {
  /**
   * Sends a copy of one access unit (H.264 Annex B, start codes of 3 or 4 bytes). Never waits and never queues.
   * @returns false if the frame was dropped, because the page is not connected, the connection is congested, or the page
   * misses an earlier frame that this one refers to. The player's onKeyframe is called then, subject to `keyframeMsMin`.
   */
  sendFrame(accessUnit: Uint8Array, info: FrameInfo): boolean;
  /** Sends the reason to the page, then closes. Resolves when closed, after `closeMsMax` at the latest. */
  end(code: ErrorCode, message: string, retry: boolean): Promise<void>;
  readonly stats: Readonly<ConnectionStats>;
  /** Sends a notice to the page, in order with all other notices. */
  notify(notice: Notice): void;
}

/** A seat that a room gave to a page. The room implements it, and the page's connection calls it. */
export interface Player extends ViewRequest {
  /** Number of the seat, counted from 0. */
  readonly seat: number;
  /** Number of seats in the room. */
  readonly seats: number;
  /** The game's name, which the page shows as its title. */
  readonly game: string;
  readonly input: InputSink;
  /** Called at most once, when frames can be sent. */
  onConnected(connection: PlayerConnection): void;
  /** Asks for the next frame to be a keyframe. */
  onKeyframe(): void;
  onFeedback(feedback: Readonly<Feedback>): void;
  /** Called exactly once, as the last call, even if the page never connected. */
  onClosed(reason: CloseReason): void;
}
