import type { Saga } from '../store/sagas.ts';

export type MoveState = Saga['state'];

/** The decision about a move. It is `open` until the host that the player leaves has written another state to its disk. */
export type Decision = 'open' | 'committed' | 'cancelled';

/**
 * The host that owns the player's state, and the decision about the move, by the state that is on the disk of the host which the player
 * leaves (`source`). That host alone decides. The host to which the player moves (`target`) keeps what it got until it knows the
 * decision. A move of which the source knows nothing was never begun, so it counts as cancelled.
 *
 * | state | written before | owner | after a crash of the source |
 * |---|---|---|---|
 * | preparing | a seat is reserved at the target, and the player leaves the game here | source | is undone |
 * | executing | the target gets the player's state, which this row contains | source | is undone |
 * | committed | the page is sent to the target, and the target learns the decision | target | is finished |
 * | cleanup | nothing; the target knows the decision, and the page has left | target | |
 * | compensating | the target gives the seat up, and the player joins the game here again | source | is undone |
 * | compensated | nothing; the target knows the decision | source | |
 */
export const MEANING: Readonly<Record<MoveState, { owner: 'source' | 'target'; decision: Decision }>> = {
  preparing: { owner: 'source', decision: 'open' },
  executing: { owner: 'source', decision: 'open' },
  committed: { owner: 'target', decision: 'committed' },
  cleanup: { owner: 'target', decision: 'committed' },
  compensating: { owner: 'source', decision: 'cancelled' },
  compensated: { owner: 'source', decision: 'cancelled' },
};
