import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import {
  FLEET_NAME,
  FLEET_TICKET_ALGORITHM,
  FLEET_TICKET_TYPE,
  type FleetTicket,
  fleetTicketId,
  RESERVATION_ID,
} from '../../base/fleet-ticket.ts';
import { Refusal } from './reasons.ts';
import { MemoryTicketStore, type TicketStore } from './ticket-store.ts';
import { ID_LENGTH_MAX, ROLE_LENGTH_MAX } from './token.ts';

/** A host knows its own seats; no reservation has more. */
const INDEX_MAX = 1024;
/** Reservations whose arrivals are remembered. Those that end first are forgotten first. */
const RESERVATIONS_MAX = 256;
/** The fleet keeps a reservation for a while after its tickets have expired, and counts arrivals for as long. */
const REMEMBER_MS = 30_000;
const TICKET_LENGTH_MAX = 4096;

export interface FleetTicketsOptions {
  jose: typeof import('jose');
  /** Public keys of Ed25519, as FLEET_KEYS names them. */
  keys: readonly string[];
  /** The id of this host's pod. */
  audience: string;
  /** Remembers which tickets were used. By default for as long as this process lives, which takes no tickets from before then. */
  store?: Pick<TicketStore, 'use'>;
  /** Milliseconds since 1970. */
  now?(): number;
}

interface Arrivals {
  count: number;
  until: number;
}

/** Checks the tickets that a fleet signs for players of this host, and counts who has come with them. */
export class FleetTickets {
  readonly #options: FleetTicketsOptions;
  readonly #now: () => number;
  readonly #keys: readonly KeyObject[];
  readonly #store: Pick<TicketStore, 'use'>;
  readonly #arrivals = new Map<string, Arrivals>();
  /** Tickets that were issued before this may have been used in an earlier process. */
  readonly #validFrom: number;

  constructor(options: FleetTicketsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#keys = options.keys.map((x) => createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }));
    this.#store = options.store ?? new MemoryTicketStore(this.#now);
    this.#validFrom = options.store ? 0 : this.#now();
  }

  /** Players who have taken seats, by the reservation. */
  get arrived(): Record<string, number> {
    this.#forget();
    return Object.fromEntries([...this.#arrivals].map(([id, { count }]) => [id, count]));
  }

  /** Checks a ticket and uses it up. @throws Refusal */
  async redeem(text: string | undefined): Promise<FleetTicket> {
    if (text === undefined) throw new Refusal('fleet-missing');
    const { ticket, issuedAt } = await this.#read(text);
    if (this.#now() >= ticket.until || issuedAt < this.#validFrom) throw new Refusal('ticket-expired');
    if (!(await this.#store.use(fleetTicketId(ticket), ticket.until))) throw new Refusal('ticket-used');
    return ticket;
  }

  /** Counts a player who has taken a seat with a ticket. */
  arrive({ reservation, until }: FleetTicket): void {
    const { count = 0 } = this.#arrivals.get(reservation) ?? {};
    this.#arrivals.delete(reservation);
    this.#arrivals.set(reservation, { count: count + 1, until: until + REMEMBER_MS });
    this.#forget();
  }

  #forget(): void {
    const now = this.#now();
    for (const [id, { until }] of this.#arrivals) if (until <= now) this.#arrivals.delete(id);
    // A host has fewer seats than this, so the fleet has asked for the oldest ones long ago.
    for (const id of this.#arrivals.keys()) {
      if (this.#arrivals.size <= RESERVATIONS_MAX) break;
      this.#arrivals.delete(id);
    }
  }

  async #read(text: string): Promise<{ ticket: FleetTicket; issuedAt: number }> {
    if (text.length > TICKET_LENGTH_MAX) throw new Refusal('ticket-invalid');
    let failure: unknown;
    for (const key of this.#keys)
      try {
        return await this.#verify(text, key);
      } catch (error) {
        failure = error;
      }
    if (failure instanceof Refusal) throw failure;
    throw new Refusal('ticket-invalid', { cause: failure });
  }

  async #verify(text: string, key: KeyObject): Promise<{ ticket: FleetTicket; issuedAt: number }> {
    const { jose, audience } = this.#options;
    const { payload } = await jose.jwtVerify(text, key, {
      algorithms: [FLEET_TICKET_ALGORITHM],
      typ: FLEET_TICKET_TYPE,
      issuer: FLEET_NAME,
      audience,
      // `until` counts milliseconds, and redeem() compares it. The claim `exp` must only not be long past.
      currentDate: new Date(this.#now() - 1000),
      requiredClaims: ['exp'],
    });
    const { sub = '', jti, role, reservation, index, until, issuedAt } = payload;
    const isNamed = typeof reservation === 'string' && RESERVATION_ID.test(reservation);
    const isIndex = Number.isSafeInteger(index) && (index as number) >= 0 && (index as number) < INDEX_MAX;
    const isAccount = sub.length <= ID_LENGTH_MAX && typeof role === 'string' && role.length <= ROLE_LENGTH_MAX;
    if (!isNamed || !isIndex || !isAccount || typeof until !== 'number' || typeof issuedAt !== 'number')
      throw new Refusal('ticket-invalid');
    const ticket = { account: { id: sub, role }, reservation, index: index as number, until };
    if (jti !== fleetTicketId(ticket)) throw new Refusal('ticket-invalid');
    return { ticket, issuedAt };
  }
}
