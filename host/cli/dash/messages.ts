/** Messages of the dash command to its page. */

/** One line of a panel. */
export interface Line {
  /** BOARD/PANEL. */
  panel: string;
  name: string;
  /** One value for each of the history's times; null where there was none. */
  values: (number | null)[];
}

/** Everything that the command remembers, for a page that has just connected. */
export interface History {
  kind: 'history';
  /** URL of the metrics. */
  url: string;
  /** When the host was asked, in milliseconds since 1970. */
  times: number[];
  lines: Line[];
  /** Why the host could not be asked; undefined if the last answer was good. */
  problem?: string | undefined;
}

/** The result of asking the host again. A line without a value has none at this time. */
export interface Step {
  kind: 'step';
  time: number;
  values: { panel: string; name: string; value: number }[];
  problem?: string | undefined;
}
