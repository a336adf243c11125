import type { GpuFacts } from '../engine/engine.ts';

/**
 * A recording of a session (.nlr): everything that the module received from outside, in order. Numbers are little-endian.
 *
 *   0   u32       MAGIC, "NLRC"
 *   4   u32       VERSION
 *   8   u32       ABI_VERSION
 *   12  u32       ticks per second
 *   16  u32       seats
 *   20  u64       seed
 *   28  32 bytes  SHA-256 of the module
 *   60  32 bytes  SHA-256 of its asset pack, or of no bytes if it has none
 *   92  u32       length of the game's name in bytes
 *   96  u32       GPU features that the module could query (GpuFacts)
 *   100 u32       number of GPU limits that it could query, 0 to LIMITS_MAX
 *   104           the limits, each a u32, and then the name in UTF-8
 *
 * Records follow. Each is a byte for its kind, one of RECORD_, and the fields that its comment lists. A file that ends within
 * a record, or without RECORD_END, was cut off and contains the session up to there.
 */
export const MAGIC = 0x4352_4c4e;
export const VERSION = 1;
export const HEADER_BYTES = 104;
export const HASH_BYTES = 32;
export const NAME_BYTES_MAX = 255;
export const LIMITS_MAX = 256;
export const TICK_RATE_MAX = 1000;

/** The session ended. This is the last byte of the file. */
export const RECORD_END = 0;
/** u8 seat. */
export const RECORD_JOIN = 1;
/** u8 seat. */
export const RECORD_LEAVE = 2;
/** No fields: the tick that follows the last one, or tick 0. */
export const RECORD_TICK = 3;
/** u32 number of a tick that does not follow the last one. */
export const RECORD_TICK_AT = 4;
/** u8 seat, u16 width, u16 height. */
export const RECORD_RENDER = 5;
/** u8 seat. The picture has the size of that seat's last picture. */
export const RECORD_RENDER_AGAIN = 6;
/** u8 count from 1 to REPLY_WORDS, then that many u32. The other words of the reply are zero. */
export const RECORD_REPLY = 7;
/**
 * u8 seat, u8 number of runs, and for each run: u8 count of bytes that stay the same, u8 count of bytes that change, and those
 * bytes. It describes how the seat's input record changes; at the start of a session, each is all zeros.
 */
export const RECORD_INPUT = 8;
/** u32 length, then a saved state that the module loads. Can only be the first record. */
export const RECORD_RESTORE = 9;
/** u32 address, u32 length, then bytes that are copied to that address of linear memory before the next call. */
export const RECORD_WRITE = 10;

/** The conditions that a session started with. */
export interface SessionHeader {
  /** Name of the game. */
  readonly name: string;
  /** SHA-256 of the module, and of its asset pack. */
  readonly module: Uint8Array;
  readonly assets: Uint8Array;
  readonly seed: number;
  /** Ticks per second. */
  readonly tickRate: number;
  readonly seats: number;
  /** Properties of the GPU that the module could query; undefined if there were none. */
  readonly gpu?: GpuFacts | undefined;
}

/** Something that a module received: a call, or data that it reads in its next call. */
export type Call =
  | { readonly kind: 'join' | 'leave'; readonly seat: number }
  | { readonly kind: 'tick'; readonly tick: number }
  | { readonly kind: 'render'; readonly seat: number; readonly width: number; readonly height: number }
  | { readonly kind: 'restore'; readonly state: Uint8Array }
  | { readonly kind: 'write'; readonly address: number; readonly bytes: Uint8Array }
  /** A record of the reply ring: REPLY_WORDS words. */
  | { readonly kind: 'reply'; readonly record: Uint32Array }
  /** The complete new input record of a seat: INPUT_STRIDE bytes. */
  | { readonly kind: 'input'; readonly seat: number; readonly record: Uint8Array };

/** Returns the SHA-256 of some bytes. */
export async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}
