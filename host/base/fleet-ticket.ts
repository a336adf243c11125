/** The form of the tickets of a fleet, which the fleet signs (RFC 8037, EdDSA with Ed25519) and a game server checks. */

/** A type of its own keeps these tickets apart from other tokens (RFC 8725, 3.11). */
export const FLEET_TICKET_TYPE = 'nearlight-fleet+jwt';
export const FLEET_TICKET_ALGORITHM = 'EdDSA';
export const FLEET_NAME = 'nearlight-fleet';
/** Name of a reservation, which each of its tickets carries. */
export const RESERVATION_ID = /^[\w-]{1,64}$/;
/** A player's id and role, as in a token of an issuer. */
export const ACCOUNT_LENGTH_MAX = 255;
export const ACCOUNT_ROLE_LENGTH_MAX = 64;

/** The content of a ticket. Its audience is the id of the pod, and its id is `reservation.index`. */
export interface FleetTicket {
  readonly account: { readonly id: string; readonly role: string };
  readonly reservation: string;
  /** Which of the reservation's seats the ticket is for, from 0. */
  readonly index: number;
  /** Until when it is valid, in milliseconds since 1970. */
  readonly until: number;
}

/** Returns the id of a ticket, which is the same for each copy of it. */
export function fleetTicketId({ reservation, index }: Pick<FleetTicket, 'reservation' | 'index'>): string {
  return `${reservation}.${index}`;
}
