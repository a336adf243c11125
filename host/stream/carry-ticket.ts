import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { PLAYER_BYTES_MAX } from '../../renderer/contract/abi.ts';
import { NearlightError } from '../base/errors.ts';
import type { Account } from '../base/pass.ts';
import { CARRY_LENGTH_MAX } from '../base/protocol.ts';

/** A player who goes from one server of a game to another. */
export interface Carried {
  readonly game: string;
  /** SHA-256 in base64url of the token that takes the seat, and of the one that the player's stay began with. */
  readonly digest: string;
  readonly origin: string;
  /** The player's account; undefined if anyone may join. */
  readonly account?: Account | undefined;
  /** The player's state as the game has exported it; undefined if it has none. */
  readonly state?: Uint8Array | undefined;
}

/** A ticket that was opened. */
export interface CarryTicket extends Carried {
  /** Unique name of the ticket. */
  readonly id: string;
  /** When the ticket expires, in milliseconds since 1970. */
  readonly until: number;
}

/** For how long a ticket is valid. Pages present it at once, and again while no server takes them. */
export const CARRY_MS = 30_000;
/** By so much the clocks of two servers may differ. */
const SKEW_MS_MAX = 5000;
/** Grows when the layout below changes, so that servers of different versions refuse each other's tickets. */
const VERSION = 1;
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES_MAX = 2560;
const NAME_LENGTH_MAX = 256;
const KEYS_MAX = 2;
export const KEY_LENGTH_MIN = 32;
const BASE64URL = /^[\w-]+$/;
const ID = /^[\w-]{22}$/;
const DIGEST = /^[\w-]{43}$/;

/**
 * Reads the setting CARRY_KEY.
 * @returns the secrets, the newest first; empty if there are none
 * @throws NearlightError NL_SETTING, without the secrets in the message
 */
export function readCarryKeys(text: string): string[] {
  if (text === '') return [];
  const keys = text.split(',');
  if (keys.length > KEYS_MAX || keys.some((key) => key.length < KEY_LENGTH_MIN))
    throw new NearlightError(
      'NL_SETTING',
      `CARRY_KEY is neither a secret of ${KEY_LENGTH_MIN} characters or more nor two of them with a comma between`,
    );
  return keys;
}

/**
 * Makes carry tickets, and opens those of other servers with the same secret. A ticket is, in base64url, a byte with the version, a nonce,
 * and, encrypted with AES-256-GCM, the length of a header as u16, the header as JSON, and the player's state; then the tag of the cipher.
 */
export class CarrySeal {
  readonly #keys: readonly Buffer[];
  readonly #now: () => number;

  /**
   * @param secrets as readCarryKeys returns them: the first one makes tickets, all of them open tickets
   * @param now milliseconds since 1970
   */
  constructor(secrets: readonly string[], now: () => number = Date.now) {
    this.#keys = secrets.map((secret) => createHash('sha256').update(`nearlight carry\n${secret}`).digest());
    this.#now = now;
  }

  /** Makes a ticket. Undefined if there is no secret, or if the names in it are too long. */
  seal({ state, ...carried }: Carried): string | undefined {
    const [key] = this.#keys;
    const id = randomBytes(16).toString('base64url');
    const header = Buffer.from(
      JSON.stringify({ ...carried, id, until: this.#now() + CARRY_MS, hasState: state !== undefined }),
    );
    if (key === undefined || header.length > HEADER_BYTES_MAX) return undefined;
    const length = Buffer.alloc(2);
    length.writeUInt16LE(header.length);
    const version = Buffer.of(VERSION);
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(version);
    const sealed = [cipher.update(Buffer.concat([length, header, state ?? Buffer.alloc(0)])), cipher.final()];
    return Buffer.concat([version, nonce, ...sealed, cipher.getAuthTag()]).toString('base64url');
  }

  /** Opens a ticket, and checks everything in it. @throws NearlightError NL_CARRY */
  open(text: string): CarryTicket {
    if (text.length > CARRY_LENGTH_MAX) return refuse(`it is longer than ${CARRY_LENGTH_MAX} characters`);
    const bytes = Buffer.from(BASE64URL.test(text) ? text : '', 'base64url');
    if (bytes.length < 1 + NONCE_BYTES + 2 + TAG_BYTES) return refuse('it is cut or damaged');
    if (bytes[0] !== VERSION) return refuse('another version of the server has made it');
    if (this.#keys.length === 0) return refuse('this server has no CARRY_KEY');
    for (const key of this.#keys) {
      const plain = decrypt(bytes, key);
      if (plain) return this.#read(plain);
    }
    return refuse('it was changed, or made with another CARRY_KEY');
  }

  #read(plain: Buffer): CarryTicket {
    const length = plain.readUInt16LE();
    if (length > HEADER_BYTES_MAX || 2 + length > plain.length) return refuse('its header has no valid length');
    const { until, hasState, ...header } = parse(plain.subarray(2, 2 + length));
    const state = plain.subarray(2 + length);
    if (state.length > PLAYER_BYTES_MAX) return refuse(`its state has more than ${PLAYER_BYTES_MAX} bytes`);
    const { id, game, digest, origin, account } = header;
    const isWhole =
      matches(id, ID) && isName(game, 1) && matches(digest, DIGEST) && matches(origin, DIGEST) && isTime(until);
    if (!isWhole) return refuse('its header is not valid');
    const now = this.#now();
    if (now >= until) return refuse('it has expired');
    if (until > now + CARRY_MS + SKEW_MS_MAX) return refuse('it is valid for too long');
    return {
      id,
      until,
      game,
      digest,
      origin,
      ...(account === undefined ? {} : { account: readAccount(account) }),
      ...(hasState === true ? { state: new Uint8Array(state) } : {}),
    };
  }
}

/** @returns undefined if the key does not fit */
function decrypt(bytes: Buffer, key: Buffer): Buffer | undefined {
  const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(bytes.subarray(0, 1)).setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function parse(bytes: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Refused below.
  }
  return refuse('its header is not a JSON object');
}

function readAccount(value: unknown): Account {
  const { id, role } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  return isName(id, 1) && isName(role, 0) ? { id, role } : refuse('its account is not valid');
}

function matches(value: unknown, form: RegExp): value is string {
  return typeof value === 'string' && form.test(value);
}

function isName(value: unknown, lengthMin: number): value is string {
  return typeof value === 'string' && value.length >= lengthMin && value.length <= NAME_LENGTH_MAX;
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function refuse(reason: string): never {
  throw new NearlightError('NL_CARRY', reason);
}
