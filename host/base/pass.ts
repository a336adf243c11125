/** A player's account at the issuer of tokens. */
export interface Account {
  /** The issuer's name for the player (claim `sub`). */
  readonly id: string;
  readonly role: string;
}

/** A gate's knowledge of someone whom it has identified. */
export interface Pass {
  /** The player's account; undefined if anyone may join. */
  readonly account: Account | undefined;
  /** Checks that the account may take another place. @throws NearlightError NL_ACCOUNT_FULL */
  check(): void;
  /** Counts a place that the account has taken. */
  take(): void;
  /** Counts a place of the account no longer. */
  free(): void;
}

/** The pass of all players where anyone may join. */
export const ANYONE: Pass = { account: undefined, check() {}, take() {}, free() {} };

/** Stands for the account of such players. */
export const NO_ACCOUNT: Account = { id: '', role: '' };
