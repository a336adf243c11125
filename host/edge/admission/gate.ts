import type { Phase } from '../../base/bus.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import type { Config } from '../../base/config.ts';
import { NearlightError } from '../../base/errors.ts';
import type { JoinStep } from '../../base/join-steps.ts';
import type { Log } from '../../base/log.ts';
import { type Account, ANYONE, NO_ACCOUNT, type Pass } from '../../base/pass.ts';
import { currentSpan, traced } from '../../base/trace-context.ts';
import type { Meters } from '../../observe/meters.ts';
import type { Gate, Join, Tickets } from '../../stream/gate.ts';
import { createDependencies, type Dependencies } from '../dependencies/dependencies.ts';
import type { PolicyInput } from '../policy/decide.ts';
import { openPolicies, type Policies } from '../policy/policies.ts';
import { AccountLimits } from './accounts.ts';
import { IssuerKeys, type KeyStore } from './keys.ts';
import { admissionMode } from './mode.ts';
import { REASONS, type Reason, Refusal } from './reasons.ts';
import { RefusalLog } from './refusal-log.ts';
import type { JoinRisk } from './risk.ts';
import { JoinTickets } from './ticket.ts';
import { MemoryTicketStore, type TicketStore } from './ticket-store.ts';
import { TokenVerifier } from './token.ts';

/** Facts about a game, for the policies. */
export interface GameFacts {
  /** Name of the game's room. */
  readonly id: string;
  readonly isRunning: boolean;
  /** Number of the seats that are taken, and of all. */
  readonly players: number;
  readonly seats: number;
  /** Phase of the match, as the module has set it. */
  readonly phase?: Phase | undefined;
}

export interface GateOptions {
  config: Config;
  log: Log;
  meters: Pick<Meters, 'countJoinStep' | 'joinSteps' | 'dependencies' | 'endpoints'>;
  /** The issuer and the OPA server. By default the gate has its own. */
  dependencies?: Pick<Dependencies, 'issuer' | 'opa'>;
  /** Returns the facts about a game; without a name, about the host's first one. */
  game(name?: string): GameFacts;
  /** Remembers the tickets that were used. By default it does so for as long as this process lives. */
  tickets?: TicketStore;
  /** Keeps the issuer's keys. By default they end with this process. */
  keys?: KeyStore;
  /** Rules that are asked after the policies. By default there are none. */
  risk?: JoinRisk;
  clock?: Pick<Clock, 'now'>;
  /** Milliseconds since 1970. */
  now?(): number;
  /** Take the place of fetch() towards the issuer and the OPA server. */
  fetches?: { issuer?: typeof globalThis.fetch; opa?: typeof globalThis.fetch };
}

/** A gate that may have files open. */
export type OpenedGate = Gate & {
  /** @param join with the facts about a game of another process */
  judge(pass: Pass, join: Join & { readonly facts?: GameFacts }): Promise<string>;
  close(): Promise<void>;
};

/**
 * Opens the gate through which players join, as the setting ADMISSION says.
 * @throws NearlightError NL_SETTING as admissionMode, or if the policies cannot be used
 */
export async function openGate(options: GateOptions): Promise<OpenedGate> {
  const { config, log, clock = systemClock, now = Date.now, fetches = {} } = options;
  const steps = new JoinSteps(options.meters, new RefusalLog(log, clock));
  if (admissionMode(config) === 'open') return new AnyoneGate(steps);
  // Hosts that let anyone join do without this package.
  const jose = await import('jose');
  const { issuer, opa } = options.dependencies ?? createDependencies({ config, log, meters: options.meters });
  const policies = await openPolicies(config, { log, opa, clock, fetch: fetches.opa });
  const keys = new IssuerKeys(config, {
    clock,
    log,
    now,
    dependency: issuer,
    store: options.keys,
    fetch: fetches.issuer,
  });
  void keys.warm();
  const { tickets: store = new MemoryTicketStore(now) } = options;
  return new TokenGate({
    steps,
    policies,
    verifier: new TokenVerifier(config, { jose, keys, now }),
    tickets: new JoinTickets({ jose, store, msMax: config.ticketMsMax, now }),
    ticketMsMax: config.ticketMsMax,
    limits: new AccountLimits(config, clock),
    game: (name) => options.game(name),
    risk: options.risk,
    now,
  });
}

/** Times and counts the steps of joins, and logs why they refuse. */
export class JoinSteps {
  readonly #meters: GateOptions['meters'];
  readonly #refusals: RefusalLog;

  constructor(meters: GateOptions['meters'], refusals: RefusalLog) {
    this.#meters = meters;
    this.#refusals = refusals;
    for (const [reason, { step }] of Object.entries(REASONS)) meters.countJoinStep(step, reason, 0);
  }

  async measure<T>(step: JoinStep, work: () => T | Promise<T>): Promise<T> {
    const begun = performance.now();
    try {
      const value = await traced(step, work);
      this.#meters.countJoinStep(step, 'ok');
      return value;
    } catch (error) {
      this.#note(step, error);
      throw error;
    } finally {
      this.#meters.joinSteps[step].add(performance.now() - begun);
    }
  }

  #note(step: JoinStep, error: unknown): void {
    if (!(error instanceof NearlightError)) return;
    const reason = error instanceof Refusal ? error.reason : error.code;
    currentSpan().set('nearlight.reason', reason);
    this.#meters.countJoinStep(error instanceof Refusal ? error.step : step, reason);
    // The other errors belong to the stages that throw them, which say when they are worth a line.
    if (error instanceof Refusal) this.#refusals.note(reason, error.code, error.cause);
  }
}

/** The gate of a host that anyone may join. */
class AnyoneGate implements OpenedGate {
  readonly #steps: JoinSteps;

  constructor(steps: JoinSteps) {
    this.#steps = steps;
  }

  measure<T>(step: JoinStep, work: () => T | Promise<T>): Promise<T> {
    return this.#steps.measure(step, work);
  }

  async identify(): Promise<Pass> {
    return ANYONE;
  }

  passOf(): Pass {
    return ANYONE;
  }

  async judge(_pass: Pass, { game = '' }: Join): Promise<string> {
    return game;
  }

  async close(): Promise<void> {}
}

/** The pass of a player with an account. */
class AccountPass implements Pass {
  readonly account: Account;
  readonly #limits: AccountLimits;

  constructor(account: Account, limits: AccountLimits) {
    this.account = account;
    this.#limits = limits;
  }

  check(): void {
    this.#limits.check(this.account.id);
  }

  take(): void {
    this.#limits.take(this.account.id);
  }

  free(): void {
    this.#limits.free(this.account.id);
  }
}

interface TokenGateParts {
  steps: JoinSteps;
  policies: Policies;
  verifier: TokenVerifier;
  tickets: JoinTickets;
  ticketMsMax: number;
  limits: AccountLimits;
  game: GateOptions['game'];
  risk: JoinRisk | undefined;
  now(): number;
}

/** The gate of a host that players with tokens may join. */
class TokenGate implements OpenedGate {
  readonly tickets: Tickets;
  readonly #parts: TokenGateParts;

  constructor(parts: TokenGateParts) {
    this.#parts = parts;
    const { steps, tickets, limits, ticketMsMax } = parts;
    this.tickets = {
      msMax: ticketMsMax,
      isTicket: (bearer) => bearer !== undefined && tickets.isTicket(bearer),
      createId: () => tickets.createId(),
      issue: (id, pass, place) => tickets.issue(id, { account: pass.account ?? NO_ACCOUNT, ...place }),
      redeem: (text) =>
        steps.measure('ticket', async () => {
          const { account, ...place } = await tickets.redeem(text);
          return { ...place, pass: new AccountPass(account, limits) };
        }),
      refuse: (reason) => new Refusal(reason),
    };
  }

  measure<T>(step: JoinStep, work: () => T | Promise<T>): Promise<T> {
    return this.#parts.steps.measure(step, work);
  }

  async identify(bearer: string | undefined): Promise<Pass> {
    const { steps, verifier, limits } = this.#parts;
    const account = await steps.measure('token', () => {
      if (bearer === undefined) throw new Refusal('token-missing');
      return verifier.verify(bearer);
    });
    await steps.measure('account', () => limits.countJoin(account.id));
    return new AccountPass(account, limits);
  }

  passOf(account: Account | undefined): Pass {
    if (!account) throw new Refusal('token-missing');
    return new AccountPass(account, this.#parts.limits);
  }

  async judge(pass: Pass, join: Join & { readonly facts?: GameFacts }): Promise<string> {
    const { steps, risk, game, now } = this.#parts;
    const { facts = game(join.game) } = join;
    if (join.kind === 'play' && facts.players >= facts.seats)
      await steps.measure('seat', () => Promise.reject(new Refusal('room-full')));
    const input = inputOf(pass.account ?? NO_ACCOUNT, join, facts);
    await steps.measure('policy', () => this.#askPolicy(input));
    if (risk && join.kind !== 'return')
      await steps.measure('risk', () => assess(risk, { ...input, client: join.client, at: now(), seats: facts.seats }));
    return facts.id;
  }

  close(): Promise<void> {
    return this.#parts.policies.close();
  }

  async #askPolicy(input: PolicyInput): Promise<void> {
    const name = input.action === 'join' ? 'gaming' : 'game';
    const verdict = await this.#parts.policies.decide(name, input);
    if (verdict === 'denied') throw new Refusal(name === 'gaming' ? 'policy-join' : 'policy-render');
    // The match comes first: a player who is in it goes on, whatever has failed.
    if (verdict === 'closed' && input.action !== 'return') throw new Refusal('policy-down');
  }
}

async function assess(risk: JoinRisk, input: Parameters<JoinRisk['assess']>[0]): Promise<void> {
  let reason: Reason = 'risk-failed';
  let cause: unknown;
  try {
    const verdict = await risk.assess(input);
    if (verdict.allowed) return;
    reason = 'risk';
    cause = new Error(`rule ${verdict.rule}`);
  } catch (error) {
    if (risk.failsOpen) return;
    cause = error;
  }
  throw new Refusal(reason, { cause });
}

/**
 * Returns the document that the policies get. For those who join, the status is the phase of the match. A game that sets none lets
 * players come at any time while it runs, so it waits for them. For those who get its pictures, it is active as long as it runs.
 */
function inputOf(user: Account, { kind }: Join, { id, isRunning, players, phase = 'waiting' }: GameFacts): PolicyInput {
  const action = kind === 'play' ? 'join' : kind;
  const status = kind === 'play' ? phase : isRunning ? 'active' : 'ended';
  return { action, user, game: { id, status, player_count: players } };
}
