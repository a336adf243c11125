import type { ErrorCode, NearlightError } from '../base/errors.ts';

/** A turn of the event loop that takes longer holds up every player's picture and input. */
const TURN_MS_MAX = 1000;
const TURNS = 2;

/** An answer to a probe, as JSON. */
export interface Health {
  status: 200 | 503;
  body: { ok: boolean; code?: ErrorCode; message?: string };
}

/**
 * Whether the event loop turns, in its next few turns; one that stands still does not answer at all, and the probe's own
 * time limit tells.
 */
export async function liveness(): Promise<Health> {
  for (let turn = 0; turn < TURNS; turn++) {
    const begun = performance.now();
    await new Promise<void>((resolve) => setImmediate(() => resolve()));
    const ms = Math.round(performance.now() - begun);
    if (ms > TURN_MS_MAX)
      return { status: 503, body: { ok: false, message: `the event loop took ${ms} ms for one turn` } };
  }
  return { status: 200, body: { ok: true } };
}

/** Whether a player could join; `problem` says why not. */
export function readiness(problem: NearlightError | undefined): Health {
  if (problem === undefined) return { status: 200, body: { ok: true } };
  return { status: 503, body: { ok: false, code: problem.code, message: problem.detail } };
}
