import type { GameAction } from '../base/actions.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { PadState } from '../base/pads.ts';
import type { CloseReason, Notice } from '../base/protocol.ts';
import type { Micro, Milli } from '../base/time.ts';

/** The picture and the game that a page asks for. Sizes are in pixels, `fps` in frames per second. */
export interface ViewRequest {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** The most bits per second that the picture may take, if the page wants less than the host allows. */
  readonly bitrate?: number;
  /** Name of the game, if the host runs several. */
  readonly game?: string;
}

/**
 * The newest state of a page's pointer and sticks. The object is reused, so it is valid during the call only.
 * Totals are sums of movement since the connection began, in 1/16 CSS pixel, and wrap like int32.
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

/** All that a page holds down now. The object is reused, so it is valid during the call only. */
export interface HeldState {
  /** Key k, a usage of the HID keyboard page, is bit k % 32 of word k / 32. */
  readonly keys: Uint32Array;
  /** Button b is bit b. */
  buttons: number;
  /** The state of PAD_COUNT gamepads. Undefined if nothing is known but that nothing is held. */
  readonly pads?: readonly PadState[] | undefined;
  /** Whether the page is hidden, so that no one sees the pictures. Nothing is held then. */
  hidden: boolean;
  /** Whether the page is muted, so that no one hears the sound. By default it is not. */
  muted?: boolean | undefined;
}

/** The situation of a game, as far as it matters for how much input its players may send. */
export interface Situation {
  /** Whether the players are in a team fight, in which they press many keys and buttons. */
  readonly isFight: boolean;
  /** Notes that a player has pressed a key or button. */
  noteAction(): void;
}

/**
 * Receives a page's input after it was checked. `sequence` is the page's own count of its inputs, a uint32 that wraps. `arrivedAt` says
 * when an input that waited has arrived; by default it arrives now.
 */
export interface InputSink {
  /** Takes a key press or release. `usage` is a usage of the HID keyboard page, 0 to 255. */
  key(usage: number, down: boolean, sequence: number): void;
  /** Takes a press or release of a mouse or gamepad button, 0 to 31. */
  button(button: number, down: boolean, sequence: number): void;
  /** Takes a press or release of a button of a gamepad: PAD_COUNT gamepads with PAD_BUTTON_COUNT buttons each. */
  padButton(pad: number, button: number, down: boolean, sequence: number): void;
  releaseAll(sequence: number): void;
  /** Takes all that is held now, in place of what earlier calls have pressed and released. */
  held(state: Readonly<HeldState>, sequence: number, arrivedAt?: Milli): void;
  pointer(state: PointerState, sequence: number, arrivedAt?: Milli): void;
  /** Takes the text that the player entered at the host's request with this number; undefined if the player entered none. */
  text(number: number, text: string | undefined, sequence: number): void;
  /** Takes a report of how long pictures wait for the page's display: any finite number, because the page is not trusted. */
  pace(slackMs: Milli): void;
  /** Takes a function that hands over the newest state that waits. The sink calls it before the game reads the input. */
  onRead?(flush: () => void): void;
}

/** The state of the path to a page. The object is reused, so it is valid during the call only. */
export interface Feedback {
  /** Fraction of the packets that were lost lately, 0 to 1. */
  lossFraction: number;
  /** The bitrate of encoded video that the path carries, in addition to headers, repeated packets and repair packets. */
  videoBitsPerSecond: number;
  /** The time that packets wait in queues on the path, in milliseconds. */
  queueMs: number;
}

/** How long the newest input in a picture took until the picture was due, in milliseconds; see STAGES. */
export interface InputTimes {
  waitMs: number;
  tickMs: number;
  turnMs: number;
}

/** How long a picture and its newest input took in each stage of the host until the picture was encoded. */
export interface FrameTimes extends InputTimes {
  drawMs: number;
  readbackMs: number;
}

/** Facts about one encoded frame. They go into its RTP packets and into MESSAGE_FRAME. */
export interface FrameInfo {
  /** The frame's RTP timestamp, in units of 1/90000 s; a uint32 that wraps. */
  rtpTimestamp: number;
  keyframe: boolean;
  /** Sequence number of the newest input that the frame shows. */
  inputSequence: number;
  /** Time from reading the newest input to the end of encoding. */
  inputToSendUs: Micro;
  /** The stages of that time, and those before it. The page shows no stages without them. */
  times?: Readonly<FrameTimes> | undefined;
}

/** Facts about a packet of encoded sound, which go into its RTP packet. */
export interface AudioInfo {
  /** Number of frames of sound before the packet, at AUDIO_RATE; a uint32 that wraps. */
  rtpTimestamp: number;
}

export interface ConnectionStats {
  framesSent: number;
  framesDropped: number;
  /** Encoded bytes that were handed to the transport, without headers. */
  bytesSent: number;
  inputErrors: number;
  /** Numbers of states in whose place the game got a newer one, and of presses and messages that the host dropped. */
  inputsCoalesced: number;
  inputsDropped: number;
  /** Number of video packets that were sent again. */
  packetsResent: number;
  /** Number of packets that were sent in advance, from which the page computes packets that it misses. */
  repairsSent: number;
  lossFraction: number;
  videoBitsPerSecond: number;
  queueMs: number;
}

/** Returns the statistics of a connection that has sent nothing yet. */
export function emptyStats(): ConnectionStats {
  return {
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
}

/** Formats of encoded video. */
export type VideoCodec = 'h264' | 'vp8';

/** The connection to a player's page, as the running game uses it. */
export interface PlayerConnection {
  /** The format of the video that the page takes. */
  readonly codec: VideoCodec;
  /**
   * Sends a copy of one access unit (H.264 Annex B with start codes of 3 or 4 bytes, or VP8), a large one spread over some milliseconds.
   * @returns false if the frame was dropped, because the page is not connected, the connection is congested, or the page
   * misses an earlier frame that this one refers to. If connected, onKeyframe is called then, at most once per `keyframeMsMin`.
   */
  sendFrame(accessUnit: Uint8Array, info: FrameInfo): boolean;
  /**
   * Sends a copy of one packet of Opus. Never waits and never queues. Undefined if the page has not offered to take sound.
   * @returns false if the packet was dropped, because the page is not connected or the connection is congested
   */
  readonly sendAudio?: ((packet: Uint8Array, info: AudioInfo) => boolean) | undefined;
  /** Whether the path has room for another frame. A frame that is not rendered costs less than one that arrives late. */
  readonly ready: boolean;
  /** Sets the most that the player's video can use, so that nothing is sent to find out whether the path carries more. */
  limitBitrate(bitsPerSecondMax: number): void;
  /** Tells the page why the connection ends, then closes it. Resolves when it is closed, after `closeMsMax` at the latest. */
  end(code: ErrorCode, message: string, retry: boolean): Promise<void>;
  readonly stats: Readonly<ConnectionStats>;
  /** Sends a notice to the page, such as that the game has paused. All notices arrive in order. */
  notify(notice: Notice): void;
}

/**
 * A player's seat in a game, taken when the page has connected. The game's room implements this interface, and the connection
 * to the player's page calls it.
 */
export interface Player extends ViewRequest {
  /** Number of the seat, counted from 0. */
  readonly seat: number;
  /** Number of seats in the game. */
  readonly seats: number;
  /** The game's name, which the page shows as its title. */
  readonly game: string;
  /** The picture that the page asked for, if that exceeds the budget of pixels, so that the player gets another one. */
  readonly wanted?: Pick<ViewRequest, 'width' | 'height' | 'fps'> | undefined;
  /** The actions that the player can take in the game, if its author names them. */
  readonly actions?: readonly GameAction[] | undefined;
  readonly input: InputSink;
  /** The situation of the player's game. Undefined for a spectator. */
  readonly situation?: Situation | undefined;
  /** Called at most once, when the page has connected and frames can be sent. */
  onConnected(connection: PlayerConnection): void;
  /** Asks for the next frame to be a keyframe. */
  onKeyframe(): void;
  onFeedback(feedback: Readonly<Feedback>): void;
  /** Called exactly once, when the seat is no longer the player's. No other call follows. */
  onClosed(reason: CloseReason): void;
  /**
   * Called when the connection was lost and the player may return. The seat stays taken and everything that is held is
   * released. No pictures are drawn meanwhile. Either `return` or `onClosed` follows.
   */
  onLost(): void;
  /** Whether a player who has lost the connection can still return to this seat. False if the game has ended. */
  canReturn(): boolean;
  /**
   * Gives the seat to a new connection of the same player. An earlier one that is still open gets no more pictures.
   * @param request the picture that the page asks for now
   * @returns the player to use from now on; this one gets no other call
   */
  return(request: ViewRequest): Player;
}
