import type { ErrorCode } from '../base/errors.ts';
import type { Notice } from './protocol.ts';

/** What a page asks for with its offer: pixels, frames per second, and one of several games by name. */
export interface ViewRequest {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly game?: string;
}

/**
 * The pointer and the axes as the page last knew them. Totals are sums since the connection began in 1/16 CSS pixel, wrapping
 * int32; x and y run from 0 to 1 across the picture, axes from -1 to 1. The object is reused: valid during the call only.
 */
export interface PointerState {
  x: number;
  y: number;
  totalDx: number;
  totalDy: number;
  totalWheelX: number;
  totalWheelY: number;
  axes: [number, number, number, number];
  locked: boolean;
}

/** Where a connection's checked input goes. Sequences are the page's own uint32 counters, wrapping. */
export interface InputSink {
  /** `usage` is a usage of the HID keyboard page, 0 to 255. */
  key(usage: number, down: boolean, sequence: number): void;
  /** `button` is 0 to 31. */
  button(button: number, down: boolean, sequence: number): void;
  releaseAll(sequence: number): void;
  pointer(state: PointerState, sequence: number): void;
  /** For how long pictures wait for the display (MESSAGE_PACE), milliseconds; not checked against any bound. */
  pace(slackMs: number): void;
}

/** What the page's receiver reports. The object is reused: valid during the call only. */
export interface Feedback {
  /** Share of packets lost since the last report, 0 to 1 (RFC 3550, 6.4.1). */
  lossFraction: number;
  /** The receiver's estimate of the bandwidth (REMB); 0 while there is none. */
  rembBitsPerSecond: number;
}

/** Why a connection ended; `host` means that `end` was called. */
export type CloseReason = 'page' | 'deleted' | 'host' | 'shutdown' | 'timeout' | 'idle' | 'input' | 'failed';

/** One encoded frame's facts, for the RTP packets and for MESSAGE_FRAME. */
export interface FrameInfo {
  /** 90 kHz, wrapping uint32. */
  rtpTimestamp: number;
  keyframe: boolean;
  /** Sequence of the newest input that the frame's simulation had read. */
  inputSequence: number;
  /** Microseconds from reading that input to sending. */
  inputToSendUs: number;
}

export interface ConnectionStats {
  framesSent: number;
  framesDropped: number;
  /** Encoded bytes handed to the transport, without headers. */
  bytesSent: number;
  inputErrors: number;
  lossFraction: number;
  rembBitsPerSecond: number;
}

/** A connected page, as the room's side sees it. */
export interface PlayerConnection {
  /**
   * Sends one access unit (Annex B, start codes of 3 or 4 bytes), copying it. Never waits and never queues.
   * @returns false if the frame was dropped: not connected, congested, or it refers to a frame that was dropped before;
   * the player's onKeyframe is then called (at once, or as soon as `keyframeMsMin` allows)
   */
  sendFrame(accessUnit: Uint8Array, info: FrameInfo): boolean;
  /** Tells the page why, then closes; resolves when closed, after `closeMsMax` at the latest. */
  end(code: ErrorCode, message: string, retry: boolean): Promise<void>;
  readonly stats: Readonly<ConnectionStats>;
  /** Tells the page something, in order with all else that it is told. */
  notify(notice: Notice): void;
}

/** A seat that was given to a page; made by the room's side, driven by its connection. */
export interface Player extends ViewRequest {
  readonly seat: number;
  readonly seats: number;
  /** The game's name, for the page's title. */
  readonly game: string;
  readonly input: InputSink;
  /** The picture may be sent from now on. Called at most once. */
  onConnected(connection: PlayerConnection): void;
  /** The next frame should be a keyframe. */
  onKeyframe(): void;
  onFeedback(feedback: Readonly<Feedback>): void;
  /** The last call, exactly once, also where the page never connected. */
  onClosed(reason: CloseReason): void;
}
