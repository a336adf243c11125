import type { GameAction } from './actions.ts';

/**
 * The messages between a player's page and the host. Both sides read this one definition.
 * Integers and floats are little-endian. A page opens two data channels: `events` is reliable and ordered, `state` is
 * neither. The page sends input on both. The host sends notices on `events` and facts about frames on `state`.
 */

export const CHANNEL_EVENTS = 'events';
export const CHANNEL_STATE = 'state';

/**
 * HTTP header of a page that can return to its seat. In an offer it holds the page's return tokens, the newest first, or `new`
 * if the page has none. In the answer it holds the token that is valid once the page has a seat, and then the one that is valid until
 * then, if the page has presented it.
 */
export const HEADER_RETURN = 'nearlight-return';
/** HTTP header of the answer to such an offer: for how many milliseconds the seat waits for the page if the connection is lost. */
export const HEADER_HOLD = 'nearlight-hold-ms';
/**
 * Version of this protocol, which grows when pages with the one before can no longer play. A page names its version in the query of
 * its requests for a seat, and the host refuses one that it does not speak. WHEP clients name none.
 */
export const PROTOCOL_VERSION = 1;
export const QUERY_PROTOCOL = 'protocol';
/**
 * HTTP header of an offer with return tokens: an id that the page has chosen at random when it was loaded. A browser that duplicates a tab
 * copies the tokens but not the id. `;take` after the id says that the page wants the seat even if another one plays there now.
 */
export const HEADER_PAGE = 'nearlight-page';
/** HTTP header of a request for a connection: the trace that the page has begun (W3C Trace Context). */
export const HEADER_TRACE = 'traceparent';
/**
 * Content type of a request for a connection that brings a carry ticket: JSON with the ticket as `carry`, and the body that the request
 * would have without it, if it has one, as `sdp`.
 */
export const CARRY_TYPE = 'application/vnd.nearlight.carry+json';
/** Longest carry ticket in characters: a player's state and what goes with it, encrypted and in base64url. */
export const CARRY_LENGTH_MAX = 92_160;
/** Query of the DELETE request of a page that is being closed or reloaded, which may return at once. */
export const QUERY_HOLD = 'hold';

/** Query of an offer of a page that only watches, but has channels, on which it hears what happens to the game. */
export const QUERY_WATCH = 'watch';

// The first byte of a message is its type. Each line below names the sender and the data channel, then the layout.
export const MESSAGE_KEY = 1; // page, on `events`: u8 type, u8 HID usage of a key, u8 1 if down, u8 0, u32 sequence
export const MESSAGE_BUTTON = 2; // page, on `events`: u8 type, u8 pointer button 0-31, u8 1 if down, u8 0, u32 sequence
export const MESSAGE_RELEASE_ALL = 3; // page, on `events`, releases all keys: u8 type, u8[3] 0, u32 sequence
export const MESSAGE_POINTER = 4; // page, on `state`: see POINTER_BYTES
export const MESSAGE_PING = 5; // page, on `state`: u8 type, u8[3] 0, f64 time; the host answers MESSAGE_PONG
export const MESSAGE_PONG = 6; // host, on `state`: see PONG_BYTES
export const MESSAGE_FRAME = 7; // host, on `state`: see FRAME_BYTES
export const MESSAGE_NOTICE = 8; // host, on `events`: u8 type, then a Notice as JSON in UTF-8
export const MESSAGE_PACE = 9; // page, on `state`: see PACE_BYTES
export const MESSAGE_HELD = 12; // page, on `state`: see HELD_BYTES
export const MESSAGE_TIMES = 20; // page, on `state`: see TIMES_BYTES
export const MESSAGE_PAD_BUTTON = 16; // page, on `events`: see PAD_BUTTON_BYTES
export const MESSAGE_TEXT = 17; // page, on `events`: see TEXT_HEADER_BYTES
// A page whose network lets no WebRTC pass opens a WebSocket, which carries all messages in both directions, and also these:
export const MESSAGE_VIDEO = 13; // host: the layout of MESSAGE_FRAME, then the access unit (H.264 Annex B)
export const MESSAGE_AUDIO = 14; // host: u8 type, u8[3] 0, u32 RTP timestamp in frames of sound, then a packet of Opus
export const MESSAGE_ARRIVED = 15; // page: u8 type, u8[3] 0, u32 RTP timestamp of a frame, f64 time at which it arrived, in ms

export const AUDIO_HEADER_BYTES = 8;
export const ARRIVED_BYTES = 16;
export const KEY_BYTES = 8;
export const BUTTON_BYTES = 8;
export const RELEASE_ALL_BYTES = 8;
/** Size of MESSAGE_PAD_BUTTON: u8 type, u8 button of a gamepad 0-16, u8 1 if down, u8 gamepad 0-3, u32 sequence. */
export const PAD_BUTTON_BYTES = 8;
/**
 * Size of MESSAGE_TEXT without its text: u8 type, u8 1 if the player has submitted a text or 0 if not, u16 0, u32 sequence, u32 number
 * of the request (see Notice). Then the text in UTF-8, at most TEXT_LENGTH_MAX * TEXT_UNIT_BYTES_MAX bytes.
 */
export const TEXT_HEADER_BYTES = 12;
export const PING_BYTES = 12;

/** Size of MESSAGE_PONG: the bytes of MESSAGE_PING except for the type, then f64 time on the clock of RTP timestamps, in ms. */
export const PONG_BYTES = 20;

/**
 * Size of MESSAGE_POINTER: u8 type, u8 flags (1 = pointer locked), u16 0, u32 sequence, i32 total movement x, y,
 * i32 total wheel x, y, f32 pointer x, y in the picture (0 to 1), f32[4] gamepad or touch stick axes (-1 to 1).
 * Totals are sums since the connection began, in 1/16 CSS pixel, and wrap. A lost message therefore loses no movement.
 */
export const POINTER_BYTES = 48;

/**
 * Size of MESSAGE_HELD without gamepads: u8 type, u8 flags (1 = the page is hidden, 2 = it is muted), u16 0, u32 sequence, u32 buttons that are down,
 * u32[8] keys that are down: key k is bit k % 32 of word k / 32. Then PAD_BYTES for each gamepad that is connected, in ascending
 * order. The page sends it when the connection opens, about every 100 ms after that, and when a gamepad moves. So the host holds
 * what the page holds, whatever was lost or released in between.
 */
export const HELD_BYTES = 44;

/**
 * Size of one gamepad in MESSAGE_HELD: u8 gamepad 0-3, u8[3] 0, u32 buttons that are down, i16[4] axes of the sticks (-32767 to
 * 32767), u8[17] how far each button is pressed (0 to 255), u8[3] 0. Buttons and axes have their places in the standard mapping.
 */
export const PAD_BYTES = 36;
export const PAD_AXIS_MAX = 32_767;

/**
 * Size of MESSAGE_PACE: u8 type, u8[3] 0, f32 slack in milliseconds. Slack is how long a decoded picture waits until the
 * display takes it; the page sends the 10th percentile of the recent ones. The host shifts its frames to keep it small.
 */
export const PACE_BYTES = 8;

/**
 * Size of MESSAGE_FRAME: u8 type, u8 flags (1 = keyframe), u16 0, u32 RTP timestamp of the frame, u32 sequence of the
 * newest input that the frame shows, u32 microseconds from reading that input to the end of encoding, u32 encoded bytes.
 */
export const FRAME_BYTES = 20;

/**
 * Size of MESSAGE_FRAME with times, which follow the same fields as u16 in units of FRAME_TIME_US: how long the newest input
 * waited for a tick, the tick, the time until the picture was due, drawing, reading back, and sending. The largest value means
 * that much or more. The time of encoding is the rest of the fourth field. The host sends this message when the last packet of the frame has left. A page reads
 * as many fields as the message has.
 */
export const TIMED_FRAME_BYTES = 32;
export const FRAME_TIME_US = 10;
export const FRAME_TIME_MAX = 0xffff;

/**
 * Size of MESSAGE_TIMES: u8 type, u8 stage (a position in PAGE_STAGES), u8 number of buckets, u8 0, u32 sum in microseconds,
 * u16[16] numbers of pictures by the time that they took in that stage, for the bounds BUCKETS. The page counts the pictures since
 * its last message about the stage, and sends it at most once a second. The host ignores a stage or a number of buckets that it
 * does not know. A page sends this only to a host that sends times.
 */
export const TIMES_BYTES = 40;
export const TIMES_HEADER_BYTES = 8;
/** Longest time of a picture in MESSAGE_TIMES, in milliseconds. A page counts a longer one as this much. */
export const PICTURE_MS_MAX = 8000;

/**
 * A rare message from the host to a page. `joined` says that the page has a seat, and which picture it gets. `wanted` is the
 * picture that the page asked for, if that would have exceeded the host's budget of pixels. `actions` are what the player can do in
 * the game, if its author names them. `paused` says that the game has ended, or that no one plays it for spectators to see, but the
 * connection stays open; another `joined` follows when a game goes on, which takes about `afterMs` if that is known. `dropped` says that the host has dropped `count` presses or
 * messages since the last such notice, because the page sends too many. `ended` is the last message: `code`
 * and `message` say why, and `retry` says whether the page may connect again. `afterMs` says when at the earliest that can succeed.
 * `rumble` shakes a gamepad: `strong` and `weak` are the strengths of its motors, 0 to 1. `text` asks the player for a text of at most
 * `lengthMax` UTF-16 units, in place of an earlier request, and `text-end` ends request `number`. `moved` sends the page on: its player is in a game
 * of the host whose endpoint is `url`, or of this host without one, in a seat that `token` takes and that waits for `holdMs`. With the reason
 * `update`, this host ends, and the page asks for a place at `url`, or at the address that it has, with `token` and the carry ticket whose
 * parts the notices `carry` have brought, if there were any. The ticket is valid for `holdMs`.
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
      wanted?: { width: number; height: number; fps: number } | undefined;
      actions?: readonly GameAction[] | undefined;
    }
  | { kind: 'paused'; code: string; message: string; afterMs?: number }
  | { kind: 'dropped'; code: string; message: string; count: number }
  | { kind: 'rumble'; pad: number; strong: number; weak: number; milliseconds: number }
  | { kind: 'text'; number: number; prompt: string; initial: string; lengthMax: number }
  | { kind: 'text-end'; number: number }
  | { kind: 'carry'; part: string }
  | { kind: 'moved'; url?: string; game: string; token: string; holdMs: number; why?: 'update' }
  | { kind: 'ended'; code: string; message: string; retry: boolean; afterMs?: number };

/** Returns the notice that tells a page about its seat and its picture. */
export function joinedNotice(player: Omit<Notice & { kind: 'joined' }, 'kind'>): Notice {
  const { seat, seats, width, height, fps, game, wanted, actions } = player;
  const more = { ...(wanted ? { wanted } : {}), ...(actions ? { actions } : {}) };
  return { kind: 'joined', seat, seats, width, height, fps, game, ...more };
}

/** Why a page's connection ended, as the host counts and logs it: */
export const CLOSE_REASONS = [
  'page', // the page closed the connection
  'deleted', // the page ended the connection with an HTTP DELETE request
  'host', // the game ended, or ended the connection
  'shutdown', // the host is shutting down
  'timeout', // the page did not connect in time
  'displaced', // the page had not connected yet when a newer offer needed its place
  'refused', // the page connected, but the game had no seat left
  'replaced', // the same player has connected again
  'idle', // nothing arrived from the page for too long
  'input', // the page sent too many unreadable messages
  'rate', // the page sent more input than the host takes, for too long
  'failed', // the transport or the host's own code failed
] as const;

export type CloseReason = (typeof CLOSE_REASONS)[number];
