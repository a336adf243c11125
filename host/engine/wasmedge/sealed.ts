import { closeSync, constants, openSync, readSync } from 'node:fs';

/** Native code in memory that no process can change. The owner of this object closes the descriptor. */
export interface SealedCode {
  readonly fd: number;
  /** Length of the code. */
  readonly bytes: number;
}

/** Native code, in this process's memory or in sealed memory. */
export type NativeCode = Uint8Array | SealedCode;

/** Releases native code that nothing uses. */
export function closeCode(code: NativeCode): void {
  if (!(code instanceof Uint8Array)) closeSync(code.fd);
}

/** Returns a copy of the code in this process's memory. */
export function copyOf({ fd, bytes }: SealedCode): Uint8Array {
  const copy = new Uint8Array(bytes);
  for (let at = 0, count = 1; at < bytes && count > 0; at += count) count = readSync(fd, copy, at, bytes - at, at);
  return copy;
}

/** Returns a descriptor of the same memory that shares nothing else with the first one, such as a position, and can only read. */
export function reopened({ fd, bytes }: SealedCode): SealedCode {
  return { fd: openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY), bytes };
}
