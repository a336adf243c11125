import type { EndedTrace } from './span.ts';

/** The last 14 digits of a trace id are random (W3C Trace Context Level 2, "random-trace-id"). */
const RANDOM_DIGITS = 14;
const RANDOM_END = 16 ** RANDOM_DIGITS;

/**
 * Decides, when a trace has ended, whether it is kept: always if it failed, was slow or is marked, and else for a share of the trace
 * ids, so that all programs of a trace decide alike. The host decides about that, whatever a page says about sampling.
 * @param percent share of the trace ids, 0 to 100
 */
export function isWorthKeeping({ spans, isKept, isFailed, isSlow }: EndedTrace, percent: number): boolean {
  if (isKept || isFailed || isSlow) return true;
  const digits = spans[0]?.traceId.slice(-RANDOM_DIGITS) ?? '';
  return Number.parseInt(digits, 16) < (percent / 100) * RANDOM_END;
}
