import type { ErrorCode, NearlightError } from '../base/errors.ts';

/** A turn of the event loop that takes longer fails the health probe, because it delays the pictures of every player. */
const TURN_MS_MAX = 1000;
const TURNS = 2;

/** The answer to a health probe; `body` is sent as JSON. */
export interface Health {
  status: 200 | 503;
  body: { ok: boolean; code?: ErrorCode; message?: string };
}

/**
 * Measures the next turns of the event loop and reports whether they were fast enough. If the loop is blocked there is no
 * answer at all, and the prober's own time limit applies.
 */
export async function checkLiveness(): Promise<Health> {
  for (let turn = 0; turn < TURNS; turn++) {
    const begun = performance.now();
    await new Promise<void>((resolve) => setImmediate(() => resolve()));
    const ms = Math.round(performance.now() - begun);
    if (ms > TURN_MS_MAX)
      return { status: 503, body: { ok: false, message: `the event loop took ${ms} ms for one turn` } };
  }
  return { status: 200, body: { ok: true } };
}

/** Reports whether a player could join. `problem` is the reason why no player could, or undefined. */
export function checkReadiness(problem: NearlightError | undefined): Health {
  if (problem === undefined) return { status: 200, body: { ok: true } };
  return { status: 503, body: { ok: false, code: problem.code, message: problem.detail } };
}
