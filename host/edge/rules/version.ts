import { OCCASION_JOIN, OCCASION_PLAY } from '../../../renderer/contract/rule.ts';
import type { Clock } from '../../base/clock.ts';
import { textOf } from '../../base/errors.ts';
import { milli } from '../../base/time.ts';
import type { LogLevel } from '../../engine/engine.ts';
import { type Answer, type Ready, readAnswer, readReady } from './answer.ts';
import type { RuleEngine, RuleInstance } from './engine.ts';
import { harmlessFacts } from './facts.ts';

/** Instances of a rule. While a decision keeps one of them busy, the other one makes those that follow. */
const INSTANCES = 2;
/** Decisions about a harmless player that a new instance makes before its first real one. */
const WARM_DECISIONS = 3;
/** Once this many instances have ended within this time, the next one starts when the time has passed: no rule keeps a core busy. */
export const DEATHS_MAX = 10;
export const DEATHS_WINDOW_MS = 10_000;
/** Pause before a new instance is started if one could not be. */
const RETRY_MS = 1000;

export interface VersionOptions {
  name: string;
  engine: RuleEngine;
  clock: Clock;
  log(level: LogLevel, message: string): void;
}

/** An instance of a rule that has made decisions about a harmless player, and is ready for real ones. */
export class WarmInstance {
  readonly occasions: number;
  readonly ended: Promise<Error | undefined>;
  readonly #instance: RuleInstance;
  readonly #address: number;
  /** Settles when the current decision is made; undefined between decisions. */
  #deciding: Promise<Uint32Array> | undefined;

  private constructor(instance: RuleInstance, { occasions, address }: Ready) {
    this.occasions = occasions;
    this.ended = instance.ended;
    this.#instance = instance;
    this.#address = address;
  }

  /** Loads a module and lets it decide. @throws NearlightError NL_RULE, or as RuleEngine.load; nothing stays open then */
  static async start(
    module: Uint8Array,
    { name, engine }: Pick<VersionOptions, 'name' | 'engine'>,
  ): Promise<WarmInstance> {
    const instance = await engine.load(module, name);
    try {
      const warm = new WarmInstance(instance, readReady(instance.ready));
      const occasions = [OCCASION_JOIN, OCCASION_PLAY].filter((occasion) => (warm.occasions & occasion) !== 0);
      for (const occasion of occasions)
        for (let n = 0; n < WARM_DECISIONS; n++) await warm.decide(harmlessFacts(occasion));
      return warm;
    } catch (error) {
      await instance.close();
      throw error;
    }
  }

  /** @throws NearlightError NL_RULE for an answer that breaks the contract; NL_GUEST_* if the instance has ended */
  async decide(facts: Uint8Array): Promise<Answer> {
    this.#deciding = this.#instance.decide(this.#address, facts);
    try {
      return readAnswer(await this.#deciding);
    } finally {
      this.#deciding = undefined;
    }
  }

  get isBusy(): boolean {
    return this.#deciding !== undefined;
  }

  /** Ends the instance when its current decision is made, which takes RISK_MS_MAX at most. */
  async close(): Promise<void> {
    await this.#deciding?.catch(() => {});
    await this.#instance.close();
  }
}

/** One version of a rule's module, with instances that take each other's place when one ends. */
export class RuleVersion {
  readonly occasions: number;
  readonly #module: Uint8Array;
  readonly #options: VersionOptions;
  /** Called when an instance has become ready or has ended. */
  onChange: () => void = () => {};
  /** Instances that are ready. The first one that is not busy decides. */
  readonly #ready: WarmInstance[] = [];
  /** When the last instances ended, in milliseconds of the clock. */
  readonly #deaths: number[] = [];
  #filling: Promise<void> | undefined;
  #closed = false;

  private constructor(module: Uint8Array, options: VersionOptions, first: WarmInstance) {
    this.occasions = first.occasions;
    this.#module = module;
    this.#options = options;
    this.#add(first);
    this.#fill();
  }

  /** Resolves when one instance is ready to decide. Others follow. @throws as WarmInstance.start */
  static async load(module: Uint8Array, options: VersionOptions): Promise<RuleVersion> {
    return new RuleVersion(module, options, await WarmInstance.start(module, options));
  }

  /** An instance that can decide now; undefined while there is none. */
  get idle(): WarmInstance | undefined {
    return this.#ready.find(({ isBusy }) => !isBusy);
  }

  /** Number of instances that are ready. */
  get ready(): number {
    return this.#ready.length;
  }

  /** Replaces an instance that has ended. */
  discard(instance: WarmInstance): void {
    const place = this.#ready.indexOf(instance);
    if (place < 0) return;
    this.#ready.splice(place, 1);
    this.#noteDeath();
    void instance.close();
    this.#fill();
    this.onChange();
  }

  /** Ends all instances when the decisions that they have begun are made. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#ready.splice(0).map((instance) => instance.close()));
  }

  #add(instance: WarmInstance): void {
    this.#ready.push(instance);
    void instance.ended.then(() => this.discard(instance));
    this.onChange();
  }

  #noteDeath(): void {
    this.#deaths.push(this.#options.clock.now());
    if (this.#deaths.length > DEATHS_MAX) this.#deaths.shift();
  }

  /** Starts instances until there are enough, in the background. */
  #fill(): void {
    if (this.#closed) return;
    this.#filling ??= this.#startMissing().finally(() => {
      this.#filling = undefined;
      if (this.#ready.length < INSTANCES) this.#fill();
    });
  }

  async #startMissing(): Promise<void> {
    const { clock, log, name } = this.#options;
    while (!this.#closed && this.#ready.length < INSTANCES) {
      const [oldest] = this.#deaths;
      if (oldest !== undefined && this.#deaths.length === DEATHS_MAX)
        await untilPassed(clock, oldest + DEATHS_WINDOW_MS);
      if (this.#closed) return;
      try {
        const instance = await WarmInstance.start(this.#module, this.#options);
        if (this.#closed) await instance.close();
        else this.#add(instance);
      } catch (error) {
        const message = textOf(error);
        if (!this.#closed) log('warn', `rule ${name}: an instance could not be started and is tried again: ${message}`);
        await untilPassed(clock, clock.now() + RETRY_MS);
      }
    }
  }
}

async function untilPassed(clock: Clock, time: number): Promise<void> {
  if (time > clock.now()) await clock.until(milli(time));
}
