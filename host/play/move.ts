import type { Limit } from '../edge/protection/limit.ts';
import type { PlayerMoves } from '../room/moves.ts';

/** A seat of a room. */
export interface SeatOf {
  readonly room: { readonly moves: Pick<PlayerMoves, 'export' | 'import'> };
  readonly seat: number;
}

/**
 * Takes what belongs to a player from a seat of one room to a seat of another one of the same game. Returns false if there is nothing to
 * take, or the other room refuses it.
 * @throws NearlightError NL_OFFER_RATE if too many players move, and as PlayerMoves
 */
export function movePlayer({ from, to, limit }: { from: SeatOf; to: SeatOf; limit: Limit }): Promise<boolean> {
  return limit.run(async () => {
    const state = await from.room.moves.export(from.seat);
    return state !== undefined && to.room.moves.import(to.seat, state);
  });
}
