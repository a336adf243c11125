import { randomBytes } from 'node:crypto';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { About } from '../base/log.ts';
import type { Pass } from '../base/pass.ts';
import { HEADER_HOLD, HEADER_PAGE, HEADER_RETURN, type Notice, QUERY_WATCH } from '../base/protocol.ts';
import type { Meters } from '../observe/meters.ts';
import type { Admission, Ticket } from './admission.ts';
import type { Carries } from './carries.ts';
import type { ConnectionOptions, PageConnection } from './connection.ts';
import { comeBack, type Entry, enter, keepSeat, type Places } from './entrance.ts';
import { OPEN_GATE, readBearer } from './gate.ts';
import type { Call } from './http.ts';
import { traceConnecting } from './join-trace.ts';
import { NO_H264, type Offer } from './offer.ts';
import type { Player, ViewRequest } from './player.ts';
import type { Place, Queue } from './queue.ts';
import { checkProtocol, readView } from './request.ts';
import { type Arrival, createToken, type Returns, readPage, readTokens, type Stay } from './returns.ts';

/** A page whose turn in the queue has come has this time to take its seat. */
const CLAIM_MS = 10_000;

/** Tells a page that another one has taken its seat. */
const ELSEWHERE = {
  kind: 'ended',
  code: 'NL_SEAT_IN_USE',
  message: 'you play in another tab or window, from which this one can take the seat',
  retry: false,
} as const satisfies Notice;

/** The part of a server that decides which pages get a connection and a seat. */
export interface Reception extends Places {
  readonly options: Places['options'] & {
    config: Config;
    log: Record<'debug' | 'warn', (message: string) => void> & { info(message: string, about?: About): void };
    defaultView: ViewRequest;
    meters: Meters;
    /** Resolves when all seats that wait for players are known. No page gets a seat before. */
    ready?: Promise<void> | undefined;
  };
  readonly connections: Map<string, PageConnection>;
  readonly admission: Admission;
  readonly returns: Returns;
  readonly queue: Queue;
  readonly closing: boolean;
  /** Whether no new players are taken. */
  readonly draining: boolean;
  /** Whether those who play were sent to another server, so that none of them may come back. */
  readonly leaving: boolean;
  /** Takes players whom another server sends; undefined if there are none. */
  readonly carries: Pick<Carries, 'take'> | undefined;
}

/** A page that may connect, before its connection exists. */
export interface Arriving<T> {
  id: string;
  client: string;
  /** The token with which the page can return to its seat; undefined if it cannot return. */
  token: string | undefined;
  /** The id of the page; undefined if it has sent none. */
  page: string | undefined;
  /** The token that the page has presented, if it belongs to a seat. */
  valid: string | undefined;
  offer: T;
  /** The gate's knowledge of the player. */
  pass: Pass;
  /** Takes a seat for the page, which has connected. @throws NearlightError with the reason for the page */
  seat(arrival: Arrival): Player;
  /** Gives up the seat that is kept for the page, which does not connect. */
  cancel(): void;
}

/** Checks a page's request for a connection, whose body `readBody` reads. @throws NearlightError with the reason for the page */
export async function arrive<T extends Pick<Offer, 'watches' | 'codec'> & { carry?: string | undefined }>(
  reception: Reception,
  { request, response, url, client }: Call,
  readBody: () => Promise<T>,
): Promise<Arriving<T>> {
  const { config, watch, defaultView, gate = OPEN_GATE, ready } = reception.options;
  await ready;
  const tokens = readTokens(request.headers[HEADER_RETURN]);
  const page = readPage(request.headers[HEADER_PAGE]);
  const findValid = () => tokens?.find((token) => reception.returns.find([token], page.takes) !== undefined);
  let valid = findValid();
  await gate.measure('address', () => reception.admission.countOffer(client, valid !== undefined));
  checkProtocol(url.searchParams);
  const view = readView(url.searchParams, config, defaultView);
  const offer = await readBody();
  checkOpen(reception);
  const watches = offer.watches || url.searchParams.has(QUERY_WATCH);
  if (valid === undefined && offer.carry !== undefined && !watches) {
    // If no seat is free, the page asks again, and another server behind this address may have one.
    response.setHeader('connection', 'close');
    await takeCarried(reception, offer.carry);
    checkOpen(reception);
    valid = findValid();
  }
  const stay = valid === undefined ? undefined : reception.returns.find([valid], page.takes);
  if (stay && (await reception.returns.isPlayedElsewhere(stay, page)))
    throw new NearlightError('NL_SEAT_IN_USE', ELSEWHERE.message);
  checkOpen(reception);
  if (watches && offer.codec !== 'h264') throw new NearlightError('NL_OFFER', NO_H264);
  if (watches && !watch) throw new NearlightError('NL_SPECTATORS', 'no one can watch this game');
  const bearer = readBearer(request.headers.authorization);
  // The holder of a join ticket has a seat here already.
  if (!stay && !gate.tickets?.isTicket(bearer)) checkJoinable(reception);
  const returns = async (seat: Stay): Promise<Entry> => ({
    pass: await comeBack(reception, client, seat),
    take: (arrival) => reception.returns.take(reception.returns.find(tokens, page.takes), arrival, view),
    cancel() {},
  });
  const entry = await (stay ? returns(stay) : enter(reception, { client, bearer, view, watches }));
  try {
    checkOpen(reception);
  } catch (error) {
    entry.cancel();
    throw error;
  }
  return {
    id: randomBytes(16).toString('base64url'),
    client,
    token: tokens && createToken(),
    page: page.id,
    valid,
    offer,
    pass: entry.pass,
    seat: (arrival) => entry.take(arrival),
    cancel: () => entry.cancel(),
  };
}

/** Closes a connection if its page goes away before it has read the answer. */
export function closeWith(response: ServerResponse, connection: PageConnection): void {
  if (response.destroyed) connection.close('page');
  response.once('close', () => {
    if (!response.writableFinished) connection.close('page');
  });
}

/** Begins the answer to a page whose request for a connection was accepted. */
export function accept(
  { options }: Reception,
  response: ServerResponse,
  { token, valid }: Pick<Arriving<unknown>, 'token' | 'valid'>,
  headers: OutgoingHttpHeaders,
): ServerResponse {
  const tokens = [token, valid].filter((each) => each !== undefined).join(',');
  return response.writeHead(201, {
    ...headers,
    'cache-control': 'no-store',
    ...(token === undefined ? {} : { [HEADER_RETURN]: tokens, [HEADER_HOLD]: options.config.returnMsMax }),
  });
}

/** Keeps a seat for a page whose turn in the queue has come. The page takes it as a player who returns. */
export function keepTurn(places: Pick<Places, 'admission' | 'returns'>, place: Place, take: () => Player): void {
  keepSeat(places, place, { take, holdMs: CLAIM_MS });
}

export function checkOpen(reception: Reception): void {
  if (reception.closing) throw new NearlightError('NL_SHUTDOWN', 'try again in a moment');
  if (reception.leaving) throw draining();
}

/** @throws NearlightError NL_DRAINING if no new players are taken */
export function checkJoinable(reception: Pick<Reception, 'draining'>): void {
  if (reception.draining) throw draining();
}

/** Returns the refusal for new players of a server that is to end. */
export function draining(): NearlightError {
  return new NearlightError('NL_DRAINING', 'it is being updated; try again, and another server takes you');
}

/** Keeps a seat for a player whom another server has sent. @throws NearlightError as Carries.take, NL_DRAINING */
async function takeCarried(reception: Reception, ticket: string): Promise<void> {
  checkJoinable(reception);
  if (!reception.carries) throw new NearlightError('NL_CARRY', 'this server has no CARRY_KEY');
  await reception.carries.take(ticket);
}

export function open<C extends PageConnection>(
  reception: Reception,
  { id, token, page, client, pass, seat, cancel }: Omit<Arriving<unknown>, 'offer' | 'valid'>,
  create: (options: ConnectionOptions) => C,
): C {
  const { admission, returns, options } = reception;
  const { config, log, meters } = options;
  let connection: C | undefined;
  let player: Player | undefined;
  let ticket: Ticket | undefined;
  const endTrace = traceConnecting();
  try {
    const opened = admission.open(client, () => connection?.close('displaced'), pass);
    ticket = opened;
    connection = create({
      meters,
      config,
      seat: () => {
        player = seat({
          id,
          token,
          page,
          ticket: opened,
          isAlive: async () => (await connection?.isAlive()) ?? false,
          close: (reason) => connection?.close(reason),
          giveWay: () => void connection?.finish(ELSEWHERE, 'replaced'),
        });
        return player;
      },
      warn: (message) => log.warn(message),
      onConnected: () => {
        endTrace();
        meters.sessions++;
        meters.sessionsJoined++;
      },
      onTier: (tier, tookMs) => returns.move(id, tier, tookMs),
      onClosed: (reason) => {
        endTrace(reason);
        if (player) meters.sessions--;
        meters.sessionsEnded[reason]++;
        if (reason === 'rate' || reason === 'input') admission.dismiss(client, pass);
        reception.connections.delete(id);
        if (!returns.lose(id, reason, connection?.silentMs)) opened.close();
        if (!player) cancel();
        // Connections that never got a seat are only counted, because strangers could fill the log with them.
        if (player) log.info(`the connection of seat ${player.seat} closed: ${reason}`, { player: player.seat });
      },
    });
    reception.connections.set(id, connection);
    return connection;
  } catch (error) {
    ticket?.close();
    cancel();
    throw error;
  }
}
