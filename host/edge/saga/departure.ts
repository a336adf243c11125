import { createHash } from 'node:crypto';
import type { Entry } from './journal.ts';
import { type Holder, type MoveMessage, parseDigest, parseHolder, parsePlayer } from './message.ts';
import type { Place } from './seats.ts';

/** Versions of a move's messages. A cancellation has the version after the newest message that may have been sent. */
const VERSIONS = { reserve: 1, import: 2, commit: 3 } as const;

/** The messages that a source sends. */
export type MessageKind = 'reserve' | 'import' | 'commit' | 'cancel';

/** A move from this host, as its journal keeps it. */
export interface Departure {
  readonly from: Place;
  readonly to: { readonly host: string; readonly game: string };
  /** The player's right to the seat here. */
  readonly holder: Holder;
  /** The token with which the page takes the seat at the target. */
  readonly token: string;
  /** The player's state in base64, once the player has left the game. */
  readonly player?: string | undefined;
}

export type DepartureEntry = Entry<Departure>;

/** Returns the digest that the player's stay at this host began with. */
export function originOf({ holder: { digest, origin = digest } }: Pick<Departure, 'holder'>): string {
  return origin;
}

/** Returns one of the messages that the target of a move gets. */
export function messageOf({ id, trace, version, data }: DepartureEntry, kind: MessageKind): MoveMessage {
  if (kind === 'cancel') return { kind, id, trace, version };
  const common = { id, trace, version: VERSIONS[kind] };
  if (kind === 'commit') return { ...common, kind };
  if (kind === 'import') return { ...common, kind, player: data.player ?? '' };
  const { account } = data.holder;
  const digest = createHash('sha256').update(data.token).digest('base64url');
  return { ...common, kind, game: data.to.game, holder: { digest, ...(account ? { account } : {}) } };
}

function readOrigin(holder: unknown): Pick<Holder, 'origin'> {
  const { origin } = holder as Record<string, unknown>;
  return origin === undefined ? {} : { origin: parseDigest(origin) };
}

/** @throws Error if the row is not one that `Journal.advance` has written */
export function readDeparture(value: unknown): Departure {
  const { from, to, holder, token, player } = value as Record<string, unknown>;
  const { game, seat } = from as Record<string, unknown>;
  const { host, game: there } = to as Record<string, unknown>;
  if (typeof game !== 'string' || typeof seat !== 'number' || typeof host !== 'string')
    throw new Error('a place is missing');
  if (typeof there !== 'string' || typeof token !== 'string') throw new Error('the target is missing');
  return {
    from: { game, seat },
    to: { host, game: there },
    holder: { ...parseHolder(holder), ...readOrigin(holder) },
    token,
    ...(player === undefined ? {} : { player: parsePlayer(player) }),
  };
}
