/** The packages of the policies that decide here: who joins a game, and who gets its pictures. */
export const PACKAGES = ['gaming', 'game'] as const;
export type Package = (typeof PACKAGES)[number];

/** The document `input` of a decision. */
export interface PolicyInput {
  readonly action: 'join' | 'watch' | 'return';
  readonly user: { readonly id: string; readonly role: string };
  readonly game: {
    readonly id: string;
    readonly status: 'waiting' | 'active' | 'ended';
    readonly player_count: number;
  };
}

/** Evaluates policies: compiled ones in this process, or those of an OPA server. */
export interface Evaluator {
  /** The revision of the policies, if it is known. */
  readonly revision: string | undefined;
  /** Returns the value of the rule `allow` of a package; undefined if it has none. @throws Error if it cannot be evaluated */
  evaluate(name: Package, input: PolicyInput): unknown | Promise<unknown>;
}
