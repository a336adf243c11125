import { createHash } from 'node:crypto';

/** Returns bytes that do not compress. The same length always gives the same bytes. */
export function noise(bytes: number): Uint8Array {
  return createHash('shake256', { outputLength: bytes }).update('noise').digest();
}
