/**
 * Runs the modules of risk rules, each in a process of its own that sees nothing but its facts. host/play implements it with the
 * engine that runs games.
 */
export interface RuleEngine {
  /**
   * Loads a module and calls its `init`.
   * @param name of the rule, for the log
   * @throws NearlightError as Engine.load
   */
  load(module: Uint8Array, name: string): Promise<RuleInstance>;
}

/** A running module of a rule. Calls are serial. An error ends the instance, and every later call rejects. */
export interface RuleInstance {
  /** The commands that `init` submitted (renderer/contract/rule.ts), unchecked. Valid until the first call. */
  readonly ready: Uint32Array;
  /**
   * Writes a record of facts into the module's memory and calls `tick`. Resolves with the commands that it submitted, unchecked and
   * valid until the next call.
   * @throws NearlightError NL_GUEST_* if the module traps or does not return within RISK_MS_MAX
   */
  decide(address: number, facts: Uint8Array): Promise<Uint32Array>;
  /** Resolves once, when the instance ends: with the error that ended it, or with undefined after close(). */
  readonly ended: Promise<Error | undefined>;
  close(): Promise<void>;
}
