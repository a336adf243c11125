import type { DatabaseSync } from 'node:sqlite';

/**
 * Says how a full disk treats an operation. The store gives data up in the order of GIVEN_UP; `state` is refused when that is not
 * enough. A `result` is never refused: it waits until there is room. A `read` needs no room.
 */
export type Kind = 'trace' | 'log' | 'cache' | 'state' | 'result' | 'read';

/** The kinds of data that a full disk costs, in this order, with the table that holds each. */
export const GIVEN_UP = [
  { kind: 'trace', table: 'traces' },
  { kind: 'log', table: 'logs' },
  { kind: 'cache', table: 'cache' },
] as const;

/** One call of the store: checked by the thread that calls, executed by the thread that holds the file. */
export interface Operation<I, O> {
  readonly kind: Kind;
  /** Checks the bounds of an input and returns its size in bytes. @throws NearlightError NL_STORE_VALUE */
  check(input: I): number;
  /** Prepares the statements. The returned function runs inside a transaction, perhaps with other operations. */
  prepare(db: DatabaseSync): (input: I) => O;
}
