/** Waiting in tests. A deadline here only ends a test that would hang, so it is longer than any machine needs. */
import { vi } from 'vitest';

export const WAIT_MS_MAX = 45_000;

/** Waits until `check` neither throws nor rejects; gives what it gives. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: WAIT_MS_MAX, interval: 10 });
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
