import { PLAYER_BYTES_MAX } from '../../../renderer/contract/abi.ts';
import { type ErrorCode, errors, NearlightError } from '../../base/errors.ts';
import type { Decision } from './states.ts';

/** A player's right to a seat, which goes along to another host. */
export interface Holder {
  /** SHA-256 in base64url of the token with which the page takes the seat. */
  readonly digest: string;
  /** The same of the token with which the player's stay at the source began; only the source itself needs it. */
  readonly origin?: string | undefined;
  /** The player's account and role; undefined if anyone may join. */
  readonly account?: { readonly id: string; readonly role: string } | undefined;
}

interface Common {
  /** Id of the move. */
  readonly id: string;
  /** Version of the move at the host that sends. A host that gets the same version again answers as before and does nothing. */
  readonly version: number;
  readonly trace: string;
}

/** A message from the host that a player leaves to the one that the player moves to, except for `ask`, which goes the other way. */
export type MoveMessage =
  /** Keep a seat for a player. */
  | (Common & { readonly kind: 'reserve'; readonly game: string; readonly holder: Holder })
  /** Put a player with this state, in base64, into the seat. */
  | (Common & { readonly kind: 'import'; readonly player: string })
  /** The player is yours. */
  | (Common & { readonly kind: 'commit' })
  /** Give the seat up, and forget the state. */
  | (Common & { readonly kind: 'cancel' })
  /** What was decided? */
  | (Common & { readonly kind: 'ask' });

export type MoveAnswer =
  | { readonly ok: true; readonly seat?: number; readonly decision?: Decision }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** Bounds on what another host sends. */
export const GAME_LENGTH_MAX = 256;
export const ACCOUNT_LENGTH_MAX = 256;
export const VERSION_MAX = 16;
export const TEXT_LENGTH_MAX = 1024;
const SEAT_MAX = 63;
/** Length in base64, with padding. */
export const PLAYER_LENGTH_MAX = Math.ceil(PLAYER_BYTES_MAX / 3) * 4;

const ID = /^[\w-]{22}$/;
const TRACE = /^(?!0{32})[0-9a-f]{32}$/;
const DIGEST = /^[\w-]{43}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DECISIONS: readonly unknown[] = ['open', 'committed', 'cancelled'] satisfies Decision[];

export function isTrace(text: string): boolean {
  return TRACE.test(text);
}

/** Checks a message of another host. @throws NearlightError NL_MOVE_MESSAGE */
export function parseMessage(value: unknown): MoveMessage {
  const message = asObject(value);
  const { kind } = message;
  const common = {
    id: match(message.id, ID, 'id'),
    version: whole(message.version, VERSION_MAX, 'version', 1),
    trace: match(message.trace, TRACE, 'trace'),
  };
  if (kind === 'reserve')
    return { ...common, kind, game: text(message.game, GAME_LENGTH_MAX, 'game'), holder: parseHolder(message.holder) };
  if (kind === 'import') return { ...common, kind, player: parsePlayer(message.player) };
  if (kind === 'commit' || kind === 'cancel' || kind === 'ask') return { ...common, kind };
  return refuse('kind', 'is not known');
}

/** Checks an answer of another host. @throws NearlightError NL_MOVE_MESSAGE */
export function parseAnswer(value: unknown): MoveAnswer {
  const { ok, seat, decision, code, message } = asObject(value);
  if (ok === false) {
    const known = typeof code === 'string' && Object.hasOwn(errors, code) ? (code as ErrorCode) : 'NL_MOVE';
    return { ok, code: known, message: text(message, TEXT_LENGTH_MAX, 'message') };
  }
  if (ok !== true) return refuse('ok', 'is neither true nor false');
  if (decision !== undefined && !DECISIONS.includes(decision)) return refuse('decision', 'is not known');
  return {
    ok,
    ...(seat === undefined ? {} : { seat: whole(seat, SEAT_MAX, 'seat') }),
    ...(decision === undefined ? {} : { decision: decision as Decision }),
  };
}

/** Checks a player's state in base64. @throws NearlightError NL_MOVE_MESSAGE */
export function parsePlayer(value: unknown): string {
  const player = text(value, PLAYER_LENGTH_MAX, 'player', 0);
  if (!BASE64.test(player) || Buffer.from(player, 'base64').length > PLAYER_BYTES_MAX)
    return refuse('player', `is not base64 of at most ${PLAYER_BYTES_MAX} bytes`);
  return player;
}

/** Returns the bytes of a player's state that was checked before. */
export function bytesOf(player: string): Uint8Array {
  return new Uint8Array(Buffer.from(player, 'base64'));
}

/** Checks a digest of a token. @throws NearlightError NL_MOVE_MESSAGE */
export function parseDigest(value: unknown): string {
  return match(value, DIGEST, 'digest');
}

/** Checks a player's right to a seat. @throws NearlightError NL_MOVE_MESSAGE */
export function parseHolder(value: unknown): Holder {
  const { digest, account } = asObject(value);
  const holder = { digest: parseDigest(digest) };
  if (account === undefined) return holder;
  const { id, role } = asObject(account);
  return {
    ...holder,
    account: { id: text(id, ACCOUNT_LENGTH_MAX, 'account'), role: text(role, ACCOUNT_LENGTH_MAX, 'role', 0) },
  };
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  return refuse('message', 'is not an object');
}

function text(value: unknown, lengthMax: number, name: string, lengthMin = 1): string {
  if (typeof value === 'string' && value.length >= lengthMin && value.length <= lengthMax) return value;
  return refuse(name, `is not a text of ${lengthMin} to ${lengthMax} characters`);
}

function match(value: unknown, form: RegExp, name: string): string {
  return typeof value === 'string' && form.test(value) ? value : refuse(name, 'does not have its form');
}

function whole(value: unknown, most: number, name: string, least = 0): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  return refuse(name, `is not a whole number from ${least} to ${most}`);
}

function refuse(name: string, reason: string): never {
  throw new NearlightError('NL_MOVE_MESSAGE', `${name} ${reason}`);
}
