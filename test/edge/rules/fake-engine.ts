import { NearlightError } from '../../../host/base/errors.ts';
import type { RuleEngine, RuleInstance } from '../../../host/edge/rules/engine.ts';
import { FACTS_PLAYERS } from '../../../renderer/contract/rule.ts';
import { answer, PLAYERS, ready } from './modules.ts';

/** Takes the place of the engine of rules. A module is the reason with which the rule allows, as text. */
export class FakeEngine implements RuleEngine {
  readonly instances: FakeRule[] = [];
  /** If set, load() rejects with it. */
  refusal: Error | undefined;
  /** If set, load() waits for it. */
  delay: Promise<void> | undefined;

  async load(module: Uint8Array): Promise<RuleInstance> {
    await this.delay;
    if (this.refusal) throw this.refusal;
    const instance = new FakeRule(new TextDecoder().decode(module));
    this.instances.push(instance);
    return instance;
  }

  /** Ends the calls that do not return, as the real engine does when their time is over. */
  expire(): void {
    for (const instance of this.instances) instance.expire?.();
  }

  /** Lets the slow decisions be answered. */
  release(): void {
    for (const instance of this.instances) instance.release?.();
  }

  /** Number of instances that have not ended. */
  get running(): number {
    return this.instances.filter((instance) => !instance.hasEnded).length;
  }
}

export class FakeRule implements RuleInstance {
  readonly ready = Uint32Array.from(ready());
  readonly ended: Promise<Error | undefined>;
  hasEnded = false;
  decisions = 0;
  expire: (() => void) | undefined;
  release: (() => void) | undefined;
  readonly #reason: string;
  readonly #end: (error: Error | undefined) => void;

  constructor(reason: string) {
    this.#reason = reason;
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.ended = promise;
    this.#end = resolve;
  }

  async decide(_address: number, facts: Uint8Array): Promise<Uint32Array> {
    if (this.hasEnded) throw new NearlightError('NL_ROOM_ENDED', 'the instance is closed');
    this.decisions++;
    const players = new DataView(facts.buffer).getUint32(FACTS_PLAYERS, true);
    if (players === PLAYERS.trap) throw this.die(new NearlightError('NL_GUEST_TRAP', 'unreachable in tick'));
    if (players === PLAYERS.broken) return Uint32Array.from(answer({ verdict: 3 }));
    if (players === PLAYERS.endless)
      return new Promise((_resolve, reject) => {
        this.expire = () => reject(this.die(new NearlightError('NL_GUEST_TIMEOUT', 'tick did not return in time')));
      });
    if (players === PLAYERS.slow)
      await new Promise<void>((resolve) => {
        this.release = resolve;
      });
    return Uint32Array.from(answer({ reason: this.#reason }));
  }

  /** Ends the instance as its process may end at any time. */
  die(error: NearlightError): NearlightError {
    this.hasEnded = true;
    this.#end(error);
    return error;
  }

  async close(): Promise<void> {
    this.hasEnded = true;
    this.#end(undefined);
  }
}
