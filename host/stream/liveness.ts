import type { Clock } from '../base/clock.ts';
import { type Milli, milli } from '../base/time.ts';

/** A probe is repeated at this interval, because the network may lose it or its answer. */
const AGAIN_MS = 1000;

export interface LivenessOptions {
  clock: Pick<Clock, 'now'>;
  /** After this time without a packet, the peer is dead. After half of it, probes ask for one. */
  deadMs: number;
  /** Sends something that any peer answers by itself, whatever its own code does. */
  probe(): void;
  /** Called once, unless `close` was called before. */
  onDead(): void;
}

/** Finds out whether the peer of a connection is still there. Every packet of the peer counts, and one that is silent is probed. */
export class Liveness {
  readonly #options: LivenessOptions;
  #heardAt: Milli;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#heardAt = options.clock.now();
  }

  /** How long nothing has come from the peer. */
  get silentMs(): Milli {
    return milli(this.#options.clock.now() - this.#heardAt);
  }

  /** Notes a packet of the peer. */
  note(): void {
    this.#heardAt = this.#options.clock.now();
  }

  /** Starts to watch. */
  start(): void {
    this.note();
    this.#check();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #check(): void {
    const { deadMs, probe, onDead } = this.#options;
    const { silentMs } = this;
    if (silentMs >= deadMs) {
      onDead();
      return;
    }
    const isQuiet = silentMs >= deadMs / 2;
    if (isQuiet) probe();
    const waitMs = isQuiet ? Math.min(AGAIN_MS, deadMs - silentMs) : deadMs / 2 - silentMs;
    this.#timer = setTimeout(() => this.#check(), Math.ceil(waitMs));
  }
}
