import { must } from '../host/base/assert.ts';

/** An array or a typed array. */
interface List<T> {
  readonly length: number;
  at(index: number): T | undefined;
}

/** Returns an entry that a test expects to exist. A negative index counts from the end. */
export function at<T>(list: List<T>, index: number): T {
  return must(list.at(index), `entry ${index} of ${list.length}`);
}
