import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Config } from '../../base/config.ts';
import type { Log } from '../../base/log.ts';
import { FINGERPRINTS, type Fingerprint, type Pressure, type ProtectionCounts } from '../../base/protection.ts';
import { RateWatch } from './rate-watch.ts';

/** Length of the id of a trace in bytes (W3C Trace Context). */
const TRACE_ID_BYTES = 16;

export type ProtectionConfig = Pick<
  Config,
  | 'burstJoinsPerSecond'
  | 'burstJoinsWaitingMax'
  | 'burstMovesPerSecond'
  | 'burstMovesWaitingMax'
  | 'burstChatPerSecond'
  | 'burstBusQueueMax'
  | 'burstResultsPerSecond'
>;

export interface ProtectionOptions {
  config: ProtectionConfig;
  clock: Pick<Clock, 'now'>;
  log: Log;
  counts: ProtectionCounts;
}

/** The bound of each pattern, what it is called, and what its protection mode does. */
const PATTERNS: Readonly<
  Record<Fingerprint, { setting: keyof ProtectionConfig; name: string; events: string; mode: string }>
> = {
  joins: {
    setting: 'burstJoinsPerSecond',
    name: 'a burst of match-making',
    events: 'joins',
    mode: 'few joins wait at a time (BURST_JOINS_WAITING_MAX)',
  },
  moves: {
    setting: 'burstMovesPerSecond',
    name: 'a wave of players who move',
    events: 'moves',
    mode: 'few moves are on their way at a time (BURST_MOVES_WAITING_MAX)',
  },
  chat: {
    setting: 'burstChatPerSecond',
    name: 'a flood of messages between rooms',
    events: 'messages',
    mode: 'few messages wait for a room (BURST_BUS_QUEUE_MAX)',
  },
  results: {
    setting: 'burstResultsPerSecond',
    name: 'a burst of match results',
    events: 'results',
    mode: 'the store writes results first, in transactions of their own, and takes no traces and logs',
  },
};

interface Watched {
  readonly watch: RateWatch;
  /** Id of the trace of the present pressure; undefined while there is none. */
  traceId: string | undefined;
  readonly listeners: ((isHigh: boolean) => void)[];
}

/** Recognises patterns of pressure by their rates, and switches the protection modes. */
export class Protection implements Pressure {
  readonly #options: ProtectionOptions;
  readonly #watched: ReadonlyMap<Fingerprint, Watched>;

  constructor(options: ProtectionOptions) {
    const { config, clock } = options;
    this.#options = options;
    this.#watched = new Map(
      FINGERPRINTS.map((fingerprint) => {
        const perSecond = config[PATTERNS[fingerprint].setting];
        const watch = new RateWatch({ perSecond, now: clock.now() });
        return [fingerprint, { watch, traceId: undefined, listeners: [] }];
      }),
    );
  }

  count(fingerprint: Fingerprint): void {
    this.#watched.get(fingerprint)?.watch.count(this.#options.clock.now());
    this.#look(fingerprint);
  }

  isHigh(fingerprint: Fingerprint): boolean {
    return this.#look(fingerprint);
  }

  /** Id of the trace of a pattern's pressure; undefined while there is none. */
  traceOf(fingerprint: Fingerprint): string | undefined {
    return this.#watched.get(fingerprint)?.traceId;
  }

  /** Calls `listener` when the protection mode of a pattern begins, and when it ends. */
  onChange(fingerprint: Fingerprint, listener: (isHigh: boolean) => void): void {
    this.#watched.get(fingerprint)?.listeners.push(listener);
  }

  /** Ends modes whose pressure is over, also while no events come. */
  tend(): void {
    for (const fingerprint of FINGERPRINTS) this.#look(fingerprint);
  }

  #look(fingerprint: Fingerprint): boolean {
    const watched = this.#watched.get(fingerprint);
    if (!watched) return false;
    const isHigh = watched.watch.isHigh(this.#options.clock.now());
    if (isHigh !== (watched.traceId !== undefined)) this.#switch(fingerprint, watched, isHigh);
    return isHigh;
  }

  #switch(fingerprint: Fingerprint, watched: Watched, isHigh: boolean): void {
    const { log, counts, config } = this.#options;
    const { name, events, mode, setting } = PATTERNS[fingerprint];
    const traceId = watched.traceId ?? randomBytes(TRACE_ID_BYTES).toString('hex');
    watched.traceId = isHigh ? traceId : undefined;
    if (isHigh) {
      counts.recognised[fingerprint]++;
      const rate = `${watched.watch.rate} ${events} in a second, ${config[setting]} are the bound`;
      log('warn', `${name} is recognised (${rate}): ${mode}; trace ${traceId}`, { traceId });
    } else log('info', `${name} is over; trace ${traceId}`, { traceId });
    for (const listener of watched.listeners) listener(isHigh);
  }
}
