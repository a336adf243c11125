import type { Meters } from '../../observe/meters.ts';

/** The counters of a host to which moves add. */
export type MoveMeters = Pick<Meters, 'moves' | 'move' | 'moveUndo' | 'movesOpen'>;
