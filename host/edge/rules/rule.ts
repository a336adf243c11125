import type { Clock } from '../../base/clock.ts';
import { NearlightError } from '../../base/errors.ts';
import { milli } from '../../base/time.ts';
import type { Answer } from './answer.ts';
import { RuleVersion, type VersionOptions, type WarmInstance } from './version.ts';

/** Decisions that may wait for a rule. Further ones fail at once. */
export const WAITING_MAX = 1024;
/** How long a decision may wait until its rule gets to it. */
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
  /** What a decision is that the rule cannot make: `open` allows, `closed` refuses. */
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
 * A risk rule. Decisions are made one after another. An instance that traps, or does not answer in time, costs one decision: the
 * next one is made by an instance that was waiting for this.
 */
export class Rule {
  readonly name: string;
  readonly #options: RuleOptions;
  readonly #clock: Clock;
  #version: RuleVersion;
  readonly #waiting: Waiting[] = [];
  /** Resolves when the decision that is being made now is made; undefined while there is none. */
  #deciding: Promise<void> | undefined;
  #isRunning = false;
  /** Resolves when the newest call of replace() is done, so that they follow each other. */
  #replaced: Promise<void> = Promise.resolve();
  #closed = false;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  private constructor(version: RuleVersion, options: RuleOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock;
    this.#version = version;
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
        if (!this.#isRunning) void this.#run();
      }
    });
  }

  /**
   * Replaces the rule's module. The new version is loaded and tried beside the old one, which decides until then.
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
    await this.#version.close();
  }

  async #replace(module: Uint8Array): Promise<void> {
    const next = await RuleVersion.load(module, this.#options);
    if (this.#closed) return next.close();
    const previous = this.#version;
    this.#version = next;
    await this.#deciding;
    await previous.close();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      const instance = await this.#findInstance(next.since + WAIT_MS_MAX);
      if (!instance) {
        const what = this.#closed ? 'the rule is closed' : `it waited ${WAIT_MS_MAX} ms for an instance of the rule`;
        this.#fail(next, busy(what));
        continue;
      }
      this.#deciding = this.#decide(next, instance);
      await this.#deciding;
      this.#deciding = undefined;
    }
    this.#isRunning = false;
  }

  /** Returns an instance of the newest version, or undefined if there is none until the deadline. */
  async #findInstance(deadline: number): Promise<WarmInstance | undefined> {
    while (!this.#closed && this.#clock.now() < deadline) {
      const { instance, changed } = this.#version;
      if (instance) return instance;
      await Promise.race([changed, this.#clock.until(milli(deadline))]);
    }
    return undefined;
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
