/** The reservations of a game server, which are in an annotation of its pod. That annotation is the only place where they are. */
import { RESERVATION_ID } from '../../base/fleet-ticket.ts';

export const ANNOTATION = 'nearlight/reservations';
/** Reservations of one pod. More are refused, so that the annotation stays small. */
export const RESERVATIONS_MAX = 128;
export const SEATS_MAX = 1024;
/** 2100-01-01. */
const TIME_MAX = 4_102_444_800_000;
/**
 * A reservation outlives its tickets by this time. A player who comes with the last moment of a ticket appears in a report of the node
 * before the seat counts as free, even if the clocks of fleet and node differ by some seconds.
 */
export const SETTLE_MS = 10_000;

export interface Reservation {
  readonly id: string;
  readonly seats: number;
  /** Until when the seats are kept, in milliseconds since 1970. */
  readonly until: number;
}

/**
 * Reads the annotation of a pod. Someone may have changed it by hand: entries that are not well-formed are left out.
 * @returns the reservations, and whether the text was one that this program has written
 */
export function readReservations(text: string | undefined): { reservations: Reservation[]; isSound: boolean } {
  if (text === undefined || text === '') return { reservations: [], isSound: true };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { reservations: [], isSound: false };
  }
  if (!Array.isArray(value)) return { reservations: [], isSound: false };
  const reservations = value.slice(0, RESERVATIONS_MAX).filter(isReservation);
  return { reservations, isSound: reservations.length === value.length };
}

export function writeReservations(reservations: readonly Reservation[]): string {
  return JSON.stringify(reservations.map(({ id, seats, until }) => ({ id, seats, until })));
}

function isReservation(value: unknown): value is Reservation {
  const { id, seats, until } = (value ?? {}) as Record<string, unknown>;
  const isWhole = (number: unknown, max: number) =>
    Number.isSafeInteger(number) && (number as number) > 0 && (number as number) <= max;
  return typeof id === 'string' && RESERVATION_ID.test(id) && isWhole(seats, SEATS_MAX) && isWhole(until, TIME_MAX);
}
