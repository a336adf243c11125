import { randomBytes } from 'node:crypto';
import type { PlayerEndpoint } from '../base/dependencies.ts';
import { NearlightError } from '../base/errors.ts';
import type { Pass } from '../base/pass.ts';
import type { Admission } from './admission.ts';
import { type FleetEntrance, type Gate, OPEN_GATE, type RoomPlace, type Tickets } from './gate.ts';
import type { Player, ViewRequest } from './player.ts';
import type { Queue } from './queue.ts';
import type { Arrival, Returns, Stay } from './returns.ts';

/**
 * Makes requests of pages within the limits that an operator has set. Players who return to a match have no such limits.
 * @throws NearlightError NL_OFFER_RATE, or what `work` throws
 */
export type Limit = <T>(endpoint: PlayerEndpoint, work: () => Promise<T>) => Promise<T>;

/** The parts of a server that give places in rooms. */
export interface Places {
  readonly options: {
    admit(request: ViewRequest): Promise<() => Player>;
    watch?(request: ViewRequest): Promise<() => Player>;
    gate?: Gate | undefined;
    limit?: Limit | undefined;
  };
  readonly admission: Admission;
  readonly returns: Returns;
  readonly queue: Pick<Queue, 'isWaitedFor'>;
}

/** Someone who comes to play or to watch. */
export interface Comer {
  readonly client: string;
  /** The token or join ticket that came with the request. */
  readonly bearer: string | undefined;
  readonly view: ViewRequest;
  readonly watches: boolean;
}

/** The right to a place, before the page has connected. */
export interface Entry {
  readonly pass: Pass;
  /** Gives the page its place. @throws NearlightError with the reason for the page */
  take(arrival: Arrival): Player;
  /** Gives up a place that is kept for the page, which has not taken it. */
  cancel(): void;
}

/** A join ticket, as the answer to a page has it. */
export interface JoinTicket extends RoomPlace {
  readonly ticket: string;
  /** For how many milliseconds the ticket is valid. */
  readonly validMs: number;
}

/**
 * Lets someone in who is new here, through the steps of the gate. A token is exchanged for a join ticket, which is redeemed at once;
 * a ticket that comes with the request is redeemed alone. Where a fleet gives away the seats, players need its tickets.
 * @throws NearlightError with the reason for the page
 */
export function enter(places: Places, comer: Comer): Promise<Entry> {
  return limited(places, 'join', () => enterNow(places, comer));
}

async function enterNow(places: Places, comer: Comer): Promise<Entry> {
  const { tickets, fleet } = gateOf(places);
  if (fleet && !comer.watches) return enterByFleet(places, fleet, comer);
  if (!tickets) return enterFreely(places, comer);
  if (comer.bearer !== undefined && tickets.isTicket(comer.bearer))
    return redeem(places, tickets, { ...comer, bearer: comer.bearer });
  const { ticket } = await exchange(places, tickets, comer);
  return redeem(places, tickets, { ...comer, bearer: ticket });
}

/** Lets a player come back to a seat, unless the rules of the game refuse. @throws NearlightError NL_POLICY */
export async function comeBack(places: Places, client: string, stay: Stay): Promise<Pass> {
  const { pass } = stay.arrival.ticket;
  await gateOf(places).judge(pass, { kind: 'return', client, game: stay.player.game });
  return pass;
}

/** Gives a join ticket for a token. @throws NearlightError with the reason for the page, NL_NOT_FOUND if anyone may join */
export function issueTicket(places: Places, comer: Comer): Promise<JoinTicket> {
  const { tickets } = gateOf(places);
  if (!tickets) throw new NearlightError('NL_NOT_FOUND', 'anyone may join here, without a ticket');
  return limited(places, 'ticket', () => exchange(places, tickets, comer));
}

/** Makes a request within the operator's limits, if there are any. @throws NearlightError NL_OFFER_RATE, or what `work` throws */
export function limited<T>(
  { options }: { options: Pick<Places['options'], 'limit'> },
  endpoint: PlayerEndpoint,
  work: () => Promise<T>,
): Promise<T> {
  return options.limit ? options.limit(endpoint, work) : work();
}

/** Keeps a seat for a page, which takes it as a player who returns with `token`. @throws NearlightError NL_ADDRESS_FULL and others */
export function keepSeat(
  { admission, returns }: Pick<Places, 'admission' | 'returns'>,
  holder: { client: string; pass: Pass } & ({ token: string } | { digest: string; origin?: string | undefined }),
  { take, holdMs, onEnd }: { take: () => Player; holdMs: number; onEnd?: Arrival['onEnd'] },
): { id: string; player: Player } {
  const ticket = admission.open(holder.client, () => {}, holder.pass);
  try {
    ticket.seat();
    const id = randomBytes(16).toString('base64url');
    const player = take();
    const proof = 'token' in holder ? holder : { token: undefined, digest: holder.digest, origin: holder.origin };
    returns.reserve(player, { ...proof, id, ticket, close: () => {}, ...(onEnd ? { onEnd } : {}) }, holdMs);
    return { id, player };
  } catch (error) {
    ticket.close();
    throw error;
  }
}

async function enterFreely(places: Places, { client, view, watches }: Comer): Promise<Entry> {
  const gate = gateOf(places);
  const pass = await gate.identify(undefined);
  await gate.judge(pass, { kind: watches ? 'watch' : 'play', client, game: view.game });
  const take = await gate.measure('seat', () => findPlace(places, view, watches));
  return { pass, take: (arrival) => seat(places, arrival, take), cancel() {} };
}

async function enterByFleet(places: Places, fleet: FleetEntrance, { client, view, bearer }: Comer): Promise<Entry> {
  const gate = gateOf(places);
  const { pass, arrive } = await fleet.redeem(bearer);
  await gate.judge(pass, { kind: 'play', client, game: view.game });
  const take = await gate.measure('seat', () => findPlace(places, view, false));
  return {
    pass,
    take(arrival) {
      const player = seat(places, arrival, take);
      arrive();
      return player;
    },
    cancel() {},
  };
}

async function exchange(
  places: Places,
  tickets: Tickets,
  { client, bearer, view, watches }: Comer,
): Promise<JoinTicket> {
  const gate = gateOf(places);
  if (gate.fleet && !watches) throw gate.fleet.missing();
  const pass = await gate.identify(bearer);
  const room = await gate.judge(pass, { kind: watches ? 'watch' : 'play', client, game: view.game });
  const id = tickets.createId();
  const place = await gate.measure('seat', async () => {
    const take = await findPlace(places, view, watches);
    if (watches) return { room, seat: undefined };
    const { player } = keepSeat(places, { client, pass, token: id }, { take, holdMs: tickets.msMax });
    return { room: player.game, seat: player.seat };
  });
  const { text } = await tickets.issue(id, pass, place);
  return { ...place, ticket: text, validMs: tickets.msMax };
}

async function redeem(places: Places, tickets: Tickets, comer: Comer & { bearer: string }): Promise<Entry> {
  const { view, watches } = comer;
  const { returns } = places;
  const { id, room, seat: number, pass } = await tickets.redeem(comer.bearer);
  // The page may leave out the game that its ticket is for, but not name another one.
  const isForThis = (view.game === undefined || view.game === room) && watches === (number === undefined);
  if (!isForThis) throw tickets.refuse('ticket-invalid');
  if (watches) {
    const take = await findPlace(places, { ...view, game: room }, true);
    return { pass, take: (arrival) => seat(places, arrival, take), cancel() {} };
  }
  const isKept = () => {
    const player = returns.find([id])?.player;
    return player?.game === room && player.seat === number;
  };
  if (!isKept()) throw tickets.refuse('ticket-seat');
  return {
    pass,
    take: (arrival) => returns.take(returns.find([id]), arrival, view),
    cancel: () => returns.cancel(id),
  };
}

/** @throws NearlightError NL_ROOM_FULL, and as `admit` and `watch` */
export async function findPlace(
  { options, queue }: Pick<Places, 'options' | 'queue'>,
  view: ViewRequest,
  watches: boolean,
): Promise<() => Player> {
  if (watches && !options.watch) throw new NearlightError('NL_SPECTATORS', 'no one can watch this game');
  if (watches && options.watch) return options.watch(view);
  if (queue.isWaitedFor(view)) throw new NearlightError('NL_ROOM_FULL', 'other players wait for the next free seat');
  return options.admit(view);
}

function seat({ returns }: Pick<Places, 'returns'>, arrival: Arrival, take: () => Player): Player {
  arrival.ticket.seat();
  const player = take();
  returns.add(player, arrival);
  return player;
}

function gateOf({ options }: Pick<Places, 'options'>): Gate {
  return options.gate ?? OPEN_GATE;
}
