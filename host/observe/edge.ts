/** Figures of a host's store and of its sender. */
export interface EdgeFigures {
  /** Number of events that wait to be sent, and the age of the one that has waited longest. */
  waiting: number;
  oldestSeconds: number;
  /** Number of events that the sink has refused for good, and that may not leave the node. */
  refused: number;
  local: number;
  /** Numbers since the host started: events that the sink has accepted, and requests that have failed. */
  sent: number;
  failures: number;
  /** How long the sink could not be reached: now, or else the last time. */
  outageSeconds: number;
  /** Number of match results and events that wait for room on a full disk. */
  held: number;
  /** Numbers since the host started: damaged files that were set aside, and rows saved from them. */
  damaged: number;
  salvaged: number;
  /** Kinds of data, and whether the store gives them up because the disk is full. */
  givenUp: Readonly<Record<string, boolean>>;
}

/** Figures of a host's connection to the edge service of its node. */
export interface LinkFigures {
  readonly isUp: boolean;
  /** Number of reports that wait until the service acknowledges them. */
  readonly waiting: number;
  /** Numbers since the host started: reports that were acknowledged, and dropped; requests without an answer. */
  readonly sent: number;
  readonly dropped: number;
  readonly failures: number;
}
