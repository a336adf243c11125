import type { FaultKind, FaultPlace } from '../base/faults.ts';
import { BUDGETS_MS, FINGERPRINTS, PROTECTION_STEPS, type ProtectionStep } from '../base/protection.ts';
import type { Meters } from './meters.ts';

/** A host's knowledge of pressure and of injected faults, in addition to its counters. */
export interface ProtectionFigures {
  /** Whether each place has a fault of each kind now. */
  faults(): readonly { place: FaultPlace; kind: FaultKind; isActive: boolean }[];
  /** The patterns of pressure whose protection mode is on. */
  isHigh(fingerprint: (typeof FINGERPRINTS)[number]): boolean;
  /** The P95 of a step in milliseconds; undefined if it ran too rarely. */
  p95Ms(step: ProtectionStep): number | undefined;
}

interface Metric {
  name: string;
  type: 'counter' | 'gauge';
  help: string;
  read(): { labels: Record<string, string>; value: number }[];
}

/** Returns the metrics of protection from pressure, and of injected faults. */
export function protectionMetrics({ faults, protection }: Meters, figures: ProtectionFigures): Metric[] {
  const byFingerprint = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([fingerprint, value]) => ({ labels: { fingerprint }, value }));
  return [
    {
      name: 'nearlight_pressure_high',
      type: 'gauge',
      help: 'Whether a pattern of pressure is recognised now, so that its protection mode is on: 1 or 0.',
      read: () =>
        FINGERPRINTS.map((fingerprint) => ({ labels: { fingerprint }, value: Number(figures.isHigh(fingerprint)) })),
    },
    {
      name: 'nearlight_pressure_recognised_total',
      type: 'counter',
      help: 'How often a pattern of pressure was recognised.',
      read: () => byFingerprint(protection.recognised),
    },
    {
      name: 'nearlight_pressure_refused_total',
      type: 'counter',
      help: 'Requests that the limits of a protection mode have refused.',
      read: () => byFingerprint(protection.refused),
    },
    {
      name: 'nearlight_protection_p95_seconds',
      type: 'gauge',
      help: 'Time that 95 % of the runs of a step of protection took at most in the last seconds.',
      read: () =>
        PROTECTION_STEPS.flatMap((step) => {
          const ms = figures.p95Ms(step);
          return ms === undefined ? [] : [{ labels: { step }, value: ms / 1000 }];
        }),
    },
    {
      name: 'nearlight_protection_budget_seconds',
      type: 'gauge',
      help: 'Time that 95 % of the runs of a step of protection may take.',
      read: () => PROTECTION_STEPS.map((step) => ({ labels: { step }, value: BUDGETS_MS[step] / 1000 })),
    },
    {
      name: 'nearlight_faults_active',
      type: 'gauge',
      help: 'Whether an operator injects a kind of fault at a place now: 1 or 0.',
      read: () =>
        figures.faults().map(({ place, kind, isActive }) => ({ labels: { place, kind }, value: Number(isActive) })),
    },
    {
      name: 'nearlight_faults_struck_total',
      type: 'counter',
      help: 'Events that injected faults have struck.',
      read: () => [...faults.all].map(({ place, kind, count }) => ({ labels: { place, kind }, value: count })),
    },
    {
      name: 'nearlight_experiments_stopped_total',
      type: 'counter',
      help: 'How often injected faults were ended because a step of protection was beyond its budget.',
      read: () => [{ labels: {}, value: faults.stopped }],
    },
  ];
}
