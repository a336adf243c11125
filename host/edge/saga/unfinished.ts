import type { MoveMeters } from './meters.ts';

/** The moves of one kind that are not finished. Their number is a metric. */
export class Unfinished<Move extends { readonly id: string }> {
  readonly #moves = new Map<string, Move>();
  readonly #gauge: MoveMeters['movesOpen'];
  readonly #way: keyof MoveMeters['movesOpen'];

  constructor(gauge: MoveMeters['movesOpen'], way: keyof MoveMeters['movesOpen']) {
    this.#gauge = gauge;
    this.#way = way;
  }

  get size(): number {
    return this.#moves.size;
  }

  get all(): Move[] {
    return [...this.#moves.values()];
  }

  get(id: string): Move | undefined {
    return this.#moves.get(id);
  }

  add(move: Move): void {
    this.#moves.set(move.id, move);
    this.#gauge[this.#way] = this.#moves.size;
  }

  delete(id: string): void {
    this.#moves.delete(id);
    this.#gauge[this.#way] = this.#moves.size;
  }
}
