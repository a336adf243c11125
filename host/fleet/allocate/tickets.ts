import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { jwtVerify, SignJWT } from 'jose';
import { NearlightError } from '../../base/errors.ts';
import {
  FLEET_NAME,
  FLEET_TICKET_ALGORITHM,
  FLEET_TICKET_TYPE,
  type FleetTicket,
  fleetTicketId,
} from '../../base/fleet-ticket.ts';

/** A type of its own keeps places in the queue and tickets apart, which the same key signs. */
const QUEUE_TYPE = 'nearlight-queue+jwt';
const KEY_ID_LENGTH = 16;

/** A place in the queue, as its holder proves it. */
export interface QueueProof {
  /** Name of the place, and of the reservation that comes of it. */
  readonly id: string;
  /** When the request came first, in milliseconds since 1970. */
  readonly since: number;
}

/** Makes a private key in PKCS #8. */
export function createSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Returns the public part of a private key as FLEET_KEYS names it: the x of its JWK (RFC 8037, 2). @throws Error if it is not Ed25519 */
export function publicKeyOf(pem: string): string {
  const { crv, x } = createPublicKey(createPrivateKey(pem)).export({ format: 'jwk' });
  if (crv !== 'Ed25519' || x === undefined) throw new Error('the key is not one of Ed25519');
  return x;
}

/** Signs tickets, and places in the queue, with the key that all replicas of the fleet share. */
export class TicketSigner {
  /** The public key, as FLEET_KEYS names it. */
  readonly publicKey: string;
  readonly #key: KeyObject;
  readonly #keyId: string;
  readonly #now: () => number;

  /** @param pem a private key of Ed25519 @param now milliseconds since 1970 @throws Error if the key is another */
  constructor(pem: string, now: () => number = Date.now) {
    this.#now = now;
    this.publicKey = publicKeyOf(pem);
    this.#key = createPrivateKey(pem);
    this.#keyId = createHash('sha256').update(this.publicKey).digest('base64url').slice(0, KEY_ID_LENGTH);
  }

  /** @throws NearlightError NL_SETTING if the file holds no such key */
  static read(path: string, now: () => number = Date.now): TicketSigner {
    try {
      return new TicketSigner(readFileSync(path, 'utf8'), now);
    } catch (cause) {
      throw new NearlightError(
        'NL_SETTING',
        `FLEET_KEY_FILE=${path} cannot be used: ${(cause as Error).message}; make a key with nearlight fleet --key FILE`,
        { cause },
      );
    }
  }

  /** @param audience the id of the pod */
  sign(audience: string, ticket: FleetTicket): Promise<string> {
    const { account, reservation, index, until } = ticket;
    const content = { role: account.role, reservation, index, until, issuedAt: this.#now() };
    return this.#sign(FLEET_TICKET_TYPE, content, (jwt) =>
      jwt
        .setAudience(audience)
        .setSubject(account.id)
        .setJti(fleetTicketId(ticket))
        .setExpirationTime(Math.ceil(until / 1000)),
    );
  }

  signPlace({ id, since }: QueueProof): Promise<string> {
    return this.#sign(QUEUE_TYPE, { since }, (jwt) => jwt.setAudience(FLEET_NAME).setJti(id));
  }

  /** Reads a place in the queue; undefined if this fleet has not signed it. */
  async readPlace(text: string): Promise<QueueProof | undefined> {
    try {
      const { payload } = await jwtVerify(text, createPublicKey(this.#key), {
        algorithms: [FLEET_TICKET_ALGORITHM],
        typ: QUEUE_TYPE,
        issuer: FLEET_NAME,
        audience: FLEET_NAME,
      });
      const { jti, since } = payload;
      return typeof jti === 'string' && typeof since === 'number' ? { id: jti, since } : undefined;
    } catch {
      return undefined;
    }
  }

  #sign(typ: string, content: object, more: (jwt: SignJWT) => SignJWT): Promise<string> {
    const jwt = new SignJWT({ ...content })
      .setProtectedHeader({ alg: FLEET_TICKET_ALGORITHM, typ, kid: this.#keyId })
      .setIssuer(FLEET_NAME);
    return more(jwt).sign(this.#key);
  }
}
