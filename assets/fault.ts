import { NearlightError } from '../host/base/errors.ts';

/**
 * Refuses a glTF model.
 * @param place where the fault is in the model, such as `accessors[3].byteOffset`
 * @throws NearlightError NL_MODEL, always
 */
export function fail(place: string, why: string, cause?: unknown): never {
  throw new NearlightError('NL_MODEL', `${place}: ${why}`, cause === undefined ? undefined : { cause });
}
