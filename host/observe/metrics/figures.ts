import type { FaultKind, FaultPlace } from '../../base/faults.ts';
import type { ServerState } from '../../base/lifecycle.ts';
import type { Fingerprint, ProtectionStep } from '../../base/protection.ts';
import type { EdgeFigures, LinkFigures } from '../edge.ts';
import type { KernelCounts } from '../kernel.ts';

/** A host's knowledge of pressure and of injected faults, in addition to its counters. */
export interface ProtectionFigures {
  /** Whether each place has a fault of each kind now. */
  faults(): readonly { place: FaultPlace; kind: FaultKind; isActive: boolean }[];
  /** Whether the protection mode of a pattern of pressure is on. */
  isHigh(fingerprint: Fingerprint): boolean;
  /** The P95 of a step in milliseconds; undefined if it ran too rarely. */
  p95Ms(step: ProtectionStep): number | undefined;
}

/** The figures by which a fleet is scaled, in addition to a host's counters. */
export interface LoadFigures {
  /** Number of pages that wait for a seat. */
  queue(): number;
  /** The kernel's counts for the processes of the pod. */
  kernel(): KernelCounts;
}

/** Values that a host reports in addition to its counters. The functions are called for each scrape by Prometheus. */
export interface Figures {
  /** Version, engine, GPU and so on, as the labels of nearlight_build_info. */
  build: Readonly<Record<string, string>>;
  /** Number of players' seats in the running games, and how many of them are taken. */
  seats(): { all: number; taken: number };
  /** State of the host as a game server, which an edge service is not. */
  state?(): ServerState;
  /** Number of rooms in each phase that modules have set; `none` for rooms whose module has set none. */
  phases?(): Readonly<Record<string, number>>;
  /** Seconds from the request for a game to each phase of its start that it has reached. */
  coldStart(): Readonly<Record<string, number>>;
  /** Returns the figures of the store and its sender. Without it, the host has no store, and no metrics of one. */
  edge?(): EdgeFigures;
  /** Pressure and injected faults. Without it, the host watches neither. */
  protection?: ProtectionFigures | undefined;
  /** Queue and kernel. Without it, the host has no players. */
  load?: LoadFigures;
  /** Returns the figures of the connection to an edge service. Without it, the host uses none. */
  link?(): LinkFigures;
  /** Returns how many hosts an edge service serves. Only such a service has it, and it has no seats. */
  hosts?(): number;
}
