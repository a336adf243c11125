import { OCCASION_JOIN, OCCASION_PLAY } from '../../../renderer/contract/rule.ts';
import type { Clock } from '../../base/clock.ts';
import { FactsWriter, type FactsWriterOptions, type PersonFacts, type PlayFacts } from './facts.ts';
import { type Joiner, JoinHistory } from './history.ts';
import type { Decision, Rule } from './rule.ts';

/** The result of all rules together about a player. */
export interface RiskResult {
  allow: boolean;
  /** RISK_OK, or RULE.REASON of the rule that refused or flagged: the first in the operator's order. */
  code: string;
  /** The highest score of a rule, from 0 to 1. */
  score: number;
  /** RULE.REASON of each rule that flagged. */
  flags: readonly string[];
}

export interface RiskRulesOptions extends FactsWriterOptions {
  /** The rules in the operator's order. */
  rules: readonly Rule[];
  clock: Clock;
  /** Takes each decision, for metrics. */
  onDecision?(decision: NamedDecision): void;
}

/** A decision with the name of its rule. */
export interface NamedDecision extends Decision {
  rule: string;
}

/** The code of a result that no rule has something to say about. */
export const RISK_OK = 'ok';

/** The rules of a node. All rules for an occasion decide at the same time, each in its own process. */
export class RiskRules {
  readonly rules: readonly Rule[];
  readonly #history: JoinHistory;
  readonly #facts: FactsWriter;
  readonly #options: RiskRulesOptions;

  constructor(options: RiskRulesOptions) {
    this.rules = options.rules;
    this.#history = new JoinHistory(options.clock);
    this.#facts = new FactsWriter(options);
    this.#options = options;
  }

  /** Decides whether someone may join, and remembers the join for later decisions. Never rejects. */
  async atJoin(person: PersonFacts): Promise<RiskResult> {
    // Before the first await, so that of many joins at once each sees those before it.
    const counts = this.#history.take(person);
    const decisions = await this.#ask(OCCASION_JOIN, () => this.#facts.join(person, counts));
    // A rule that fails says nothing about the address.
    if (decisions.some(isRefusal)) this.#history.noteRefusal(person.address);
    return summarize(decisions);
  }

  /** Decides whether a player may go on. Never rejects. A rule that fails ends no session, whatever the operator has declared. */
  async duringPlay(player: PlayFacts): Promise<RiskResult> {
    const decisions = await this.#ask(OCCASION_PLAY, () => this.#facts.play(player));
    return summarize(decisions.filter(({ failure }) => failure === undefined));
  }

  /** Whether a rule decides during play. */
  get watchesPlay(): boolean {
    return this.rules.some(({ version }) => (version.occasions & OCCASION_PLAY) !== 0);
  }

  /** Notes a join that was refused for a reason that rules have nothing to do with, such as a bad token. */
  noteRefusal({ address }: Pick<Joiner, 'address'>): void {
    this.#history.noteRefusal(address);
  }

  async close(): Promise<void> {
    await Promise.all(this.rules.map((rule) => rule.close()));
  }

  async #ask(occasion: number, write: () => Uint8Array): Promise<NamedDecision[]> {
    const asked = this.rules.filter(({ version }) => (version.occasions & occasion) !== 0);
    if (asked.length === 0) return [];
    const facts = write();
    const ask = async (rule: Rule) => ({ ...(await rule.decide(facts)), rule: rule.name });
    const decisions = await Promise.all(asked.map(ask));
    for (const decision of decisions) this.#options.onDecision?.(decision);
    return decisions;
  }
}

function isRefusal({ verdict, failure }: Decision): boolean {
  return verdict === 'refuse' && failure === undefined;
}

function summarize(decisions: readonly NamedDecision[]): RiskResult {
  const codeOf = ({ rule, reason }: NamedDecision) => `${rule}.${reason}`;
  const refusal = decisions.find(({ verdict }) => verdict === 'refuse');
  const flags = decisions.filter(({ verdict }) => verdict === 'flag').map(codeOf);
  return {
    allow: refusal === undefined,
    code: refusal ? codeOf(refusal) : (flags[0] ?? RISK_OK),
    score: Math.max(0, ...decisions.map(({ score }) => score)),
    flags,
  };
}
