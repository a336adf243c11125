import { type Clock, systemClock } from '../base/clock.ts';
import { perDevice } from './shared.ts';

/**
 * The clock that the limits on commands and compilations (REPLAY_MS_MAX, SHADER_MS_MAX) read, one for each device.
 * openGpu() sets it; without that it is the system's.
 */
export const commandClock = perDevice((): Pick<Clock, 'now'> => ({ now: systemClock.now }));
