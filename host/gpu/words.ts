/** Returns the 32-bit word at index `at`. The caller has checked that the command stream reaches that far. */
export function u32(words: Uint32Array, at: number): number {
  const value = words[at];
  return value === undefined ? outside(at) : value;
}

function outside(at: number): never {
  throw new Error(`bug: word ${at} is outside the stream`);
}
