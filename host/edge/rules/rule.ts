import type { Clock } from '../../base/clock.ts';
import { NearlightError } from '../../base/errors.ts';
import { milli } from '../../base/time.ts';
import type { Answer } from './answer.ts';
import { RuleVersion, type VersionOptions, type WarmInstance } from './version.ts';

/** Decisions that may wait for a rule. Further ones fail at once. */
export const WAITING_MAX = 1024;
/** How long a decision may wait for an instance that can make it. */
export const WAIT_MS_MAX = 1000;
/** Failures of a rule are logged at most this often. The next line says how many there were. */
const LOG_MS = 1000;

/** A decision of a rule. */
export interface Decision extends Answer {
  /** Why the rule could not decide, so that `verdict` is what the operator has declared; undefined if it did. */
  failure: NearlightError | undefined;
  /** Time that the decision took, with waiting, in milliseconds. */
  ms: number;
}

export interface RuleOptions extends VersionOptions {
  /** The outcome of a decision that the rule cannot make: `open` allows, `closed` refuses. */
  onFailure: 'open' | 'closed';
}

interface Waiting {
  facts: Uint8Array;
  since: number;
  resolve(decision: Decision): void;
}

/** The reason of a decision that a rule could not make. */
export const RULE_FAILED = 'rule-failed';

/**
 * A risk rule. An instance that traps, or does not answer in time, costs one decision. Meanwhile, and afterwards, decisions are made
 * by the other instance.
 */
export class Rule {
  readonly name: string;
  readonly #options: RuleOptions;
  readonly #clock: Clock;
  #version: RuleVersion;
  readonly #waiting: Waiting[] = [];
  /** Whether the clock wakes the rule when the oldest decision has waited for too long. */
  #isWatched = false;
  /** Resolves when the newest call of replace() is done, so that they follow each other. */
  #replaced: Promise<void> = Promise.resolve();
  /** Versions that were replaced and finish the decisions that they have begun. */
  readonly #leaving = new Set<Promise<void>>();
  #closed = false;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  private constructor(version: RuleVersion, options: RuleOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock;
    this.#version = this.#adopt(version);
  }

  /** Loads a rule from its module. @throws NearlightError NL_RULE, or as RuleEngine.load */
  static async open(module: Uint8Array, options: RuleOptions): Promise<Rule> {
    return new Rule(await RuleVersion.load(module, options), options);
  }

  /** The version that decides. */
  get version(): Pick<RuleVersion, 'occasions' | 'ready'> {
    return this.#version;
  }

  /** Decides about a record of facts. Never rejects: a rule that cannot decide does what the operator has declared. */
  decide(facts: Uint8Array): Promise<Decision> {
    return new Promise((resolve) => {
      const waiting = { facts, since: this.#clock.now(), resolve };
      if (this.#closed) this.#fail(waiting, new NearlightError('NL_SHUTDOWN', `rule ${this.name} is closed`));
      else if (this.#waiting.length >= WAITING_MAX) this.#fail(waiting, busy(`${WAITING_MAX} decisions wait already`));
      else {
        this.#waiting.push(waiting);
        this.#dispatch();
      }
    });
  }

  /**
   * Replaces the rule's module. The new version is loaded and tried beside the old one, which decides until then and finishes what it
   * has begun. Resolves when the new one decides.
   * @throws NearlightError if the new version cannot be used; the old one stays
   */
  replace(module: Uint8Array): Promise<void> {
    const replaced = this.#replaced.then(() => this.#replace(module));
    this.#replaced = replaced.catch(() => {});
    return replaced;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#replaced;
    for (const waiting of this.#waiting.splice(0)) this.#fail(waiting, busy('the rule is closed'));
    await Promise.all([this.#version.close(), ...this.#leaving]);
  }

  async #replace(module: Uint8Array): Promise<void> {
    const next = await RuleVersion.load(module, this.#options);
    if (this.#closed) return next.close();
    const previous = this.#version;
    this.#version = this.#adopt(next);
    const left = previous.close().finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
    this.#dispatch();
  }

  #adopt(version: RuleVersion): RuleVersion {
    version.onChange = () => this.#dispatch();
    return version;
  }

  /** Gives the decisions that wait to instances that have nothing to do. */
  #dispatch(): void {
    for (let [next] = this.#waiting; next; [next] = this.#waiting) {
      const instance = this.#version.idle;
      // A decision that is late because the host was busy is made if it can be.
      if (instance) void this.#decide(next, instance);
      else if (this.#clock.now() - next.since >= WAIT_MS_MAX)
        this.#fail(next, busy(`it waited ${WAIT_MS_MAX} ms for an instance of the rule`));
      else break;
      this.#waiting.shift();
    }
    this.#watch();
  }

  /** Wakes the rule when the oldest decision has waited for too long. */
  #watch(): void {
    const [oldest] = this.#waiting;
    if (!oldest || this.#isWatched) return;
    this.#isWatched = true;
    void this.#clock.until(milli(oldest.since + WAIT_MS_MAX)).then(() => {
      this.#isWatched = false;
      this.#dispatch();
    });
  }

  async #decide(waiting: Waiting, instance: WarmInstance): Promise<void> {
    const version = this.#version;
    try {
      const answer = await instance.decide(waiting.facts);
      waiting.resolve({ ...answer, failure: undefined, ms: this.#clock.now() - waiting.since });
    } catch (error) {
      const failure = error instanceof NearlightError ? error : new NearlightError('NL_RULE', String(error));
      // An answer that breaks the contract leaves the instance as it is. Every other error has ended it.
      if (failure.code !== 'NL_RULE') version.discard(instance);
      this.#fail(waiting, failure);
    }
    this.#dispatch();
  }

  #fail({ since, resolve }: Waiting, failure: NearlightError): void {
    const verdict = this.#options.onFailure === 'open' ? 'allow' : 'refuse';
    const now = this.#clock.now();
    this.#unlogged++;
    if (now - this.#loggedAt >= LOG_MS && !this.#closed) {
      this.#options.log('warn', this.#describe(failure, verdict));
      this.#loggedAt = now;
      this.#unlogged = 0;
    }
    resolve({ verdict, reason: RULE_FAILED, score: 0, failure, ms: now - since });
  }

  #describe({ message, code }: NearlightError, verdict: string): string {
    const limit = code === 'NL_GUEST_TIMEOUT' ? ' (the limit of a decision is RISK_MS_MAX)' : '';
    const more = this.#unlogged > 1 ? `; ${this.#unlogged - 1} more decisions failed since the last line` : '';
    return `rule ${this.name} failed and ${verdict}s, as declared: ${message}${limit}${more}`;
  }
}

function busy(detail: string): NearlightError {
  return new NearlightError('NL_RULE_BUSY', detail);
}
