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

/** Record: the session ended. No fields. It is the last byte of the recording. */
export const RECORD_END = 0;
/** Record: a player joins. Field: u8 seat. */
export const RECORD_JOIN = 1;
/** Record: a player leaves. Field: u8 seat. */
export const RECORD_LEAVE = 2;
/** Record: the simulation tick whose number follows the last one's, or tick 0. No fields. */
export const RECORD_TICK = 3;
/** Record: a simulation tick whose number does not follow the last one's. Field: u32 number of the tick. */
export const RECORD_TICK_AT = 4;
/** Record: a picture is drawn for a player. Fields: u8 seat, u16 width, u16 height, in pixels. */
export const RECORD_RENDER = 5;
/** Record: a picture is drawn for a player, in the size of that player's last picture. Field: u8 seat. */
export const RECORD_RENDER_AGAIN = 6;
/** Record: a reply of the GPU. Fields: u8 count, 1 to REPLY_WORDS, then as many u32. The reply's other words are zero. */
export const RECORD_REPLY = 7;
/**
 * Record: a player's input record changes; it is all zeros when the session starts. Fields: u8 seat, u8 number of runs, and for
 * each run: u8 count of bytes that stay the same, u8 count of bytes that change, and the changed bytes.
 */
export const RECORD_INPUT = 8;
/** Record: the module loads a saved state. Fields: u32 length, then the state. Only replies and writes may precede it. */
export const RECORD_RESTORE = 9;
/** Record: bytes are copied to linear memory before the next call. Fields: u32 address, u32 length, then the bytes. */
export const RECORD_WRITE = 10;
/** Record: the records of a player's gamepads change. Fields as in RECORD_INPUT. */
export const RECORD_PADS = 11;

/** Record: a player gets a state from another room. Fields: u8 seat, u32 length, then the state. */
export const RECORD_IMPORT = 12;

/** The module, settings and GPU that a recorded session started with. */
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
  | { readonly kind: 'import'; readonly seat: number; readonly state: Uint8Array }
  | { readonly kind: 'write'; readonly address: number; readonly bytes: Uint8Array }
  /** A reply of the GPU to the module: REPLY_WORDS 32-bit words. */
  | { readonly kind: 'reply'; readonly record: Uint32Array }
  /** The complete new input record of a player's seat: INPUT_STRIDE bytes. */
  | { readonly kind: 'input'; readonly seat: number; readonly record: Uint8Array }
  /** The complete new records of the gamepads of a player's seat: PADS_STRIDE bytes. */
  | { readonly kind: 'pads'; readonly seat: number; readonly record: Uint8Array };

/** Returns the SHA-256 of some bytes. */
export async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}
