import { NearlightError } from '../../base/errors.ts';
import type { JoinStep } from '../../base/join-steps.ts';
import { type Account, ANYONE, NO_ACCOUNT, type Pass } from '../../base/pass.ts';
import type { Gate, Join, RoomPlace, Tickets } from '../../stream/gate.ts';
import type { GameFacts, JoinSteps } from '../admission/gate.ts';
import { Refusal } from '../admission/reasons.ts';
import { createTicketId, isTicket } from '../admission/ticket.ts';
import type { EdgeLink } from './link.ts';
import { BEARER_LENGTH_MAX } from './protocol.ts';

export interface RemoteGateOptions {
  link: Pick<EdgeLink, 'call' | 'count' | 'terms'>;
  steps: Pick<JoinSteps, 'measure'>;
  /** Returns the facts about a game; without a name, about the host's first one. */
  game(name?: string): GameFacts;
}

/** The pass of a player whom the edge service has identified. */
class RemotePass implements Pass {
  readonly account: Account;
  readonly #link: RemoteGateOptions['link'];

  constructor(account: Account, link: RemoteGateOptions['link']) {
    this.account = account;
    this.#link = link;
  }

  /** The service counts the places of all hosts when it identifies someone; this host knows its own at any time. */
  check(): void {
    const { accountSeatsMax = Number.POSITIVE_INFINITY } = this.#link.terms ?? {};
    if (this.#link.count(this.account.id, 0) >= accountSeatsMax) throw new Refusal('account-seats');
  }

  take(): void {
    this.#link.count(this.account.id, 1);
  }

  free(): void {
    this.#link.count(this.account.id, -1);
  }
}

/**
 * Has the edge service of the node decide who may join. While it does not answer, new players are refused with `edge-down`, and returning
 * ones come in. Where the service lets anyone in, it is not asked.
 */
export class RemoteGate implements Gate {
  readonly #options: RemoteGateOptions;
  readonly #tickets: Tickets;

  constructor(options: RemoteGateOptions) {
    this.#options = options;
    const { link } = options;
    this.#tickets = {
      get msMax() {
        return link.terms?.ticketMsMax ?? 0;
      },
      isTicket: (bearer) => bearer !== undefined && isTicket(bearer),
      createId: createTicketId,
      issue: (id, pass, place) => this.#issue(id, pass, place),
      redeem: (text) => this.#redeem(text),
      refuse: (reason) => new Refusal(reason),
    };
  }

  get tickets(): Tickets | undefined {
    return this.#isOpen ? undefined : this.#tickets;
  }

  measure<T>(step: JoinStep, work: () => T | Promise<T>): Promise<T> {
    return this.#options.steps.measure(step, work);
  }

  async identify(bearer: string | undefined): Promise<Pass> {
    const { link } = this.#options;
    if (this.#isOpen) return ANYONE;
    if (bearer !== undefined && bearer.length > BEARER_LENGTH_MAX) throw new Refusal('token-too-long');
    const { account } = await this.#ask('identify', bearer === undefined ? {} : { bearer });
    return new RemotePass(readAccount(account), link);
  }

  /** While the service has not said who may join, a player without an account is one whom it let in without one. */
  passOf(account: Account | undefined): Pass {
    const { link } = this.#options;
    if (account && !this.#isOpen) return new RemotePass(account, link);
    if (link.terms?.admission === 'token') throw new Refusal('token-missing');
    return ANYONE;
  }

  async judge(pass: Pass, { kind, client, game }: Join): Promise<string> {
    const facts = this.#options.game(game);
    if (this.#isOpen) return facts.id;
    const { id, isRunning, players, seats, phase } = facts;
    const account = pass.account ?? NO_ACCOUNT;
    try {
      await this.#ask('judge', { account, kind, client, game: { id, isRunning, players, seats, phase } });
    } catch (error) {
      // The match comes first: a player who is in it goes on, whatever has failed.
      const isDown = error instanceof Refusal && error.reason === 'edge-down';
      if (!isDown || kind !== 'return') throw error;
    }
    return id;
  }

  async close(): Promise<void> {}

  get #isOpen(): boolean {
    return this.#options.link.terms?.admission === 'open';
  }

  async #issue(id: string, pass: Pass, { room, seat }: RoomPlace): Promise<{ text: string; expiresAt: number }> {
    const account = pass.account ?? NO_ACCOUNT;
    const place = { room, ...(seat === undefined ? {} : { seat }) };
    const { text, expiresAt } = await this.#ask('ticket', { id, account, ...place });
    if (typeof text !== 'string' || typeof expiresAt !== 'number') throw unreadable();
    return { text, expiresAt };
  }

  async #redeem(ticket: string): Promise<RoomPlace & { id: string; pass: Pass }> {
    if (ticket.length > BEARER_LENGTH_MAX) throw new Refusal('ticket-invalid');
    const { id, room, seat, account } = await this.#ask('redeem', { text: ticket });
    const isSeat = seat === undefined || Number.isSafeInteger(seat);
    if (typeof id !== 'string' || typeof room !== 'string' || !isSeat) throw unreadable();
    return {
      id,
      room,
      seat: seat as number | undefined,
      pass: new RemotePass(readAccount(account), this.#options.link),
    };
  }

  /** Asks the service. Its refusals are counted there, so only its silence is counted here. */
  async #ask(name: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const { link, steps } = this.#options;
    try {
      return await link.call(name, body);
    } catch (error) {
      if (error instanceof Refusal && error.reason === 'edge-down')
        await steps.measure(error.step, () => Promise.reject(error));
      throw error;
    }
  }
}

function readAccount(value: unknown): Account {
  const { id, role } = (value ?? {}) as { id?: unknown; role?: unknown };
  if (typeof id !== 'string' || typeof role !== 'string') throw unreadable();
  return { id, role };
}

function unreadable(): NearlightError {
  return new NearlightError('NL_EDGE', 'its answer cannot be read; try again');
}
