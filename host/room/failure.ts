import { NearlightError } from '../base/errors.ts';
import { asResourceError } from '../base/system-error.ts';

/** Tells whether an error only says that the GPU was lost, which a room can survive. */
export function isGpuLoss(error: unknown): boolean {
  return error instanceof NearlightError && error.code === 'NL_GPU_LOST';
}

/** Gives the error that ends a room its code. */
export function asFailure(cause: unknown): NearlightError {
  const coded = asResourceError(cause);
  return coded instanceof NearlightError ? coded : new NearlightError('NL_GUEST_PROTOCOL', String(cause), { cause });
}
