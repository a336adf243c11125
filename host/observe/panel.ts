import type { Expression, Wanted } from './expression.ts';

/** The unit of a panel's values: seconds, bytes, numbers per second, parts of 1, multiples of a goal, or plain numbers. */
export type Unit = 'seconds' | 'bytes' | 'bytes per second' | 'per second' | 'share' | 'times' | 'number';

/** One line of a panel, or several: one for each combination of the labels by which the expression is grouped. */
export interface Query {
  readonly expression: Expression;
  /** Name of the line in the legend. `{label}` stands for the value of a label by which the expression is grouped. */
  readonly name: string;
}

/** One drawing of a board. */
export interface Panel {
  /** Name that no other panel of the board has, in lower case and with hyphens. */
  readonly id: string;
  readonly title: string;
  /** One sentence about what the panel shows and when to worry. */
  readonly about: string;
  /**
   * `lines` over time, lines `stacked` upon each other, a large `figure` with its history behind it, or a `heat` map with a row for
   * each line.
   */
  readonly shape: 'lines' | 'stacked' | 'figure' | 'heat';
  /** Whether values above 0 are bad, which gives a heat map another colour. */
  readonly isBad?: boolean;
  readonly unit: Unit;
  readonly queries: readonly [Query, ...Query[]];
  /** Values beyond this one miss a goal: above it, or below it if `goalIs` is `least`. */
  readonly goal?: number;
  readonly goalIs?: 'most' | 'least';
  /** Names of lines in the order in which they are drawn; others follow. By default, those without labels come first. */
  readonly order?: readonly string[];
  /** Digits after the decimal point, for values of which the last ones matter. */
  readonly decimals?: number;
}

/** A group of panels that an operator looks at together: a dashboard of Grafana, and a page of `nearlight dash`. */
export interface Board {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  /** The label by whose value the board is narrowed down, if it is about one of several. */
  readonly one?: 'node' | 'pod';
  readonly panels: readonly [Panel, ...Panel[]];
  /** The part of the program that reports the metrics of the board, if not every host has it. */
  readonly part?: Part;
}

/**
 * Parts of the program whose metrics some boards and objectives need, and whether hosts report them. A board whose part is missing
 * is left out everywhere. A test compares this with the metrics of a host.
 */
export const PARTS = {
  admission: true,
  store: true,
} as const satisfies Record<string, boolean>;

export type Part = keyof typeof PARTS;

/** Whether hosts report the metrics of something that needs a part. */
export function isPresent({ part }: { readonly part?: Part }): boolean {
  return part === undefined || PARTS[part];
}

/** Labels that all of a host's metrics get from the scrape configuration (oci/k3s/sight/prometheus.yml). */
export const SCOPE: Readonly<Record<string, Wanted>> = { job: 'nearlight' };

/** Returns the name of a query's line for the values of its labels. */
export function nameLine({ name }: Query, labels: Readonly<Record<string, string>>): string {
  return name.replace(/\{(\w+)\}/g, (_, label: string) => labels[label] ?? '');
}
