import type { GpuFacts } from '../engine/engine.ts';

/**
 * The file of a recorded session (.nlr): all that its module was given from outside, in order. Little endian.
 *
 *   0   u32       MAGIC, "NLRC"
 *   4   u32       VERSION
 *   8   u32       ABI_VERSION
 *   12  u32       ticks a second
 *   16  u32       seats
 *   20  u64       seed
 *   28  32 bytes  SHA-256 of the module
 *   60  32 bytes  SHA-256 of its asset pack; of nothing where it has none
 *   92  u32       bytes of the game's name
 *   96  u32       features that it was told of (GpuFacts)
 *   100 u32       count of limits that it was told of, 0 to LIMITS_MAX; each is a u32, and they follow
 *                 after them the name in UTF-8
 *
 * Then records, each a byte for its kind and what the list below says. A file that ends within a record, or without
 * RECORD_END, was cut: it holds the session up to there.
 */
export const MAGIC = 0x4352_4c4e;
export const VERSION = 1;
export const HEADER_BYTES = 104;
export const HASH_BYTES = 32;
export const NAME_BYTES_MAX = 255;
export const LIMITS_MAX = 256;
export const TICK_RATE_MAX = 1000;

/** The session is over; the file's last byte. */
export const RECORD_END = 0;
/** u8 seat. */
export const RECORD_JOIN = 1;
/** u8 seat. */
export const RECORD_LEAVE = 2;
/** The tick after the last one; 0 at first. */
export const RECORD_TICK = 3;
/** u32 number of the tick. */
export const RECORD_TICK_AT = 4;
/** u8 seat, u16 width, u16 height. */
export const RECORD_RENDER = 5;
/** u8 seat; the size is that of its last picture. */
export const RECORD_RENDER_AGAIN = 6;
/** u8 count from 1 to REPLY_WORDS, that many u32; the words beyond are zero. */
export const RECORD_REPLY = 7;
/** u8 seat, u8 runs; each run: u8 bytes that stay, u8 bytes that change, those bytes. All records begin as zeros. */
export const RECORD_INPUT = 8;
/** u32 bytes of a state that the module goes on from, those bytes; comes first, if at all. */
export const RECORD_RESTORE = 9;
/** u32 address in linear memory, u32 bytes, those bytes: what the GPU gave back before the next call. */
export const RECORD_WRITE = 10;

/** What a session began with. */
export interface SessionHeader {
  /** The game's, as its room has it. */
  readonly name: string;
  /** SHA-256 of the module and of its asset pack. */
  readonly module: Uint8Array;
  readonly assets: Uint8Array;
  readonly seed: number;
  /** Ticks a second. */
  readonly tickRate: number;
  readonly seats: number;
  /** What the module was told of its GPU; without, nothing. */
  readonly gpu?: GpuFacts | undefined;
}

/** One thing that a module was given: a call, or what it reads in its next call. */
export type Call =
  | { readonly kind: 'join' | 'leave'; readonly seat: number }
  | { readonly kind: 'tick'; readonly tick: number }
  | { readonly kind: 'render'; readonly seat: number; readonly width: number; readonly height: number }
  | { readonly kind: 'restore'; readonly state: Uint8Array }
  | { readonly kind: 'write'; readonly address: number; readonly bytes: Uint8Array }
  /** REPLY_WORDS words. */
  | { readonly kind: 'reply'; readonly record: Uint32Array }
  /** INPUT_STRIDE bytes: the whole record of the seat from now on. */
  | { readonly kind: 'input'; readonly seat: number; readonly record: Uint8Array };

/** SHA-256 of some bytes, as a header has it. */
export async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}
