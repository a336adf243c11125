import type { Clock } from '../../base/clock.ts';
import {
  FAULT_PLACES,
  type FaultCounts,
  type FaultKind,
  type FaultPlace,
  type Faults,
  type Strike,
} from '../../base/faults.ts';
import type { Log } from '../../base/log.ts';
import { type Milli, milli } from '../../base/time.ts';
import type { Fault } from './plan.ts';

export interface ChaosOptions {
  clock: Pick<Clock, 'now'>;
  log: Log;
  counts: FaultCounts;
  /** Returns a random number from 0 to 1. */
  random?(): number;
}

/** A fault as an operator sees it. */
export interface FaultStatus extends Fault {
  /** Seconds until it ends by itself. */
  readonly secondsLeft: number;
  /** Number of events that it has struck. */
  readonly struck: number;
}

interface Running {
  readonly fault: Fault;
  readonly endsAt: Milli;
  struck: number;
}

/** Injects the faults that an operator has asked for. Each ends by itself when its time is over. Its owner calls `tend` now and then. */
export class Chaos implements Faults {
  readonly #options: ChaosOptions;
  readonly #listeners: (() => void)[] = [];
  #running: Running[] = [];
  #lastStop: string | undefined;

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  /** Exchanges all faults for others. */
  set(faults: readonly Fault[]): void {
    const { clock, log } = this.#options;
    const now = clock.now();
    this.#running = faults.map((fault) => ({ fault, endsAt: milli(now + fault.seconds * 1000), struck: 0 }));
    this.#lastStop = undefined;
    for (const fault of faults) log('warn', `an operator injects a fault: ${describe(fault)}, for ${fault.seconds} s`);
    this.#notify();
  }

  /** Ends all faults. @param why the reason, for the log and the operator */
  end(why: string): void {
    if (this.#running.length === 0) return;
    this.#options.log('warn', `the injected faults end: ${why}`);
    this.#running = [];
    this.#lastStop = why;
    this.#notify();
  }

  get isActive(): boolean {
    return this.#current().length > 0;
  }

  /** Why the last faults were ended; undefined if there are some now, or their time was over. */
  get lastStop(): string | undefined {
    return this.#lastStop;
  }

  status(): FaultStatus[] {
    const now = this.#options.clock.now();
    return this.#current().map(({ fault, endsAt, struck }) => ({
      ...fault,
      secondsLeft: Math.ceil((endsAt - now) / 1000),
      struck,
    }));
  }

  strike(place: FaultPlace): Strike | undefined {
    const { counts, random = Math.random } = this.#options;
    if (this.#running.length === 0) return undefined;
    for (const running of this.#current()) {
      const { fault } = running;
      if (fault.place !== place || fault.kind === 'full' || (fault.share < 1 && random() >= fault.share)) continue;
      running.struck++;
      counts.add(place, fault.kind);
      return { kind: fault.kind, ms: fault.ms };
    }
    return undefined;
  }

  has(place: FaultPlace, kind: FaultKind): boolean {
    return this.#current().some(({ fault }) => fault.place === place && fault.kind === kind);
  }

  /** Whether each place has a fault of each kind now. */
  states(): { place: FaultPlace; kind: FaultKind; isActive: boolean }[] {
    return (Object.entries(FAULT_PLACES) as [FaultPlace, readonly FaultKind[]][]).flatMap(([place, kinds]) =>
      kinds.map((kind) => ({ place, kind, isActive: this.has(place, kind) })),
    );
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Removes faults whose time is over, and tells the listeners. They strike no more in any case. */
  tend(): void {
    const current = this.#current();
    if (current.length === this.#running.length) return;
    for (const running of this.#running)
      if (!current.includes(running))
        this.#options.log(
          'info',
          `an injected fault has ended: ${describe(running.fault)}; it struck ${running.struck} times`,
        );
    this.#running = [...current];
    this.#notify();
  }

  /** Returns the faults whose time is not over. */
  #current(): readonly Running[] {
    const now = this.#options.clock.now();
    return this.#running.filter(({ endsAt }) => now < endsAt);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

function describe({ place, kind, share, ms }: Fault): string {
  const amount = ms === 0 ? '' : ` of ${ms} ms`;
  const part = share === 1 ? '' : `, ${Number((share * 100).toFixed(3))} % of the events`;
  return `${place} ${kind}${amount}${part}`;
}
