/** How a host describes itself to the edge service of its node, and that service its pods to the fleet. */
import { RESERVATION_ID } from './fleet-ticket.ts';
import { SERVER_STATES, type Seats, type ServerState } from './lifecycle.ts';

/** A game server at one moment. */
export interface HostReport {
  /** Id of the pod in Kubernetes. */
  readonly uid: string;
  /** Name of the game; '' while none is loaded. */
  readonly game: string;
  readonly state: ServerState;
  readonly seats: Seats;
  /** Players who have taken a seat with a ticket of the fleet, by the reservation; only of reservations whose tickets are still valid. */
  readonly arrived: Readonly<Record<string, number>>;
  /** Numbers for those who scale the fleet, by their name. */
  readonly measures: Readonly<Record<string, number>>;
}

const SEATS_MAX = 65_536;
const ARRIVED_MAX = 256;
const MEASURES_MAX = 32;
const GAME_LENGTH_MAX = 128;
const UID = /^[\w-]{1,64}$/;
const MEASURE = /^[a-zA-Z][a-zA-Z0-9]{0,47}$/;

/** Says what a report must be, for those who read a refusal. */
export const HOST_REPORT_BOUNDS = `it needs uid, game, a state of ${SERVER_STATES.join(', ')}, and seats {all, taken, reserved} of at most ${SEATS_MAX}; arrived has at most ${ARRIVED_MAX} reservations, measures at most ${MEASURES_MAX} numbers`;

/** Reads a report of a game server; undefined if it is not one. */
export function readHostReport(value: unknown): HostReport | undefined {
  const { uid, game, state, seats, arrived = {}, measures = {} } = fieldsOf(value);
  const { all, taken, reserved = 0 } = fieldsOf(seats);
  const known = SERVER_STATES.find((each) => each === state);
  if (typeof uid !== 'string' || !UID.test(uid) || known === undefined) return undefined;
  if (typeof game !== 'string' || game.length > GAME_LENGTH_MAX) return undefined;
  if (!isCount(all) || !isCount(taken) || !isCount(reserved)) return undefined;
  const came = Object.entries(fieldsOf(arrived));
  const numbers = Object.entries(fieldsOf(measures));
  if (came.length > ARRIVED_MAX || !came.every(([id, count]) => RESERVATION_ID.test(id) && isCount(count)))
    return undefined;
  if (numbers.length > MEASURES_MAX || !numbers.every(([name, number]) => MEASURE.test(name) && isNumber(number)))
    return undefined;
  return {
    uid,
    game,
    state: known,
    seats: { all, taken, reserved },
    arrived: Object.fromEntries(came) as Record<string, number>,
    measures: Object.fromEntries(numbers) as Record<string, number>,
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= SEATS_MAX;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
