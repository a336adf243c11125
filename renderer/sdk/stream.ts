import { submit as hostSubmit, mark } from './nearlight';

const BYTES: usize = 256 * 1024;
const LENGTH_WORDS_MAX: u32 = 65535;

const buffer: usize = heap.alloc(BYTES);
let used: usize = 0;
let newest: usize = 0;

/**
 * Makes room in the command stream for a command of `words` words and returns its address. Hands the stream to the host
 * first if it is full.
 */
export function reserve(words: u32): usize {
  // Builds that are not optimised are for development: there the host names the source line of a command it refuses.
  if (ASC_OPTIMIZE_LEVEL === 0) mark();
  if (words > LENGTH_WORDS_MAX) throw new Error('a command is longer than 65,535 words');
  const bytes = (<usize>words) << 2;
  if (used + bytes > BYTES) flush();
  const p = buffer + used;
  used += bytes;
  newest = p;
  return p;
}

/** Changes the opcode of the newest command in the stream to another that has the same fields. */
export function retag(opcode: u32): void {
  store<u16>(newest, <u16>opcode);
}

/** Hands the commands in the stream to the host, and with them the bytes in memory that they refer to. */
export function flush(): void {
  if (used === 0) return;
  hostSubmit(buffer, <u32>used);
  used = 0;
}

/** Writes a string at an address as UTF-8, padded with zeros to a 32-bit word. Returns the address after it. */
export function text(at: usize, value: string, byteLength: u32): usize {
  const padded = <usize>((byteLength + 3) & ~3);
  if (padded > 0) store<u32>(at + padded - 4, 0);
  String.UTF8.encodeUnsafe(changetype<usize>(value), value.length, at);
  return at + padded;
}
