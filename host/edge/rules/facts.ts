import { createHmac } from 'node:crypto';
import {
  FACTS_ACCOUNT,
  FACTS_ACCOUNT_JOINS,
  FACTS_ACTIONS,
  FACTS_ACTIONS_PEAK,
  FACTS_ADDRESS,
  FACTS_ADDRESS_JOINS,
  FACTS_ADDRESS_REFUSALS,
  FACTS_BYTES,
  FACTS_FLAGS,
  FACTS_IMPOSSIBLE_TURNS,
  FACTS_NODE_JOINS,
  FACTS_OCCASION,
  FACTS_PAUSE_DEVIATION,
  FACTS_PAUSE_MEAN,
  FACTS_PLAYERS,
  FACTS_REACTIONS,
  FACTS_REGION,
  FACTS_ROLE,
  FACTS_SEATS,
  FACTS_SECONDS,
  FACTS_TIME,
  FACTS_TURNS,
  FACTS_VERSION,
  OCCASION_JOIN,
  OCCASION_PLAY,
  REACTION_BUCKETS,
  REGION_BYTES_MAX,
  ROLE_PLAYER,
  ROLE_RETURNING,
  ROLE_SPECTATOR,
  RULE_VERSION,
} from '../../../renderer/contract/rule.ts';
import type { PlayStatistics } from '../../room/input-statistics.ts';
import type { JoinCounts } from './history.ts';

const ROLES = { player: ROLE_PLAYER, spectator: ROLE_SPECTATOR, returning: ROLE_RETURNING } as const;
const REGION = /^[A-Z0-9-]+$/;
const NUMBER_MAX = 2 ** 32 - 1;

/** Facts about a person, as rules get them at every occasion. */
export interface PersonFacts {
  role: keyof typeof ROLES;
  /** The account, in any form; undefined if the player has none. Rules see only a number that stands for it. */
  account?: string | undefined;
  /** The network address, or the part of it that stands for one subscriber. Rules see only a number that stands for it. */
  address: string;
  /** Country (ISO 3166-1), or country and subdivision (ISO 3166-2), as in "DE" and "US-CA". */
  region?: string | undefined;
  /** Number of seats of the game, and how many of them are taken. */
  seats: number;
  players: number;
}

/** Facts about someone who has played for a while. */
export interface PlayFacts extends PersonFacts {
  statistics: PlayStatistics;
  /** How often rules have flagged the player in this session. */
  flags: number;
}

export interface FactsWriterOptions {
  /** Secret key of the numbers that stand for accounts and addresses. */
  secret: Uint8Array;
  /** Milliseconds since 1970. */
  wallClock(): number;
}

/**
 * Writes facts as the records that rules read (renderer/contract/rule.ts). No rule learns an account or an address: it gets the
 * first 64 bits of a keyed hash, with which it can only tell one from another.
 */
export class FactsWriter {
  readonly #options: FactsWriterOptions;

  constructor(options: FactsWriterOptions) {
    this.#options = options;
  }

  join(person: PersonFacts, counts: JoinCounts): Uint8Array {
    const record = this.#begin(OCCASION_JOIN, person);
    writeNumber(record, FACTS_ACCOUNT_JOINS, counts.account);
    writeNumber(record, FACTS_ADDRESS_JOINS, counts.address);
    writeNumber(record, FACTS_ADDRESS_REFUSALS, counts.addressRefusals);
    writeNumber(record, FACTS_NODE_JOINS, counts.node);
    return bytesOf(record);
  }

  play(player: PlayFacts): Uint8Array {
    const record = this.#begin(OCCASION_PLAY, player);
    const { statistics } = player;
    writeNumber(record, FACTS_FLAGS, player.flags);
    record.setFloat32(FACTS_SECONDS, statistics.seconds, true);
    writeNumber(record, FACTS_ACTIONS, statistics.actions);
    writeNumber(record, FACTS_ACTIONS_PEAK, statistics.actionsPeak);
    record.setFloat32(FACTS_PAUSE_MEAN, statistics.pauseMeanMs, true);
    record.setFloat32(FACTS_PAUSE_DEVIATION, statistics.pauseDeviationMs, true);
    writeNumber(record, FACTS_TURNS, statistics.turns);
    writeNumber(record, FACTS_IMPOSSIBLE_TURNS, statistics.impossibleTurns);
    for (let n = 0; n < REACTION_BUCKETS; n++)
      writeNumber(record, FACTS_REACTIONS + 4 * n, statistics.reactions[n] ?? 0);
    return bytesOf(record);
  }

  #begin(occasion: number, { role, account, address, region = '', seats, players }: PersonFacts): DataView {
    const record = new DataView(new ArrayBuffer(FACTS_BYTES));
    record.setUint32(FACTS_VERSION, RULE_VERSION, true);
    record.setUint32(FACTS_OCCASION, occasion, true);
    record.setFloat64(FACTS_TIME, this.#options.wallClock() / 1000, true);
    if (account !== undefined) record.setBigUint64(FACTS_ACCOUNT, this.#standIn(`account ${account}`), true);
    record.setBigUint64(FACTS_ADDRESS, this.#standIn(`address ${address}`), true);
    // A region that is not a code of ISO 3166 is unknown, and not an error: it comes from a database of addresses.
    if (REGION.test(region) && region.length <= REGION_BYTES_MAX)
      for (let n = 0; n < region.length; n++) record.setUint8(FACTS_REGION + n, region.charCodeAt(n));
    record.setUint32(FACTS_ROLE, ROLES[role], true);
    writeNumber(record, FACTS_SEATS, seats);
    writeNumber(record, FACTS_PLAYERS, players);
    return record;
  }

  /** Returns a number of 64 bits that stands for a text and is never 0. */
  #standIn(text: string): bigint {
    const digest = createHmac('sha256', this.#options.secret).update(text).digest();
    return digest.readBigUInt64LE(0) || 1n;
  }
}

/** Returns facts about a harmless player, with which a new version of a rule is tried. @param occasion an OCCASION_ number */
export function harmlessFacts(occasion: number): Uint8Array {
  const record = new DataView(new ArrayBuffer(FACTS_BYTES));
  record.setUint32(FACTS_VERSION, RULE_VERSION, true);
  record.setUint32(FACTS_OCCASION, occasion, true);
  record.setUint32(FACTS_ROLE, ROLE_PLAYER, true);
  record.setUint32(FACTS_SEATS, 1, true);
  return bytesOf(record);
}

function writeNumber(record: DataView, at: number, value: number): void {
  record.setUint32(at, Math.min(value, NUMBER_MAX), true);
}

function bytesOf({ buffer }: DataView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer);
}
