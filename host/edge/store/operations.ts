import { cache } from './cache.ts';
import { expiry } from './expiry.ts';
import { inbox } from './inbox.ts';
import { observations } from './observations.ts';
import type { Operation } from './operation.ts';
import { outbox } from './outbox.ts';
import { players } from './players.ts';
import { results } from './results.ts';
import { sagas } from './sagas.ts';
import { saves } from './saves.ts';
import { sessions } from './sessions.ts';
import { tickets } from './tickets.ts';

/** Every call of the store, by name. */
export const OPERATIONS = {
  ...players,
  ...sessions,
  ...results,
  ...saves,
  ...tickets,
  ...cache,
  ...outbox,
  ...inbox,
  ...sagas,
  ...observations,
  ...expiry,
};

type Operations = typeof OPERATIONS;
export type OperationName = keyof Operations;
type Input<N extends OperationName> = Operations[N] extends Operation<infer I, unknown> ? I : never;
type Output<N extends OperationName> = Operations[N] extends Operation<never, infer O> ? O : never;

/** The calls of the store. A call that resolves is committed to the disk. */
export type StoreCalls = { [N in OperationName]: (input: Input<N>) => Promise<Output<N>> };

/** Looks an operation up whose name and input were checked together. */
export function operationNamed(name: OperationName): Operation<object, unknown> {
  return OPERATIONS[name] as Operation<object, unknown>;
}
