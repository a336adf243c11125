import type { Clock } from '../../base/clock.ts';
import { NearlightError } from '../../base/errors.ts';
import { type Faults, INJECTED } from '../../base/faults.ts';
import { OPERATIONS } from '../store/operations.ts';
import type { EdgeStore } from '../store/store.ts';
import { Lane } from './lane.ts';

/**
 * Returns a store that suffers the faults of `store`: its calls are late, in their order, or they fail. With `full` the disk is full as
 * far as the store itself can tell, so that it gives data up in its own order.
 */
export function faultyStore(store: EdgeStore, { faults, clock }: { faults: Faults; clock: Clock }): EdgeStore {
  const lane = new Lane(clock);
  let isFull = false;
  faults.onChange(() => {
    const wasFull = isFull;
    isFull = faults.has('store', 'full');
    if (isFull !== wasFull) store.pretendFull(isFull);
  });
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || !Object.hasOwn(OPERATIONS, name)) return value;
      return (input: object) => {
        const strike = faults.strike('store');
        if (strike?.kind === 'error') return Promise.reject(new NearlightError('NL_STORE', INJECTED));
        return new Promise((resolve) => lane.pass(strike?.ms ?? 0, () => resolve(value.call(target, input))));
      };
    },
  });
}
