import type { Gate } from '../../stream/gate.ts';
import type { Limit } from './limit.ts';

/** A gate that may have files open. */
export type ClosableGate = Gate & { close(): Promise<void> };

/**
 * Returns a gate that bounds how many newcomers it identifies at a time during a burst. Players who return to a seat pass, because only
 * the rules of their game are asked about them.
 */
export function limitedGate(gate: ClosableGate, limit: Limit): ClosableGate {
  return {
    // A gate of an edge service learns from that whether it has tickets.
    get tickets() {
      return gate.tickets;
    },
    get fleet() {
      return gate.fleet;
    },
    measure: (step, work) => gate.measure(step, work),
    async identify(bearer) {
      const leave = await enter(gate, limit);
      try {
        return await gate.identify(bearer);
      } finally {
        leave();
      }
    },
    passOf: (account) => gate.passOf(account),
    judge: (pass, join) => gate.judge(pass, join),
    close: () => gate.close(),
  };
}

/** A refusal counts as one of the step that bounds how many come. */
async function enter(gate: ClosableGate, limit: Limit): Promise<() => void> {
  try {
    return limit.enter();
  } catch (error) {
    return gate.measure('address', () => Promise.reject(error));
  }
}
