import type { Config } from '../../base/config.ts';
import type { Log } from '../../base/log.ts';
import { readList } from '../../base/setting.ts';
import { loadPolicies } from './compiled.ts';
import type { Evaluator, Package, PolicyInput } from './decide.ts';
import { type DecisionLog, openDecisionLog } from './decision-log.ts';
import { askOpa } from './opa-server.ts';

/** The answer of a policy: yes, no, or the one that the settings declare for a policy that cannot be evaluated. */
export type Verdict = 'allowed' | 'denied' | 'open' | 'closed';

export type PolicySettings = Pick<
  Config,
  'opaUrl' | 'opaMsMax' | 'policyBundle' | 'policyBytesMax' | 'policyFailOpen' | 'decisionLog'
>;

/** An unavailable policy is reported at most once in this time. */
const REPORT_MS = 10_000;

/** Decides by policies, and logs each decision. A policy that cannot be evaluated decides as the settings declare. */
export class Policies {
  readonly #evaluator: Evaluator;
  readonly #failOpen: ReadonlySet<string>;
  readonly #decisions: DecisionLog;
  readonly #log: Log;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(options: { evaluator: Evaluator; failOpen: string; decisions: DecisionLog; log: Log }) {
    this.#evaluator = options.evaluator;
    this.#failOpen = new Set(readList(options.failOpen));
    this.#decisions = options.decisions;
    this.#log = options.log;
  }

  /** Evaluates the rule `allow` of a package. Only the value true allows. Never throws. */
  async decide(name: Package, input: PolicyInput): Promise<Verdict> {
    const { revision } = this.#evaluator;
    const begun = performance.now();
    try {
      const value = await this.#evaluator.evaluate(name, input);
      if (typeof value !== 'boolean') throw new Error(`${name}.allow is ${JSON.stringify(value)}, not true or false`);
      this.#decisions.write({ name, input, result: value, revision, ms: performance.now() - begun });
      return value ? 'allowed' : 'denied';
    } catch (error) {
      const result = this.#failOpen.has(name);
      const message = error instanceof Error ? error.message : String(error);
      this.#decisions.write({ name, input, result, error: message, revision, ms: performance.now() - begun });
      this.#report(name, message, result);
      return result ? 'open' : 'closed';
    }
  }

  close(): Promise<void> {
    return this.#decisions.close();
  }

  #report(name: Package, message: string, result: boolean): void {
    const now = performance.now();
    if (now - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = now;
    const effect = result ? 'lets players in meanwhile' : 'refuses players meanwhile';
    this.#log('warn', `policy ${name} cannot be evaluated and ${effect} (POLICY_FAIL_OPEN): ${message}`);
  }
}

/**
 * Opens the policies that the settings name. @param fetchOpa takes the place of fetch() towards an OPA server
 * @throws NearlightError NL_SETTING if they cannot be used
 */
export async function openPolicies(settings: PolicySettings, log: Log, fetchOpa?: typeof fetch): Promise<Policies> {
  const { opaUrl, opaMsMax, policyBundle, policyBytesMax, policyFailOpen, decisionLog } = settings;
  const evaluator = opaUrl
    ? askOpa({ url: opaUrl, msMax: opaMsMax, fetch: fetchOpa })
    : await loadPolicies({ path: policyBundle, bytesMax: policyBytesMax });
  return new Policies({ evaluator, failOpen: policyFailOpen, decisions: openDecisionLog(decisionLog, log), log });
}
