import { must } from '../host/base/assert.ts';

/** An array or a typed array. */
interface List<T> {
  readonly length: number;
  at(index: number): T | undefined;
}

/** Returns the entry of a list at an index where a test expects one. A negative index counts from the end. */
export function at<T>(list: List<T>, index: number): T {
  return must(list.at(index), `entry ${index} of ${list.length}`);
}
