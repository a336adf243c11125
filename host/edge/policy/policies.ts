import { type Clock, systemClock } from '../../base/clock.ts';
import type { Config } from '../../base/config.ts';
import type { Log } from '../../base/log.ts';
import { readList } from '../../base/setting.ts';
import { type Dependency, reasonOf } from '../dependencies/dependency.ts';
import { WarmCache } from '../dependencies/warm-cache.ts';
import { loadPolicies } from './compiled.ts';
import type { Evaluator, Package, PolicyInput } from './decide.ts';
import { type DecisionLog, openDecisionLog } from './decision-log.ts';
import { askOpa } from './opa-server.ts';

/** The answer of a policy: yes, no, or the one that the settings declare for a policy that cannot be evaluated. */
export type Verdict = 'allowed' | 'denied' | 'open' | 'closed';

export type PolicySettings = Pick<
  Config,
  'opaUrl' | 'opaCacheMs' | 'policyBundle' | 'policyBytesMax' | 'policyFailOpen' | 'decisionLog'
>;

/** An unavailable policy is reported at most once in this time. */
const REPORT_MS = 10_000;
/** Decisions of an OPA server that are kept. */
const DECISIONS_MAX = 4096;

/** Decides by policies, and logs each decision. A policy that cannot be evaluated decides as the settings declare. */
export class Policies {
  readonly #evaluator: Evaluator;
  readonly #failOpen: ReadonlySet<string>;
  readonly #decisions: DecisionLog;
  readonly #log: Log;
  readonly #cache: WarmCache<unknown> | undefined;
  #reportedAt = Number.NEGATIVE_INFINITY;

  /** @param options.cache keeps decisions that take long */
  constructor(options: {
    evaluator: Evaluator;
    failOpen: string;
    decisions: DecisionLog;
    log: Log;
    cache?: WarmCache<unknown> | undefined;
  }) {
    this.#evaluator = options.evaluator;
    this.#failOpen = new Set(readList(options.failOpen));
    this.#decisions = options.decisions;
    this.#log = options.log;
    this.#cache = options.cache;
  }

  /** Evaluates the rule `allow` of a package. Only the value true allows. Never throws. */
  async decide(name: Package, input: PolicyInput): Promise<Verdict> {
    const { revision } = this.#evaluator;
    const begun = performance.now();
    try {
      const { value, isCached } = await this.#evaluate(name, input);
      if (typeof value !== 'boolean') throw new Error(`${name}.allow is ${JSON.stringify(value)}, not true or false`);
      this.#decisions.write({ name, input, result: value, revision, isCached, ms: performance.now() - begun });
      return value ? 'allowed' : 'denied';
    } catch (error) {
      const result = this.#failOpen.has(name);
      const message = reasonOf(error);
      this.#decisions.write({ name, input, result, error: message, revision, ms: performance.now() - begun });
      this.#report(name, message, result);
      return result ? 'open' : 'closed';
    }
  }

  close(): Promise<void> {
    return this.#decisions.close();
  }

  async #evaluate(name: Package, input: PolicyInput): Promise<{ value: unknown; isCached: boolean }> {
    const evaluate = async () => this.#evaluator.evaluate(name, input);
    if (!this.#cache) return { value: await evaluate(), isCached: false };
    return this.#cache.get(JSON.stringify([name, input]), evaluate);
  }

  #report(name: Package, message: string, result: boolean): void {
    const now = performance.now();
    if (now - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = now;
    const effect = result ? 'lets players in meanwhile' : 'refuses players meanwhile';
    this.#log('warn', `policy ${name} cannot be evaluated and ${effect} (POLICY_FAIL_OPEN): ${message}`);
  }
}

export interface PoliciesOptions {
  log: Log;
  /** The OPA server. */
  opa: Pick<Dependency, 'run'>;
  clock?: Pick<Clock, 'now'>;
  /** Takes the place of fetch() towards an OPA server. */
  fetch?: typeof globalThis.fetch | undefined;
}

/** Opens the policies that the settings name. @throws NearlightError NL_SETTING if they cannot be used */
export async function openPolicies(
  settings: PolicySettings,
  { log, opa, clock = systemClock, fetch }: PoliciesOptions,
): Promise<Policies> {
  const { opaUrl, opaCacheMs, policyBundle, policyBytesMax, policyFailOpen, decisionLog } = settings;
  const evaluator = opaUrl
    ? askOpa({ url: opaUrl, dependency: opa, fetch })
    : await loadPolicies({ path: policyBundle, bytesMax: policyBytesMax });
  // Compiled policies are asked faster than a cache.
  const cache = opaUrl ? new WarmCache({ msMax: opaCacheMs, entriesMax: DECISIONS_MAX, clock }) : undefined;
  const decisions = openDecisionLog(decisionLog, log);
  return new Policies({ evaluator, failOpen: policyFailOpen, decisions, log, cache });
}
