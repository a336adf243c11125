import { PHASES, type Phase } from '../base/bus.ts';
import type { SavedMatch } from '../room/room.ts';

/** A match as the store has it. */
export interface Checkpoint extends SavedMatch {
  /** For each of `seats` the `origin` of its player's stay, by which a record is known to be about the same player; null if there is none. */
  readonly origins?: readonly (string | null)[] | undefined;
}

/** Fields of a checkpoint beside the state of the game. */
type Header = Omit<Checkpoint, 'state'>;

const LENGTH_BYTES = 4;
const HEADER_BYTES_MAX = 64 * 1024;
const SEATS_MAX = 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Writes a match as the length of its header (u32, little endian), the header as JSON, and the state of the game. */
export function writeCheckpoint({ state, ticks, seats, phase, origins }: Checkpoint): Uint8Array {
  const header = Buffer.from(JSON.stringify({ ticks, seats, phase, origins } satisfies Header));
  const bytes = new Uint8Array(LENGTH_BYTES + header.length + state.length);
  new DataView(bytes.buffer).setUint32(0, header.length, true);
  bytes.set(header, LENGTH_BYTES);
  bytes.set(state, LENGTH_BYTES + header.length);
  return bytes;
}

/** Reads what writeCheckpoint has written. Returns undefined for anything else. */
export function readCheckpoint(bytes: Uint8Array): Checkpoint | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (length > HEADER_BYTES_MAX || length > bytes.length - LENGTH_BYTES) return undefined;
  const header = readHeader(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
  return header && { ...header, state: bytes.slice(LENGTH_BYTES + length) };
}

function readHeader(bytes: Uint8Array): Header | undefined {
  try {
    const { ticks, seats, phase, origins } = JSON.parse(utf8.decode(bytes)) as Record<keyof Header, unknown>;
    if (!isCount(ticks, Number.MAX_SAFE_INTEGER) || !Array.isArray(seats) || seats.length > SEATS_MAX) return undefined;
    if (!seats.every((seat) => isCount(seat, SEATS_MAX - 1)) || new Set(seats).size < seats.length) return undefined;
    if (phase !== undefined && !PHASES.includes(phase as Phase)) return undefined;
    if (origins !== undefined && !(Array.isArray(origins) && origins.length === seats.length)) return undefined;
    if (origins?.some((origin) => origin !== null && !isDigest(origin))) return undefined;
    return { ticks, seats, phase: phase as Phase | undefined, origins };
  } catch {
    return undefined;
  }
}

function isCount(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

/** A seat whose player may return after a restart, as the store has it. */
export interface SeatRecord {
  readonly seat: number;
  /** SHA-256 of the token with which the page can return, in base64url. */
  readonly digest: string;
  /** The digest that the stay began with, which does not change; missing in records of earlier versions. */
  readonly origin?: string | undefined;
  /** The gate's text for the player's account; empty if anyone may join. */
  readonly pass: string;
}

const DIGEST = /^[\w-]{43}$/;

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && DIGEST.test(value);
}

export function writeSeats(seats: readonly SeatRecord[]): Uint8Array {
  return Buffer.from(JSON.stringify(seats));
}

/** Reads what writeSeats has written, without the entries that are not seats. */
export function readSeats(bytes: Uint8Array): SeatRecord[] {
  try {
    const list = JSON.parse(utf8.decode(bytes)) as unknown;
    return Array.isArray(list) ? list.filter(isSeat) : [];
  } catch {
    return [];
  }
}

function isSeat(value: unknown): value is SeatRecord {
  const { seat, digest, origin, pass } = (value ?? {}) as Partial<SeatRecord>;
  const isKnown = isDigest(digest) && (origin === undefined || isDigest(origin));
  return isCount(seat, SEATS_MAX - 1) && isKnown && typeof pass === 'string';
}
