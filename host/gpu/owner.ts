import { NearlightError } from '../base/errors.ts';
import type { ErrorOwner } from './errors.ts';
import type { Notices } from './notices.ts';
import type { Refusals } from './refusals.ts';
import type { WorkOwner } from './watch.ts';

/** One overrun of GPU_MS_MAX is forgiven, because another room may have caused it. A second one within this time is not. */
const OVERRUN_AGAIN_MS = 10_000;

export interface RoomOwnerOptions {
  gpuMsMax: number;
  refusals: Refusals;
  notices: Notices;
  log(level: 'error' | 'warn', message: string): void;
}

/** Answers for a room's errors and for its work on a device that rooms share. */
export class RoomOwner implements ErrorOwner, WorkOwner {
  readonly #options: RoomOwnerOptions;
  #overranAt = Number.NEGATIVE_INFINITY;

  constructor(options: RoomOwnerOptions) {
    this.#options = options;
  }

  onRefused(message: string): void {
    this.#options.refusals.add(message);
  }

  onLateError(message: string, certain: boolean): void {
    const { notices, log } = this.#options;
    if (certain && notices.wantsErrors) notices.error(new NearlightError('NL_GPU_VALIDATION', message));
    else log('error', `GPU: ${message}`);
  }

  onWork(ms: number): void {
    const { gpuMsMax, notices } = this.#options;
    if (ms <= gpuMsMax) return;
    const now = performance.now();
    if (now - this.#overranAt < OVERRUN_AGAIN_MS)
      notices.error(new NearlightError('NL_GPU_TIME', `${Math.round(ms)} of ${gpuMsMax} ms for one call (GPU_MS_MAX)`));
    this.#overranAt = now;
  }

  onHung(): void {
    const { notices } = this.#options;
    notices.hung();
    notices.error(new NearlightError('NL_GPU_TIME', 'its work did not end; the device is given up (GPU_MS_MAX)'));
  }
}
