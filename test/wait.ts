/**
 * Waiting in tests. A deadline here only ends a test that would hang, so it is longer than any machine needs. Fake timers do
 * not change these functions.
 */
import { setTimeout as pause } from 'node:timers/promises';

export const WAIT_MS_MAX = 45_000;
/** Between two checks. */
const STEP_MS = 5;

const now = performance.now.bind(performance);
const nextTurn = setImmediate;

/** Waits until `check` neither throws nor rejects; gives what it gives. @throws what `check` throws at last */
export async function eventually<T>(check: () => T | Promise<T>, msMax = WAIT_MS_MAX): Promise<T> {
  for (const end = now() + msMax; ; await sleep(STEP_MS))
    try {
      return await check();
    } catch (error) {
      if (now() > end) throw error;
    }
}

/** Lets everything happen that is on its way within this process, its own loopback connections included. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => nextTurn(resolve));
}

export function sleep(ms: number): Promise<void> {
  return pause(ms);
}
