import { type Clock, systemClock } from '../base/clock.ts';
import { perDevice } from './shared.ts';

/**
 * The clock that measures the time of commands (limit REPLAY_MS_MAX) and of compilations (SHADER_MS_MAX) on a GPU device.
 * Each device has its own: the system's clock, unless openGpu() was given another.
 */
export const commandClock = perDevice((): Pick<Clock, 'now'> => ({ now: systemClock.now }));
