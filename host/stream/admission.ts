import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { RateLimiter } from '../base/limiter.ts';
import { type Account, ANYONE, type Pass } from '../base/pass.ts';
import type { Milli } from '../base/time.ts';
import { Dismissals } from './dismissals.ts';

/** A connection that has been set up for this long without a packet may be displaced by a newer one. Pages need less. */
const GRACE_MS = 1000;
/** As many offers as in this many seconds may come at once. */
const BURST_SECONDS = 2;
const EVERYONE = '';

export type AdmissionLimits = Pick<
  Config,
  'offersPerSecondMax' | 'addressOffersPerSecondMax' | 'halfOpenMax' | 'addressHalfOpenMax' | 'addressSeatsMax'
>;

/** One connection, from its offer to its end. */
export interface Ticket {
  /** The key under which the client is counted. */
  readonly client: string;
  /** The gate's knowledge of the player. */
  readonly pass: Pass;
  /**
   * Counts the connection as a player's seat from now on.
   * @param former the ticket whose seat this connection takes over; it counts no longer
   * @throws NearlightError NL_ADDRESS_FULL, NL_ACCOUNT_FULL; the former ticket still counts then
   */
  seat(former?: Ticket): void;
  /** Forgets the connection, which has ended. Idempotent. */
  close(): void;
}

interface HalfOpen {
  readonly client: string;
  readonly since: Milli;
  displace(): void;
}

/**
 * Bounds what clients can take before and after they have proved that they play: offers per second, connections that are
 * being set up (half-open), and seats; each in total and for the clients that share an address.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #offers: RateLimiter;
  readonly #clientOffers: RateLimiter;
  readonly #dismissals: Dismissals;
  /** Half-open connections, the oldest first. */
  readonly #halfOpen = new Set<HalfOpen>();
  readonly #seats = new Map<string, number>();

  constructor(limits: AdmissionLimits, clock: Pick<Clock, 'now'>) {
    const { offersPerSecondMax: all, addressOffersPerSecondMax: each } = limits;
    this.#limits = limits;
    this.#clock = clock;
    this.#offers = new RateLimiter({ perSecond: all, burst: all * BURST_SECONDS, clock });
    this.#clientOffers = new RateLimiter({ perSecond: each, burst: each * BURST_SECONDS, clock });
    this.#dismissals = new Dismissals(clock);
  }

  /** Number of connections that are being set up. */
  get halfOpen(): number {
    return this.#halfOpen.size;
  }

  /**
   * Counts an offer of a client.
   * @param isReturning whether the client already has the seat that it wants
   * @throws NearlightError NL_OFFER_RATE, NL_ADDRESS_FULL, NL_DISMISSED
   */
  countOffer(client: string, isReturning = false): void {
    if (!isReturning) {
      this.#checkSeats(client);
      this.#checkDismissals(addressKey(client));
    }
    // An address that sends too many offers must not use up those of all.
    const waitMs = this.#clientOffers.take(client) || this.#offers.take(EVERYONE);
    if (waitMs > 0) throw new NearlightError('NL_OFFER_RATE', 'many players are joining at this moment');
  }

  /**
   * Begins a connection of a client. If there are too many half-open ones, it takes the place of the oldest one of the address
   * that has the most.
   * @param displace ends the connection because another one takes its place
   * @throws NearlightError NL_HALF_OPEN, NL_DISMISSED
   */
  open(client: string, displace: () => void, pass: Pass = ANYONE): Ticket {
    if (pass.account) this.#checkDismissals(accountKey(pass.account));
    const own = [...this.#halfOpen].filter((entry) => entry.client === client);
    if (own.length >= this.#limits.addressHalfOpenMax) this.#displaceOldest(own);
    else if (this.#halfOpen.size >= this.#limits.halfOpenMax) this.#displaceOldest(this.#ofGreediest());
    const entry: HalfOpen = { client, since: this.#clock.now(), displace };
    this.#halfOpen.add(entry);
    let isSeated = false;
    return {
      client,
      pass,
      seat: (former) => {
        if (former?.client !== client) this.#checkSeats(client);
        if (!former || former.pass.account?.id !== pass.account?.id) pass.check();
        former?.close();
        this.#halfOpen.delete(entry);
        isSeated = true;
        this.#addSeats(client, 1);
        pass.take();
      },
      close: () => {
        this.#halfOpen.delete(entry);
        if (isSeated) {
          this.#addSeats(client, -1);
          pass.free();
        }
        isSeated = false;
      },
    };
  }

  /** Notes that a connection ends because of what its page has sent, so that its player has to wait before the next one. */
  dismiss(client: string, { account }: Pass = ANYONE): void {
    this.#dismissals.note(account ? accountKey(account) : addressKey(client));
  }

  #displaceOldest([oldest]: HalfOpen[]): void {
    if (!oldest || this.#clock.now() - oldest.since < GRACE_MS)
      throw new NearlightError('NL_HALF_OPEN', 'many players are connecting at this moment');
    this.#halfOpen.delete(oldest);
    oldest.displace();
  }

  #ofGreediest(): HalfOpen[] {
    const byClient = Map.groupBy(this.#halfOpen, ({ client }) => client);
    return [...byClient.values()].reduce((a, b) => (b.length > a.length ? b : a), []);
  }

  #checkSeats(client: string): void {
    const { addressSeatsMax } = this.#limits;
    if ((this.#seats.get(client) ?? 0) >= addressSeatsMax)
      throw new NearlightError('NL_ADDRESS_FULL', `${addressSeatsMax} players from your address are playing here`);
  }

  #checkDismissals(key: string): void {
    const waitMs = this.#dismissals.waitMs(key);
    if (waitMs > 0) throw new NearlightError('NL_DISMISSED', `join again in ${Math.ceil(waitMs / 1000)} s`);
  }

  #addSeats(client: string, count: number): void {
    const seats = (this.#seats.get(client) ?? 0) + count;
    if (seats > 0) this.#seats.set(client, seats);
    else this.#seats.delete(client);
  }
}

/** The key under which an account's dismissals are kept; see `addressKey`. */
function accountKey({ id }: Account): string {
  return `account ${id}`;
}

/** The same for players without an account. */
function addressKey(client: string): string {
  return `address ${client}`;
}
