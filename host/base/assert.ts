/**
 * Returns `value`, which our own code guarantees to exist.
 * @throws Error that names `what` if the value is missing: a bug of this program, never a fault of a module or a peer
 */
export function must<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new Error(`bug: there is no ${what}`);
  return value;
}
