/** A request for seats. It is checked once, here, where the fleet reads it. */
import { NearlightError } from '../../base/errors.ts';
import { ACCOUNT_LENGTH_MAX, ACCOUNT_ROLE_LENGTH_MAX, RESERVATION_ID } from '../../base/fleet-ticket.ts';
import type { Latency } from './regions.ts';

/** Size limit of a request's body, in bytes. */
export const REQUEST_BYTES_MAX = 256 * 1024;
/** Players of a request. A game has at most 64 seats (MAX_PLAYERS). */
export const PLAYERS_MAX = 64;
export const LATENCIES_MAX = 64;
export const LABELS_MAX = 16;
const LATENCY_MS_MAX = 60_000;
const AGE_SECONDS_MAX = 30 * 86_400;
const GAME_LENGTH_MAX = 128;
const VERSION_LENGTH_MAX = 63;
const QUEUE_LENGTH_MAX = 1024;
const REGION = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;
/** Keys and values of labels (Kubernetes, "Labels and Selectors"). */
const LABEL_KEY = /^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/;

export interface WantedPlayer {
  readonly id: string;
  readonly role: string;
  readonly latencies: readonly Latency[];
}

export interface Constraints {
  /** Value of the label app.kubernetes.io/version of the pod; undefined for any. */
  readonly version: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

export interface AllocationRequest {
  /** Name of the reservation. A request that is made again with it has no further effect. */
  readonly id: string | undefined;
  readonly game: string;
  readonly players: readonly WantedPlayer[];
  readonly constraints: Constraints;
  /** Whether to wait in the queue if there are no seats. */
  readonly waits: boolean;
  /** The proof of a place in the queue, from an earlier answer. */
  readonly queue: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads a request. @throws NearlightError NL_FLEET_REQUEST */
export function readRequest(body: Fields): AllocationRequest {
  const { id, players, wait = false, queue, constraints = {} } = body;
  if (id !== undefined && (typeof id !== 'string' || !RESERVATION_ID.test(id)))
    return refuse('id is not a name of 1 to 64 letters, digits, hyphens and underscores');
  if (!Array.isArray(players) || players.length < 1 || players.length > PLAYERS_MAX)
    return refuse(`players is not a list of 1 to ${PLAYERS_MAX} players`);
  if (typeof wait !== 'boolean') return refuse('wait is neither true nor false');
  const own = body.latencies === undefined ? undefined : readLatencies('latencies', body.latencies);
  return {
    id,
    game: readText('game', body.game, { min: 1, max: GAME_LENGTH_MAX }),
    players: players.map((player, index) => readPlayer(`players[${index}]`, player, own)),
    constraints: readConstraints(readObject('constraints', constraints)),
    waits: wait,
    queue: queue === undefined ? undefined : readText('queue', queue, { min: 1, max: QUEUE_LENGTH_MAX }),
  };
}

function readPlayer(where: string, value: unknown, own: readonly Latency[] | undefined): WantedPlayer {
  const { id = '', role = 'player', latencies } = readObject(where, value);
  return {
    id: readText(`${where}.id`, id, { min: 0, max: ACCOUNT_LENGTH_MAX }),
    role: readText(`${where}.role`, role, { min: 0, max: ACCOUNT_ROLE_LENGTH_MAX }),
    latencies: latencies === undefined ? (own ?? []) : readLatencies(`${where}.latencies`, latencies),
  };
}

function readLatencies(where: string, value: unknown): Latency[] {
  if (!Array.isArray(value) || value.length > LATENCIES_MAX)
    return refuse(`${where} is not a list of at most ${LATENCIES_MAX} regions`);
  return value.map((entry, index) => {
    const { region, ms, ageSeconds = 0 } = readObject(`${where}[${index}]`, entry);
    if (typeof region !== 'string' || !REGION.test(region)) return refuse(`${where}[${index}].region is not a name`);
    return {
      region,
      ms: readNumber(`${where}[${index}].ms`, ms, LATENCY_MS_MAX),
      ageSeconds: readNumber(`${where}[${index}].ageSeconds`, ageSeconds, AGE_SECONDS_MAX),
    };
  });
}

function readConstraints({ version, labels = {} }: Fields): Constraints {
  const entries = Object.entries(readObject('constraints.labels', labels));
  if (entries.length > LABELS_MAX) return refuse(`constraints.labels has more than ${LABELS_MAX} labels`);
  for (const [key, label] of entries)
    if (!LABEL_KEY.test(key) || typeof label !== 'string' || !LABEL_VALUE.test(label))
      return refuse(`constraints.labels has an entry that is not a label: ${key.slice(0, 64)}`);
  return {
    version: version === undefined ? undefined : readText('version', version, { min: 1, max: VERSION_LENGTH_MAX }),
    labels: Object.fromEntries(entries) as Record<string, string>,
  };
}

export function readObject(where: string, value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(`${where} is not an object`);
  return value as Fields;
}

function readText(where: string, value: unknown, { min, max }: { min: number; max: number }): string {
  if (typeof value !== 'string' || value.length < min || value.length > max)
    return refuse(`${where} is not a text of ${min} to ${max} characters`);
  return value;
}

function readNumber(where: string, value: unknown, max: number): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= max))
    return refuse(`${where} is not a number from 0 to ${max}`);
  return value;
}

function refuse(detail: string): never {
  throw new NearlightError('NL_FLEET_REQUEST', detail);
}
