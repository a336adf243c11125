import type { ObservedServer } from '../../../host/fleet/scale/load.ts';

/** A simulated game server. */
export class SimulatedServer implements ObservedServer {
  state: ObservedServer['state'] = 'starting';
  readonly seats: { all: number; taken: number; reserved: number };
  measures: ObservedServer['measures'] = {};
  at: number | undefined;
  readonly node: number;
  /** When it lets players in. */
  readyAt: number;
  /** A bad build fails this long after its first player has come; undefined if it is sound. */
  readonly failsAfterMs: number | undefined;
  firstPlayerAt: number | undefined;
  /** How often it has failed. */
  failures = 0;
  /** Counts its lives, so that the players of one before do not leave the next. */
  life = 0;

  constructor({
    seats,
    node,
    readyAt,
    failsAfterMs,
  }: { seats: number; node: number; readyAt: number; failsAfterMs?: number | undefined }) {
    this.seats = { all: seats, taken: 0, reserved: 0 };
    this.node = node;
    this.readyAt = readyAt;
    this.failsAfterMs = failsAfterMs;
  }
}

/** A rule by which players get servers. The real allocator may take this place. */
export interface Placement {
  add(server: SimulatedServer): void;
  remove(server: SimulatedServer): void;
  /** Takes a seat. @returns its server, or undefined if there is none */
  take(): SimulatedServer | undefined;
  free(server: SimulatedServer): void;
  /** Number of free seats. */
  readonly freeSeats: number;
  /** Returns servers without players. */
  empty(): Iterable<SimulatedServer>;
}

/** Fills the fullest server that has a seat first, so that others become empty. Each step takes a time that does not grow with the fleet. */
export class FullestFirst implements Placement {
  /** Servers by their number of taken seats, in no order. */
  readonly #shelves: SimulatedServer[][];
  /** Place of each server on its shelf. */
  readonly #places = new Map<SimulatedServer, number>();
  #free = 0;

  constructor(seats: number) {
    this.#shelves = Array.from({ length: seats + 1 }, () => []);
  }

  get freeSeats(): number {
    return this.#free;
  }

  add(server: SimulatedServer): void {
    this.#put(server);
    this.#free += server.seats.all - server.seats.taken;
  }

  remove(server: SimulatedServer): void {
    if (this.#pick(server)) this.#free -= server.seats.all - server.seats.taken;
  }

  take(): SimulatedServer | undefined {
    for (let taken = this.#shelves.length - 2; taken >= 0; taken--) {
      const server = this.#shelves[taken]?.at(-1);
      if (!server) continue;
      this.#change(server, 1);
      return server;
    }
    return undefined;
  }

  free(server: SimulatedServer): void {
    this.#change(server, -1);
  }

  empty(): Iterable<SimulatedServer> {
    return this.#shelves[0] ?? [];
  }

  #change(server: SimulatedServer, by: 1 | -1): void {
    const isShelved = this.#pick(server);
    server.seats.taken += by;
    if (!isShelved) return;
    this.#put(server);
    this.#free -= by;
  }

  #put(server: SimulatedServer): void {
    const shelf = this.#shelves[server.seats.taken] ?? [];
    this.#places.set(server, shelf.length);
    shelf.push(server);
  }

  /** Takes a server off its shelf; the last one there takes its place. @returns whether it was there */
  #pick(server: SimulatedServer): boolean {
    const place = this.#places.get(server);
    if (place === undefined) return false;
    this.#places.delete(server);
    const shelf = this.#shelves[server.seats.taken] ?? [];
    const last = shelf.pop();
    if (last && last !== server) {
      shelf[place] = last;
      this.#places.set(last, place);
    }
    return true;
  }
}
