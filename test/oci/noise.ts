import { createHash } from 'node:crypto';

/** Bytes that do not compress, the same each time. */
export function noise(bytes: number): Uint8Array {
  return createHash('shake256', { outputLength: bytes }).update('noise').digest();
}
