import type { Labels } from './labels.ts';
import type { PlayerStats } from './state.ts';

/** Returns the statistics of play in a few words: frame rate, latency, and the network if it is not good. '' for none yet. */
export function summaryOf({ fps, latencyP50, quality }: PlayerStats, { unsteady, poor }: Labels): string {
  const figures = { fps, ms: latencyP50 };
  const parts = Object.entries(figures).map(([unit, value]) =>
    Number.isNaN(value) ? '' : `${value.toFixed(0)} ${unit}`,
  );
  return [...parts, { good: '', unsteady, poor }[quality]].filter((part) => part !== '').join(' · ');
}
