import type { MeasureName } from '../../base/measures.ts';
import type { Floor } from './schedule.ts';

/** How many servers may be added or removed in a time. If both are given, the greater one counts. */
export interface RateLimit {
  readonly servers?: number;
  /** Percent of the servers at the beginning of the time. */
  readonly percent?: number;
  readonly periodMs: number;
}

export interface Direction {
  /** A change in this direction must have been wanted for this long: all wishes of this time allow it. */
  readonly stabiliseMs: number;
  /** The change keeps to each of them. */
  readonly limits: readonly RateLimit[];
}

/** How the servers of one game are scaled. All times are in milliseconds. */
export interface ScalePolicy {
  readonly namespace: string;
  /** Name of the game, as in the label `app.kubernetes.io/name` of its pods. */
  readonly game: string;
  /** Least and largest number of servers. */
  readonly min: number;
  readonly max: number;
  /** Seats of a server, until a server has reported them. */
  readonly seatsPerServer: number;
  /** Seats that are free for those who come next: the greater of a number, and a percentage of the used ones. */
  readonly buffer: { readonly seats: number; readonly percent: number };
  /** Value of a measure at which a server with players has the right load. A measure without a target is only shown. */
  readonly targets: { readonly [name in MeasureName]?: number };
  /** Least numbers of servers at some hours. */
  readonly schedule: readonly Floor[];
  /**
   * Percent by which the number must change, or the controller that makes the change leaves it alone: that of the HPA controller
   * (--horizontal-pod-autoscaler-tolerance).
   */
  readonly tolerancePercent: number;
  readonly up: Direction;
  readonly down: Direction;
  /** Age from which a report says nothing. */
  readonly staleMs: number;
  /** Percent of servers without a fresh report from which none is removed. */
  readonly unknownPercentMax: number;
}
