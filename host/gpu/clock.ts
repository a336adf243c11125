import { type Clock, systemClock } from '../base/clock.ts';
import { perDevice } from './shared.ts';

/**
 * The clock that measures commands and compilations against REPLAY_MS_MAX and SHADER_MS_MAX. There is one for each device.
 * It is the system's clock unless openGpu() was given another.
 */
export const commandClock = perDevice((): Pick<Clock, 'now'> => ({ now: systemClock.now }));
