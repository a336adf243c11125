import { trafficSettings } from '../../host/base/traffic-settings.ts';
import type { GovernorLimits } from '../../host/stream/governor.ts';

/** The limits that a host has by default. */
export const LIMITS = Object.fromEntries(
  Object.entries(trafficSettings).map(([name, setting]) => [name, setting.default]),
) as unknown as GovernorLimits;

/** Limits that no test reaches. */
export const UNLIMITED: GovernorLimits = {
  ...LIMITS,
  inputRateMax: 1e9,
  inputTokensPerSecond: 1e9,
  inputTokensMax: 1e9,
  inputLeaksPerSecond: 1e9,
};
