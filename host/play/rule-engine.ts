import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { RuleEngine, RuleInstance } from '../edge/rules/engine.ts';
import type { Engine, Instance, LoadOptions } from '../engine/engine.ts';
import { createEngine } from './engine.ts';

/** A rule submits one command of a few words, and gets facts of less than a kilobyte. */
const SHARED_BYTES = 4096;
/** A rule keeps no data, so its memory is small. */
const MEMORY_BYTES = 16 * 2 ** 20;

/**
 * Creates the engine of risk rules: the one of games, with a small memory and a short time for each call.
 * @param now clock of the time limits, as in createEngine
 * @throws NearlightError NL_SETTING if the engine cannot stop an endless rule
 */
export function createRuleEngine(config: Config, log: Log, now?: () => number): RuleEngine {
  if (config.engine === 'javascript')
    throw new NearlightError(
      'NL_SETTING',
      'ENGINE=javascript cannot stop an endless risk rule; set ENGINE=wasmedge, or leave RISK_RULES empty',
    );
  return ruleEngine(createEngine(config, now), config, log);
}

/** Runs risk rules on an engine of games. @param config the limits; each decision has those of RISK_MS_MAX */
export function ruleEngine(engine: Engine, config: Config, log: Log): RuleEngine {
  const limits: LoadOptions['limits'] = {
    ...config,
    callMsMax: config.riskMsMax,
    memoryBytesMax: Math.min(MEMORY_BYTES, config.memoryBytesMax),
    commandBytesMax: SHARED_BYTES,
    dataBytesMax: SHARED_BYTES,
    stateBytesMax: 0,
  };
  return {
    async load(module, name) {
      const instance = await engine.load(module, {
        limits,
        seed: 0,
        tickRate: 1,
        seats: 1,
        assets: new Uint8Array(),
        log: (level, message) => log(level, `rule ${name}: ${message}`),
      });
      return new PlayedRule(instance);
    },
  };
}

/** A rule that runs as a game with one seat. */
class PlayedRule implements RuleInstance {
  readonly ready: Uint32Array;
  readonly ended: Promise<Error | undefined>;
  readonly #instance: Instance;

  constructor(instance: Instance) {
    this.#instance = instance;
    this.ready = instance.initial.commands;
    this.ended = instance.ended;
  }

  async decide(address: number, facts: Uint8Array): Promise<Uint32Array> {
    this.#instance.write(address, facts);
    return (await this.#instance.tick(0)).commands;
  }

  close(): Promise<void> {
    return this.#instance.close();
  }
}
