import { must } from '../host/base/assert.ts';

/** Returns an entry that a test expects to exist. A negative index counts from the end. */
export function at<T>(list: readonly T[], index: number): T {
  return must(list.at(index), `entry ${index} of ${list.length}`);
}
