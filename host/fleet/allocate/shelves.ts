import { SEATS_MAX } from './reservations.ts';
import type { GameServer } from './server.ts';

/** Servers of a game in a region by their free seats: those with players or reservations, and empty ones. */
interface Shelf {
  readonly occupied: Set<GameServer>[];
  readonly empty: Set<GameServer>[];
  /** Number of servers. */
  size: number;
}

/** Servers with more free seats than this are alike. It bounds the rows of a shelf. */
const FREE_MAX = SEATS_MAX;

export interface Wish {
  readonly game: string;
  readonly seats: number;
  /** Regions in the order in which they are tried; undefined for any region. */
  readonly regions: readonly string[] | undefined;
  /** Whether a server will do. */
  fits(server: GameServer): boolean;
}

/**
 * Finds the best server for some seats: the one of the nearest region that has the fewest seats free of those that have enough. So players
 * fill servers that have players, and empty servers stay empty until they are needed. The work does not grow with the number of
 * servers: they are arranged by their free seats.
 */
export class Shelves {
  readonly #games = new Map<string, Map<string, Shelf>>();

  /** Puts a server where it belongs now. @param place undefined if it takes no players */
  put(server: GameServer, place: NonNullable<GameServer['shelf']> | undefined): void {
    const before = server.shelf;
    const isSame =
      before?.game === place?.game &&
      before?.region === place?.region &&
      before?.free === place?.free &&
      before?.isEmpty === place?.isEmpty;
    if (isSame) return;
    if (before) this.#remove(server, before);
    server.shelf = place;
    if (!place || place.free === 0) return;
    const { game, region, free, isEmpty } = place;
    const regions = getOrAdd(this.#games, game, () => new Map<string, Shelf>());
    const shelf = getOrAdd(regions, region, () => ({ occupied: [], empty: [], size: 0 }));
    const rows = isEmpty ? shelf.empty : shelf.occupied;
    const index = Math.min(free, FREE_MAX);
    const row = rows[index] ?? new Set();
    rows[index] = row;
    row.add(server);
    shelf.size++;
  }

  /** Returns the best server; undefined if there is none. */
  find({ game, seats, regions, fits }: Wish): GameServer | undefined {
    const shelves = this.#games.get(game);
    if (!shelves) return undefined;
    // Without a wish for a region, players come together in all of them alike.
    const tiers: Shelf[][] = regions
      ? regions.flatMap((region) => {
          const shelf = shelves.get(region);
          return shelf ? [[shelf]] : [];
        })
      : [[...shelves.values()]];
    for (const tier of tiers) {
      const found = findIn(tier, 'occupied', seats, fits) ?? findIn(tier, 'empty', seats, fits);
      if (found) return found;
    }
    return undefined;
  }

  #remove(server: GameServer, { game, region, free, isEmpty }: NonNullable<GameServer['shelf']>): void {
    const regions = this.#games.get(game);
    const shelf = regions?.get(region);
    if (!regions || !shelf) return;
    const row = (isEmpty ? shelf.empty : shelf.occupied)[Math.min(free, FREE_MAX)];
    if (row?.delete(server)) shelf.size--;
    if (shelf.size === 0) regions.delete(region);
    if (regions.size === 0) this.#games.delete(game);
  }
}

function findIn(
  shelves: readonly Shelf[],
  row: 'occupied' | 'empty',
  seats: number,
  fits: (server: GameServer) => boolean,
): GameServer | undefined {
  const most = Math.max(...shelves.map((shelf) => shelf[row].length));
  for (let free = seats; free < most; free++)
    for (const shelf of shelves) for (const server of shelf[row][free] ?? []) if (fits(server)) return server;
  return undefined;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
