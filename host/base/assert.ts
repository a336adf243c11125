/**
 * Returns `value`, which our own code guarantees to exist.
 * @throws Error naming `what` where it does not: a bug of ours, never a fault of a module or a peer
 */
export function must<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new Error(`bug: there is no ${what}`);
  return value;
}
