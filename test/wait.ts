/**
 * Functions with which tests wait. Their deadline only ends a test that would hang, so it is longer than any machine needs.
 * Vitest's fake timers do not affect them.
 */
import { setTimeout as pause } from 'node:timers/promises';

export const WAIT_MS_MAX = 45_000;
/** Pause between two calls of the condition that a test waits for. */
const STEP_MS = 5;

const now = performance.now.bind(performance);
const nextTurn = setImmediate;

/**
 * Calls `check` again and again until it succeeds, and returns its result.
 * @throws the last error of `check`, once `msMax` milliseconds have passed
 */
export async function eventually<T>(check: () => T | Promise<T>, msMax = WAIT_MS_MAX): Promise<T> {
  for (const end = now() + msMax; ; await sleep(STEP_MS))
    try {
      return await check();
    } catch (error) {
      if (now() > end) throw error;
    }
}

/**
 * Lets 50 turns of the event loop pass, so that pending work of this process is done, including that on its loopback sockets.
 */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => nextTurn(resolve));
}

export function sleep(ms: number): Promise<void> {
  return pause(ms);
}
