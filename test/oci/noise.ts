import { createHash } from 'node:crypto';

/** Returns bytes that do not compress, and are the same for the same length. */
export function noise(bytes: number): Uint8Array {
  return createHash('shake256', { outputLength: bytes }).update('noise').digest();
}
