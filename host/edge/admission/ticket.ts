import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { Account } from '../../base/pass.ts';
import { Refusal } from './reasons.ts';
import type { TicketStore } from './ticket-store.ts';
import { ID_LENGTH_MAX, ROLE_LENGTH_MAX } from './token.ts';

/** The content of a join ticket: who may take which place in which room. */
export interface TicketContent {
  readonly account: Account;
  /** Name of the game. */
  readonly room: string;
  /** Number of the seat; undefined for a spectator. */
  readonly seat: number | undefined;
}

/** A ticket as the host has issued it. */
export interface IssuedTicket {
  readonly text: string;
  /** Its name, which is also the name of the seat's reservation. */
  readonly id: string;
  readonly expiresAt: number;
}

/** A type of its own keeps tickets and other tokens apart (RFC 8725, 3.11). */
const TYPE = 'nearlight-join+jwt';
const NAME = 'nearlight';
const ID_BYTES = 16;
const ID = /^[\w-]{22}$/;

export function createTicketId(): string {
  return randomBytes(ID_BYTES).toString('base64url');
}

/** Tells whether the text claims to be a ticket, by the header of its JWT (RFC 7515, 7.1). Nothing is checked. */
export function isTicket(text: string): boolean {
  try {
    const header = Buffer.from(text.slice(0, text.indexOf('.')), 'base64url').toString('utf8');
    return (JSON.parse(header) as { typ?: unknown } | null)?.typ === TYPE;
  } catch {
    return false;
  }
}

/**
 * Issues and redeems join tickets: JWTs that this host signs for itself. A ticket is short-lived, can be used once, and is bound to one
 * place in one room.
 */
export class JoinTickets {
  readonly #jose: typeof import('jose');
  readonly #store: TicketStore;
  readonly #msMax: number;
  readonly #now: () => number;
  /** The store's key, in the form that the library prepares only once. */
  #key: Promise<KeyObject> | undefined;

  /** @param options.now milliseconds since 1970 @param options.msMax for how long a ticket is valid */
  constructor(options: { jose: typeof import('jose'); store: TicketStore; msMax: number; now: () => number }) {
    this.#jose = options.jose;
    this.#store = options.store;
    this.#msMax = options.msMax;
    this.#now = options.now;
  }

  /** Returns a name for a ticket, under which the place of its holder is kept. */
  createId(): string {
    return createTicketId();
  }

  /** Tells whether the text claims to be a ticket and not a token of the issuer. Nothing is checked. */
  isTicket(text: string): boolean {
    return isTicket(text);
  }

  async issue(id: string, { account, room, seat }: TicketContent): Promise<IssuedTicket> {
    const expiresAt = this.#now() + this.#msMax;
    const text = await new this.#jose.SignJWT({
      role: account.role,
      room,
      ...(seat === undefined ? {} : { seat }),
      // The claim `exp` counts whole seconds, which is too coarse for tickets that live for some of them.
      until: expiresAt,
    })
      .setProtectedHeader({ alg: 'HS256', typ: TYPE })
      .setIssuer(NAME)
      .setAudience(NAME)
      .setSubject(account.id)
      .setJti(id)
      .sign(await this.#signingKey());
    return { text, id, expiresAt };
  }

  /** Checks a ticket and uses it up. @throws Refusal if it is not valid, has expired, or was used before */
  async redeem(text: string): Promise<TicketContent & { id: string }> {
    const { id, until, ...content } = await this.#read(text);
    if (this.#now() >= until) throw new Refusal('ticket-expired');
    if (!(await this.#store.use(id, until))) throw new Refusal('ticket-used');
    return { id, ...content };
  }

  /** A failure of the store is not kept. */
  #signingKey(): Promise<KeyObject> {
    this.#key ??= this.#store.key().then(createSecretKey);
    this.#key.catch(() => {
      this.#key = undefined;
    });
    return this.#key;
  }

  async #read(text: string): Promise<TicketContent & { id: string; until: number }> {
    try {
      const { payload } = await this.#jose.jwtVerify(text, await this.#signingKey(), {
        algorithms: ['HS256'],
        typ: TYPE,
        issuer: NAME,
        audience: NAME,
      });
      const { sub = '', jti = '', role, room, seat, until } = payload;
      const isSeat = seat === undefined || (Number.isInteger(seat) && (seat as number) >= 0);
      const isAccount = sub.length <= ID_LENGTH_MAX && typeof role === 'string' && role.length <= ROLE_LENGTH_MAX;
      if (!isSeat || !isAccount || !ID.test(jti) || typeof room !== 'string' || typeof until !== 'number')
        throw new Refusal('ticket-invalid');
      return { id: jti, account: { id: sub, role }, room, seat: seat as number | undefined, until };
    } catch (cause) {
      throw cause instanceof Refusal ? cause : new Refusal('ticket-invalid', { cause });
    }
  }
}
