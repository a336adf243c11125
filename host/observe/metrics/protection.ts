import { BUDGETS_MS, FINGERPRINTS, PROTECTION_STEPS } from '../../base/protection.ts';
import type { Meters } from '../meters.ts';
import { type Add, plain } from './add.ts';
import type { Figures, ProtectionFigures } from './figures.ts';

/** Adds the metrics of protection from pressure, and of injected faults. */
export function addProtection(add: Add, { faults, protection }: Meters, figures: ProtectionFigures): void {
  const byFingerprint = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([fingerprint, value]) => ({ labels: { fingerprint }, value }));
  add(
    'nearlight_pressure_high',
    'gauge',
    'Whether a pattern of pressure is recognised now, so that its protection mode is on: 1 or 0.',
    () => FINGERPRINTS.map((fingerprint) => ({ labels: { fingerprint }, value: Number(figures.isHigh(fingerprint)) })),
  );
  add('nearlight_pressure_recognised_total', 'counter', 'How often a pattern of pressure was recognised.', () =>
    byFingerprint(protection.recognised),
  );
  add(
    'nearlight_pressure_refused_total',
    'counter',
    'Requests that the limits of a protection mode have refused.',
    () => byFingerprint(protection.refused),
  );
  add(
    'nearlight_protection_p95_seconds',
    'gauge',
    'Time that 95 % of the runs of a step of protection took at most in the last seconds.',
    () =>
      PROTECTION_STEPS.flatMap((step) => {
        const ms = figures.p95Ms(step);
        return ms === undefined ? [] : [{ labels: { step }, value: ms / 1000 }];
      }),
  );
  add(
    'nearlight_protection_budget_seconds',
    'gauge',
    'Time that 95 % of the runs of a step of protection may take.',
    () => PROTECTION_STEPS.map((step) => ({ labels: { step }, value: BUDGETS_MS[step] / 1000 })),
  );
  add('nearlight_faults_active', 'gauge', 'Whether an operator injects a kind of fault at a place now: 1 or 0.', () =>
    figures.faults().map(({ place, kind, isActive }) => ({ labels: { place, kind }, value: Number(isActive) })),
  );
  add('nearlight_faults_struck_total', 'counter', 'Events that injected faults have struck.', () =>
    [...faults.all].map(({ place, kind, count }) => ({ labels: { place, kind }, value: count })),
  );
  add(
    'nearlight_experiments_stopped_total',
    'counter',
    'How often injected faults were ended because a step of protection was beyond its budget.',
    () => plain(faults.stopped),
  );
}

/** Adds the times in which a step that protects the host could not do its work, or had more than it let pass. */
export function addRecoveries(add: Add, { joinOutages, inputOutage, bus }: Meters, { edge }: Figures): void {
  add(
    'nearlight_protection_recovery_seconds',
    'gauge',
    'Time from the first failure of what a step depends on to its next success: now, or else the last time; 0 for none.',
    () => {
      const seconds = Object.entries(joinOutages).map(([step, outage]) => [step, outage.seconds] as const);
      seconds.push(['input', inputOutage.seconds], ['bus', bus.outage.seconds]);
      if (edge) seconds.push(['outbox', edge().outageSeconds]);
      return seconds.map(([step, value]) => ({ labels: { step }, value }));
    },
  );
}
