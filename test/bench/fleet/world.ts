import { must } from '../../../host/base/assert.ts';
import type { ScalePolicy } from '../../../host/fleet/scale/policy.ts';
import { Scaler } from '../../../host/fleet/scale/scaler.ts';
import { Random } from '../../random.ts';
import { joinsPerSecond } from './diurnal.ts';
import { SimulatedGame, type Slots } from './game.ts';

/** The HPA controller asks for metrics this often, and leaves differences up to this ratio alone (--horizontal-pod-autoscaler-*). */
const HPA_MS = 15_000;
const HPA_TOLERANCE = 0.1;
const HOUR_MS = 3_600_000;
/** A day in 2026, from midnight. */
export const MIDNIGHT = Date.parse('2026-11-28T00:00:00Z');

export interface WorldOptions {
  /** The games, with the number of servers that run at the beginning. */
  games: { policy: ScalePolicy; playersPerDay: number; servers?: number }[];
  nodes: number;
  podsPerNode: number;
  sessionMinutes?: number;
  seatsPerServer?: number;
  seed?: number;
  stepMs?: number;
  /** The simulation begins this many hours after midnight, and ends this many hours later. */
  fromHour?: number;
  hours: number;
  /** Things that happen, by the hour. */
  events?: readonly { hour: number; run(world: World, now: number): void }[];
  tolerance?: number;
}

/** One row of the report for each quarter of an hour. */
export interface Row {
  hour: number;
  players: number;
  waiting: number;
  servers: number;
  freeSeats: number;
  oracle: number;
}

export interface Outcome {
  world: World;
  rows: Row[];
  /** Time that each decision about a game took, in milliseconds. */
  decisionMs: number[];
}

/** A simulated fleet: nodes, games and players around the real policies. */
export class World {
  readonly games: SimulatedGame[];
  readonly scaler: Scaler;
  now: number;
  /** Nodes whose reports do not come. */
  readonly silent = new Set<number>();
  readonly #free: number[] = [];
  readonly #lostNodes = new Set<number>();
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;
    const { nodes, podsPerNode, sessionMinutes = 25, seatsPerServer = 10, seed = 1, stepMs = 5000 } = options;
    this.now = MIDNIGHT + (options.fromHour ?? 0) * HOUR_MS;
    // The scheduler spreads pods over all nodes.
    for (let pod = 0; pod < podsPerNode; pod++) for (let node = 0; node < nodes; node++) this.#free.push(node);
    const random = new Random(seed);
    const slots: Slots = {
      take: () => {
        for (let node = this.#free.pop(); node !== undefined; node = this.#free.pop())
          if (!this.#lostNodes.has(node)) return node;
        return undefined;
      },
      free: (node) => void this.#free.push(node),
    };
    this.games = options.games.map(
      ({ policy, playersPerDay, servers = policy.min }) =>
        new SimulatedGame({ policy, playersPerDay, servers, sessionMinutes, seatsPerServer, slots, random, stepMs }),
    );
    this.scaler = new Scaler({
      policies: options.games.map(({ policy }) => policy),
      view: {
        servers: (name) => this.#game(name).servers,
        wanted: (name) => this.#game(name).replicas,
        waiting: (name) => this.#game(name).waiting,
      },
      now: () => this.now,
    });
    // The servers of the beginning have started.
    for (const game of this.games) {
      game.reconcile(this.now - HOUR_MS);
      const players = joinsPerSecond(game.options.playersPerDay, this.now) * sessionMinutes * 60;
      game.populate(Math.floor(players), this.now);
    }
  }

  get freeSlots(): number {
    return this.#free.length;
  }

  /** Loses a node for good. */
  lose(node: number): void {
    this.#lostNodes.add(node);
    this.silent.add(node);
    for (const game of this.games) game.lose(node, this.now);
  }

  /** Cuts the line to nodes, or mends it. Players go on there, and no new ones get a seat. */
  cut(nodes: readonly number[], isCut: boolean): void {
    for (const node of nodes) {
      if (isCut) this.silent.add(node);
      else this.silent.delete(node);
      for (const game of this.games) game.shelve(node, !isCut);
    }
  }

  run(): Outcome {
    const { hours, stepMs = 5000, tolerance = HPA_TOLERANCE } = this.#options;
    const events = [...(this.#options.events ?? [])].sort((a, b) => a.hour - b.hour);
    const end = this.now + hours * HOUR_MS;
    const rows: Row[] = [];
    const decisionMs: number[] = [];
    for (; this.now < end; this.now += stepMs) {
      while (events[0] && MIDNIGHT + events[0].hour * HOUR_MS <= this.now) events.shift()?.run(this, this.now);
      for (const game of this.games)
        game.step(this.now, (joinsPerSecond(game.options.playersPerDay, this.now) * stepMs) / 1000);
      if (this.now % HPA_MS < stepMs) decisionMs.push(this.#scale(tolerance));
      if (this.now % (HOUR_MS / 4) < stepMs) rows.push(this.#row());
    }
    return { world: this, rows, decisionMs };
  }

  /** Lets the scaler decide and the controllers follow. @returns the time for one game */
  #scale(tolerance: number): number {
    for (const game of this.games) game.report(this.now, (node) => !this.silent.has(node));
    const begun = performance.now();
    this.scaler.look();
    const ms = (performance.now() - begun) / this.games.length;
    for (const game of this.games) {
      const { policy } = game.options;
      const wanted = this.scaler.read(policy)?.values.nearlight_servers_wanted;
      const ratio = wanted === undefined ? 1 : wanted / Math.max(1, game.replicas);
      if (wanted !== undefined && Math.abs(ratio - 1) > tolerance) game.scale(wanted, this.now);
      game.reconcile(this.now);
    }
    return ms;
  }

  #row(): Row {
    const sum = (of: (game: SimulatedGame) => number) => this.games.reduce((total, game) => total + of(game), 0);
    return {
      hour: (this.now - MIDNIGHT) / HOUR_MS,
      players: sum((game) => game.players),
      waiting: sum((game) => game.waiting),
      servers: sum((game) => game.servers.size),
      freeSeats: sum((game) => game.freeSeats),
      oracle: sum((game) => Math.ceil(game.players / game.options.seatsPerServer)),
    };
  }

  #game({ namespace, game }: { namespace: string; game: string }): SimulatedGame {
    const found = this.games.find(({ options: { policy } }) => policy.namespace === namespace && policy.game === game);
    return must(found, `game ${game}`);
  }
}
