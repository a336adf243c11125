/** Faults that an operator injects on purpose, to see that matches survive them (host/edge/faults). */

/**
 * The effects of a fault: it delays, answers with an error, cuts the connection, makes the clock wrong, or makes the disk look full.
 */
export const FAULT_KINDS = ['latency', 'error', 'cut', 'skew', 'full'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Each place where faults strike, with the kinds that it can have. */
export const FAULT_PLACES = {
  issuer: ['latency', 'error', 'cut'],
  opa: ['latency', 'error', 'cut'],
  sink: ['latency', 'error', 'cut'],
  nats: ['latency', 'cut'],
  store: ['latency', 'error', 'full'],
  clock: ['skew'],
  /** Every HTTP request to the players' port. */
  requests: ['latency', 'error', 'cut'],
  /** The requests with which pages ask for a connection, a ticket or a place in the queue. */
  offers: ['latency', 'error', 'cut'],
  /** Packets to pages: pictures, sound and messages. */
  packets: ['cut'],
} as const satisfies Record<string, readonly FaultKind[]>;
export type FaultPlace = keyof typeof FAULT_PLACES;

/** A fault that strikes one event. */
export interface Strike {
  readonly kind: FaultKind;
  /** Delay of `latency`, and milliseconds by which the clock of `skew` is ahead; else 0. */
  readonly ms: number;
}

/** Asks for the fault of an event. Every place where faults strike asks this, whether or not there are any. */
export interface Faults {
  /** Draws whether a fault strikes one event at a place, counts it, and returns it. */
  strike(place: FaultPlace): Strike | undefined;
  /** Whether a place has a fault of a kind now. */
  has(place: FaultPlace, kind: FaultKind): boolean;
  /** Calls `listener` after each change of the faults. */
  onChange(listener: () => void): void;
}

/** The faults of a host on which no one may inject any. */
export const NO_FAULTS: Faults = { strike: () => undefined, has: () => false, onChange() {} };

/** Says in errors and answers whose fault it is. */
export const INJECTED = 'an operator has injected this fault';

/** Returns the time of a clock that a fault makes wrong. @param now milliseconds since 1970 */
export function skewedClock(faults: Pick<Faults, 'strike'>, now: () => number): () => number {
  return () => now() + (faults.strike('clock')?.ms ?? 0);
}

/** Counts the events that faults have struck, for the metrics of the host. */
export class FaultCounts {
  readonly #counts = new Map<string, { place: FaultPlace; kind: FaultKind; count: number }>();
  /** Number of times that the faults were ended because a step of protection was beyond its budget. */
  stopped = 0;

  constructor() {
    for (const [place, kinds] of Object.entries(FAULT_PLACES) as [FaultPlace, readonly FaultKind[]][])
      for (const kind of kinds) this.#counts.set(`${place} ${kind}`, { place, kind, count: 0 });
  }

  /** Every place and kind with the number of events, from 0 on. */
  get all(): Iterable<{ readonly place: FaultPlace; readonly kind: FaultKind; readonly count: number }> {
    return this.#counts.values();
  }

  add(place: FaultPlace, kind: FaultKind): void {
    const entry = this.#counts.get(`${place} ${kind}`);
    if (entry) entry.count++;
  }
}
