import type { Load, ObservedServer } from '../../../host/fleet/scale/load.ts';
import { addUp } from '../../../host/fleet/scale/load.ts';
import type { ScalePolicy } from '../../../host/fleet/scale/policy.ts';

export const MINUTE_MS = 60_000;
/** A Saturday at noon. */
export const NOON = Date.parse('2026-11-28T12:00:00Z');

/** A policy for tests, without limits of its rates. */
export function policyOf(change: Partial<ScalePolicy> = {}): ScalePolicy {
  return {
    namespace: 'nearlight',
    game: 'arena',
    min: 0,
    max: 1000,
    seatsPerServer: 10,
    buffer: { seats: 5, percent: 0 },
    targets: {},
    schedule: [],
    tolerancePercent: 0,
    up: { stabiliseMs: 0, limits: [] },
    down: { stabiliseMs: 0, limits: [] },
    staleMs: 4000,
    unknownPercentMax: 100,
    ...change,
  };
}

/** A server that has just reported. */
export function server(taken: number, change: Partial<ObservedServer> = {}): ObservedServer {
  const state = taken === 0 ? 'ready' : taken < 10 ? 'allocated' : 'full';
  return { state, seats: { all: 10, taken, reserved: 0 }, measures: {}, at: NOON, ...change };
}

export function loadOf(servers: ObservedServer[], now = NOON): Load {
  return addUp(servers, { now, staleMs: 4000 });
}
