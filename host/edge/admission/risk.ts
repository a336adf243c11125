import type { PolicyInput } from '../policy/decide.ts';

/** Facts about a join that the policies have allowed. */
export interface RiskInput extends PolicyInput {
  /** The key under which the player's address is counted. */
  readonly client: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Number of the game's seats. */
  readonly seats: number;
}

/** The answer of the risk rules. `rule` names the rule that refuses, for the log. */
export type RiskVerdict = { readonly allowed: true } | { readonly allowed: false; readonly rule: string };

/**
 * Rules against cheating and abuse, which are asked after the policies and before a seat is given. Their implementation bounds their
 * time. If they throw, the join goes on as they say in `failsOpen`.
 */
export interface JoinRisk {
  readonly failsOpen: boolean;
  assess(input: RiskInput): RiskVerdict | Promise<RiskVerdict>;
}
