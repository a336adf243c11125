import { NearlightError } from '../base/errors.ts';
import type { ErrorOwner } from './errors.ts';
import type { Notices } from './notices.ts';
import type { Refusals } from './refusals.ts';
import type { WorkOwner } from './watch.ts';

/** A room may exceed GPU_MS_MAX once, because another room may have caused that. A second time within this window ends it. */
const OVERRUN_AGAIN_MS = 10_000;

export interface RoomOwnerOptions {
  gpuMsMax: number;
  refusals: Refusals;
  notices: Notices;
  log(level: 'error' | 'warn', message: string): void;
}

/** Handles a room's GPU errors and overlong GPU work, on a device that rooms share: remembers, reports or logs them. */
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
    notices.error(new NearlightError('NL_GPU_TIME', 'GPU work did not end; the device is given up (GPU_MS_MAX)'));
  }
}
