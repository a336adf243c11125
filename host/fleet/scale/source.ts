import { MEASURE_NAMES, type MeasureName } from '../../base/measures.ts';

/** Prefix of all metrics that the adapters offer. */
const PREFIX = 'nearlight_';

/** Metrics of a game that are not a measure of its servers. */
export const FLEET_METRICS = {
  nearlight_servers_wanted: 'Number of servers that the policy of the game asks for.',
  nearlight_servers_occupied: 'Servers with players or reservations, or without a fresh report.',
  nearlight_seats_used: 'Seats that are taken or reserved.',
  nearlight_seats_free: 'Free seats of servers that let players in.',
} as const;

/** The names of measures as metrics, such as nearlight_frame_p99_ms. The unit stands last in both. */
export const MEASURE_METRICS = Object.fromEntries(
  MEASURE_NAMES.map((name) => [
    `${PREFIX}${name.replace(/(?<=[a-z])[A-Z]|(?<=[0-9])M/g, (letter) => `_${letter.toLowerCase()}`)}`,
    name,
  ]),
) as Readonly<Record<string, MeasureName>>;

/** Names of all metrics that the adapters offer. */
export const METRIC_NAMES: readonly string[] = [...Object.keys(FLEET_METRICS), ...Object.keys(MEASURE_METRICS)];

/** The answers of the adapters about a game. */
export interface GameLoad {
  /** When this was found out, in milliseconds since 1970. */
  readonly at: number;
  /** Whether the game needs any server. */
  readonly isActive: boolean;
  /** Value of each metric by its name. A metric without a value is not known now. */
  readonly values: Readonly<Record<string, number | undefined>>;
}

export interface GameName {
  readonly namespace: string;
  readonly game: string;
}

/** Where the adapters find out about the load. */
export interface LoadSource {
  /** All games that have a policy. */
  readonly games: readonly GameName[];
  /** The load of a game. Undefined if nothing is known of it now: what asks then must leave the number of servers as it is. */
  read(name: GameName): GameLoad | undefined;
  /** Calls `listener` whenever there is something new. @returns a function that ends this */
  onChange(listener: () => void): () => void;
}
