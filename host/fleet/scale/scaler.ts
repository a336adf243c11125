import { MEASURES, type MeasureName } from '../../base/measures.ts';
import { decide, EMPTY_HISTORY, type History } from './decide.ts';
import { addUp, type Load, type ObservedServer } from './load.ts';
import type { ScalePolicy } from './policy.ts';
import { type FLEET_METRICS, type GameLoad, type GameName, type LoadSource, MEASURE_METRICS } from './source.ts';

/** Measures of which the sum over all servers is shown. For the others it is the mean of the servers with players. */
const SUMS: readonly MeasureName[] = ['sessions', 'queue', 'gpuMsPerSecond', 'connectionsPerSecond'];

/** The scaler's view of the fleet. */
export interface FleetView {
  /** Whether the reports of the nodes come here. A replica that does not lead gets none, and so says nothing. By default they do. */
  leads?(): boolean;
  /**
   * The servers of a game that its Deployment or GameServerSet counts, so without those that Kubernetes is deleting. Undefined if
   * nothing is known of them now.
   */
  servers(name: GameName): Iterable<ObservedServer> | undefined;
  /** Number of servers that the Deployment or GameServerSet has to have. Undefined if it is not known now. */
  wanted(name: GameName): number | undefined;
  /** Number of players who wait for a seat of the game anywhere. */
  waiting?(name: GameName): number;
}

export interface ScalerOptions {
  policies: readonly ScalePolicy[];
  view: FleetView;
  /** Milliseconds since 1970. */
  now(): number;
  /** Called with each decision for another number of servers than before. */
  onChange?(change: { policy: ScalePolicy; from: number; to: number; reason: string }): void;
}

interface Entry {
  readonly policy: ScalePolicy;
  history: History;
  /** The last decision; undefined before the first. */
  servers: number | undefined;
  load: GameLoad | undefined;
}

/** Applies the policies to what is known of the fleet, and keeps the outcome for the adapters. */
export class Scaler implements LoadSource {
  readonly games: readonly GameName[];
  readonly #options: ScalerOptions;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #listeners = new Set<() => void>();

  constructor(options: ScalerOptions) {
    this.#options = options;
    this.games = options.policies.map(({ namespace, game }) => ({ namespace, game }));
    this.#entries = new Map(
      options.policies.map((policy) => [
        keyOf(policy),
        { policy, history: EMPTY_HISTORY, servers: undefined, load: undefined },
      ]),
    );
  }

  /** Decides for each game. Call it every few seconds. */
  look(): void {
    const isLeader = this.#options.view.leads?.() ?? true;
    for (const entry of this.#entries.values())
      if (isLeader) this.#decide(entry);
      else Object.assign(entry, { history: EMPTY_HISTORY, servers: undefined, load: undefined });
    for (const listener of this.#listeners) listener();
  }

  read(name: GameName): GameLoad | undefined {
    const entry = this.#entries.get(keyOf(name));
    const { staleMs = 0 } = entry?.policy ?? {};
    const load = entry?.load;
    // An answer from before a pause of this process is worth nothing.
    return load && this.#options.now() - load.at <= staleMs ? load : undefined;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #decide(entry: Entry): void {
    const { view, now: clock, onChange } = this.#options;
    const { policy } = entry;
    const [now, current = entry.servers, servers] = [clock(), view.wanted(policy), view.servers(policy)];
    // Without the present number there is nothing that a decision could begin with.
    if (current === undefined) return;
    const load = servers && addUp(servers, { now, staleMs: policy.staleMs, waiting: view.waiting?.(policy) });
    const decision = decide(policy, { load, current, now, history: entry.history });
    if (decision.servers !== (entry.servers ?? current))
      onChange?.({ policy, from: entry.servers ?? current, to: decision.servers, reason: decision.reason });
    entry.history = decision.history;
    entry.servers = decision.servers;
    entry.load = { at: now, isActive: decision.servers > 0, values: valuesOf(decision.servers, load) };
  }
}

function keyOf({ namespace, game }: GameName): string {
  return `${namespace}/${game}`;
}

type FleetMetric = keyof typeof FLEET_METRICS;

function valuesOf(servers: number, load: Load | undefined): Record<string, number | undefined> {
  const own: Record<FleetMetric, number | undefined> = {
    nearlight_servers_wanted: servers,
    nearlight_servers_occupied: load?.occupied,
    nearlight_seats_used: load?.seats.used,
    nearlight_seats_free: load && Math.max(0, load.seats.all - load.seats.used),
  };
  const measured = Object.entries(MEASURE_METRICS).map(([metric, name]) => [metric, load && amountOf(name, load)]);
  return { ...own, ...Object.fromEntries(measured) };
}

/** Returns the sum of a measure over all servers, or its mean over those with players. Servers without a fresh report make it unknown. */
function amountOf(name: MeasureName, { sums, unknown }: Load): number | undefined {
  const { sum, servers } = sums[name];
  if (unknown > 0 || servers === 0) return unknown > 0 || !SUMS.includes(name) ? undefined : 0;
  return SUMS.includes(name) ? sum : Math.min(sum / servers, MEASURES[name].max);
}
