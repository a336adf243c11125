/**
 * The protocol between the hosts of a node and its edge service: HTTP/1.1 over a Unix socket, with JSON in both directions. The version
 * is the first part of each path. Each request is checked once, here, where the service reads it.
 */
import { PHASES, type Phase } from '../../base/bus.ts';
import { PLAYER_ENDPOINTS } from '../../base/dependencies.ts';
import { type ErrorCode, errors, NearlightError } from '../../base/errors.ts';
import { HOST_REPORT_BOUNDS, type HostReport, readHostReport } from '../../base/host-report.ts';
import type { Account } from '../../base/pass.ts';
import { ID_LENGTH_MAX, ROLE_LENGTH_MAX } from '../admission/token.ts';
import { type EndpointRules, readRules } from '../dependencies/rule-file.ts';
import { ID_BYTES_MAX, TIME_MAX } from '../store/bounds.ts';

export const VERSION = 1;
export const PREFIX = `/v${VERSION}/`;
/** Path of saved states, before the id of one. Their bytes are the body as it is. */
export const SAVES = `${PREFIX}saves/`;

/** Size limits of a request's body, in bytes: one with reports, and one without. */
export const REPORT_BYTES_MAX = 4 * 1024 * 1024;
export const BODY_BYTES_MAX = 512 * 1024;
/** Limits on what one host names: reports in a request, accounts with places, and sessions that run. */
export const REPORTS_MAX = 500;
export const ACCOUNTS_MAX = 4096;
export const SESSIONS_MAX = 64;
export const PLACES_MAX = 10_000;
export const SEATS_MAX = 65_536;
/** Limit on a player's token or ticket; TOKEN_BYTES_MAX is never larger. */
export const BEARER_LENGTH_MAX = 14_336;
export const CLIENT_LENGTH_MAX = 128;
/** Time after which a host that says nothing more counts as dead. It speaks several times within it. */
export const HOST_MS_MAX = 30_000;

const HOST = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Calls of the store that a host reports. Each may be made again without effect. */
export const REPORT_CALLS = ['startSession', 'countPlayers', 'endSession', 'addResult', 'addEvent'] as const;
export type ReportCall = (typeof REPORT_CALLS)[number];

/** Something that has happened in a host. The store checks the input. */
export interface Report {
  readonly call: ReportCall;
  readonly input: object;
}

/** The places and sessions of a host at the moment. They replace those that the host named before. */
export interface Presence {
  readonly host: string;
  /** Number of places that each account has. */
  readonly places: ReadonlyMap<string, number>;
  /** Ids of the sessions that run. */
  readonly sessions: readonly string[];
  /** The host as a game server of a fleet; undefined if it is not one. */
  readonly server?: HostReport | undefined;
}

/** The answer to a host that says what it has. */
export interface Terms {
  readonly version: number;
  readonly admission: 'open' | 'token';
  readonly ticketMsMax: number;
  readonly accountSeatsMax: number;
  /** The rules of ENDPOINT_RULES for requests of pages. */
  readonly rules: EndpointRules;
}

/** A join of someone who is identified, with the facts about the game. */
export interface JudgeRequest {
  readonly account: Account;
  readonly kind: 'play' | 'watch' | 'return';
  readonly client: string;
  readonly game: {
    readonly id: string;
    readonly isRunning: boolean;
    readonly players: number;
    readonly seats: number;
    readonly phase: Phase | undefined;
  };
}

export interface TicketRequest {
  readonly id: string;
  readonly account: Account;
  readonly room: string;
  readonly seat: number | undefined;
}

/** Reads the terms of a service. @throws NearlightError NL_EDGE if it speaks another version, or its answer cannot be read */
export function readTerms(body: Fields): Terms {
  const { version, admission, ticketMsMax, accountSeatsMax, rules = {} } = body;
  if (version !== VERSION)
    throw new NearlightError('NL_EDGE', `it speaks version ${version}, and this host ${VERSION}`);
  const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
  if ((admission !== 'open' && admission !== 'token') || !isWhole(ticketMsMax) || !isWhole(accountSeatsMax))
    throw new NearlightError('NL_EDGE', 'its terms cannot be read');
  return { version, admission, ticketMsMax, accountSeatsMax, rules: readPageRules(rules) };
}

/** The service has other endpoints than its hosts, apart from the requests of pages. */
function readPageRules(value: unknown): EndpointRules {
  try {
    const rules = readRules(value);
    return Object.fromEntries(PLAYER_ENDPOINTS.flatMap((name) => (rules[name] ? [[name, rules[name]]] : [])));
  } catch (cause) {
    throw new NearlightError('NL_EDGE', `its rules cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Returns a code of the errors by its name; undefined if there is none. */
export function codeOf(value: unknown): ErrorCode | undefined {
  return typeof value === 'string' && Object.hasOwn(errors, value) ? (value as ErrorCode) : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads the body of a request. @throws NearlightError NL_EDGE_REQUEST */
export function parseBody(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('the body is not JSON');
  }
  return readObject('the body', value);
}

export function readPresence(body: Fields): Presence {
  const host = readHost(body);
  const places = Object.entries(readObject('places', body.places));
  const { sessions } = body;
  if (places.length > ACCOUNTS_MAX) refuse(`places has more than ${ACCOUNTS_MAX} accounts`);
  if (!Array.isArray(sessions) || sessions.length > SESSIONS_MAX)
    return refuse(`sessions is not a list of at most ${SESSIONS_MAX} ids`);
  return {
    host,
    places: new Map(
      places.map(([account, count]) => [
        readText('account', account, { max: ID_LENGTH_MAX }),
        readInteger('places', count, { max: PLACES_MAX, min: 1 }),
      ]),
    ),
    sessions: sessions.map((id) => readText('session', id, { max: ID_BYTES_MAX })),
    server: body.server === undefined ? undefined : readServer(body.server),
  };
}

function readServer(value: unknown): HostReport {
  return readHostReport(value) ?? refuse(`server is not a report of a game server: ${HOST_REPORT_BOUNDS}`);
}

export function readHost(body: Fields): string {
  return typeof body.host === 'string' && HOST.test(body.host) ? body.host : refuse('host is not the id of a host');
}

export function readBearerOf(body: Fields): string | undefined {
  return body.bearer === undefined ? undefined : readText('bearer', body.bearer, { max: BEARER_LENGTH_MAX, min: 0 });
}

export function readJudgeRequest(body: Fields): JudgeRequest {
  const { kind } = body;
  if (kind !== 'play' && kind !== 'watch' && kind !== 'return') return refuse('kind is not play, watch or return');
  const game = readObject('game', body.game);
  if (typeof game.isRunning !== 'boolean') return refuse('game.isRunning is neither true nor false');
  const phase = PHASES.find((each) => each === game.phase);
  if (game.phase !== undefined && phase === undefined) return refuse(`game.phase is none of ${PHASES.join(', ')}`);
  return {
    account: readAccount(body.account),
    kind,
    client: readText('client', body.client, { max: CLIENT_LENGTH_MAX, min: 0 }),
    game: {
      id: readText('game.id', game.id, { max: ID_BYTES_MAX, min: 0 }),
      isRunning: game.isRunning,
      players: readInteger('game.players', game.players, { max: SEATS_MAX }),
      seats: readInteger('game.seats', game.seats, { max: SEATS_MAX }),
      phase,
    },
  };
}

export function readTicketRequest(body: Fields): TicketRequest {
  return {
    id: readText('id', body.id, { max: ID_BYTES_MAX }),
    account: readAccount(body.account),
    room: readText('room', body.room, { max: ID_BYTES_MAX, min: 0 }),
    seat: body.seat === undefined ? undefined : readInteger('seat', body.seat, { max: SEATS_MAX }),
  };
}

export function readTicketText(body: Fields): string {
  return readText('text', body.text, { max: BEARER_LENGTH_MAX });
}

export function readReports(body: Fields): Report[] {
  const { reports } = body;
  if (!Array.isArray(reports) || reports.length > REPORTS_MAX)
    return refuse(`reports is not a list of at most ${REPORTS_MAX} entries`);
  return reports.map((each) => {
    const { call, input } = readObject('a report', each);
    if (!(REPORT_CALLS as readonly unknown[]).includes(call)) return refuse('a report has an unknown call');
    return { call: call as ReportCall, input: readObject('the input of a report', input) };
  });
}

/** Reads the query of a request that puts a saved state. */
export function readSaveQuery(query: URLSearchParams): { game: string; savedAt: number } {
  const savedAt = query.get('savedAt');
  return {
    game: readText('game', query.get('game'), { max: ID_BYTES_MAX }),
    savedAt: readInteger('savedAt', savedAt ? Number(savedAt) : undefined, { max: TIME_MAX }),
  };
}

/** Returns the id in the path of a saved state. */
export function readSaveId(path: string): string {
  let id = '';
  try {
    id = decodeURIComponent(path.slice(SAVES.length));
  } catch {
    refuse('the id in the path cannot be decoded');
  }
  return readText('id', id, { max: ID_BYTES_MAX });
}

function readAccount(value: unknown): Account {
  const { id, role } = readObject('account', value);
  return {
    id: readText('account.id', id, { max: ID_LENGTH_MAX, min: 0 }),
    role: readText('account.role', role, { max: ROLE_LENGTH_MAX, min: 0 }),
  };
}

function readObject(name: string, value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : refuse(`${name} is not an object`);
}

function readText(name: string, value: unknown, { max, min = 1 }: { max: number; min?: number }): string {
  return typeof value === 'string' && value.length >= min && value.length <= max
    ? value
    : refuse(`${name} is not a text of ${min} to ${max} characters`);
}

function readInteger(name: string, value: unknown, { max, min = 0 }: { max: number; min?: number }): number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
    ? (value as number)
    : refuse(`${name} is not a whole number from ${min} to ${max}`);
}

function refuse(detail: string): never {
  throw new NearlightError('NL_EDGE_REQUEST', detail);
}
