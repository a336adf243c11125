/**
 * The bytes between page and server; imported by both, so nothing of Node or of the DOM here.
 * All integers little-endian. Page to server: `events` (reliable, ordered) and `state` (unreliable, unordered) channels.
 * Server to page: frame information on `state`, notices on `events`.
 */

export const CHANNEL_EVENTS = 'events';
export const CHANNEL_STATE = 'state';

/** First byte of each message. */
export const MESSAGE_KEY = 1; // events, page: u8 type, u8 HID usage, u8 down, u8 0, u32 sequence
export const MESSAGE_BUTTON = 2; // events, page: u8 type, u8 button 0-31, u8 down, u8 0, u32 sequence
export const MESSAGE_RELEASE_ALL = 3; // events, page: u8 type, u8[3] 0, u32 sequence
export const MESSAGE_POINTER = 4; // state, page: see POINTER_BYTES
export const MESSAGE_PING = 5; // state, page: u8 type, u8[3] 0, f64 time; answered by the same bytes as MESSAGE_PONG
export const MESSAGE_PONG = 6; // state, server
export const MESSAGE_FRAME = 7; // state, server: see FRAME_BYTES
export const MESSAGE_NOTICE = 8; // events, server: u8 type, then UTF-8 JSON Notice
export const MESSAGE_PACE = 9; // state, page: see PACE_BYTES

export const KEY_BYTES = 8;
export const BUTTON_BYTES = 8;
export const RELEASE_ALL_BYTES = 8;
export const PING_BYTES = 12;

/**
 * MESSAGE_POINTER: u8 type, u8 flags (1 = pointer locked), u16 0, u32 sequence, i32 total movement x, y and i32 total wheel x, y
 * (sums since the connection began, in 1/16 CSS pixel, wrapping), so that a lost message loses nothing;
 * f32 x, y of the pointer in the picture (0 to 1), f32[4] axes (-1 to 1). 48 bytes.
 */
export const POINTER_BYTES = 48;

/**
 * MESSAGE_PACE: u8 type, u8[3] 0, f32 slack: for how many milliseconds pictures waited for the display after they had been received and
 * decoded (a tenth of the newest waited for less). The server moves its frames until that is small. 8 bytes.
 */
export const PACE_BYTES = 8;

/**
 * MESSAGE_FRAME: u8 type, u8 flags (1 = keyframe), u16 0, u32 RTP timestamp of the frame, u32 sequence of the newest input that the
 * frame's simulation had read, u32 microseconds from reading that input to sending, u32 encoded bytes. 20 bytes.
 */
export const FRAME_BYTES = 20;

/**
 * A rare message from the server. After `paused` the game is gone and the connection stays; `joined` comes again when the next one
 * has seated the page. `ended` is final: `code` and `message` say why, and whether a retry makes sense.
 */
export type Notice =
  | {
      kind: 'joined';
      seat: number;
      seats: number;
      width: number;
      height: number;
      fps: number;
      game: string;
    }
  | { kind: 'paused'; code: string; message: string }
  | { kind: 'ended'; code: string; message: string; retry: boolean };
