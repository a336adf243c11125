/** Pressure on a host that follows one of a few patterns, and the steps that protect the host from it. */
import { JOIN_STEPS } from './join-steps.ts';

/** Patterns of pressure: many joins, moves of players, messages between rooms, or match results in a short time. */
export const FINGERPRINTS = ['joins', 'moves', 'chat', 'results'] as const;
export type Fingerprint = (typeof FINGERPRINTS)[number];

/** The steps whose time has a budget: those of a join, and a write of the store to the disk. */
export const PROTECTION_STEPS = [...JOIN_STEPS, 'store'] as const;
export type ProtectionStep = (typeof PROTECTION_STEPS)[number];

/** The time that 95 % of the runs of each step may take, in milliseconds. host/edge/EDGE.md has the same table. */
export const BUDGETS_MS: Readonly<Record<ProtectionStep, number>> = {
  address: 1,
  token: 5,
  ticket: 5,
  account: 1,
  policy: 5,
  risk: 50,
  seat: 20,
  store: 100,
};

/** Counts events that may become pressure, and tells whether they have. */
export interface Pressure {
  count(fingerprint: Fingerprint): void;
  isHigh(fingerprint: Fingerprint): boolean;
}

/** Counts what protection does, for the metrics of the host. */
export class ProtectionCounts {
  /** Number of times that each pattern was recognised. */
  readonly recognised = zeros();
  /** Number of requests that the limits of a protection mode have refused. */
  readonly refused = zeros();
}

function zeros(): Record<Fingerprint, number> {
  return Object.fromEntries(FINGERPRINTS.map((name) => [name, 0])) as Record<Fingerprint, number>;
}
