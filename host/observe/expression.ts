/**
 * A value that a panel, an objective or an alert computes from a host's metrics. One expression serves two readers: Prometheus gets it
 * as PromQL (promql.ts), and `nearlight dash` computes it from two scrapes of a host (evaluate.ts).
 */
export type Expression = Reading | Quantile | Share | Sum | Complement | Scaled;

/** Values of a label: this one, any of these, or all but these. */
export type Wanted = string | readonly string[] | { readonly not: readonly string[] };

/** Samples of a metric. Their values are added, separately for each combination of the labels in `by`. */
export interface Selection {
  readonly metric: string;
  readonly match?: Readonly<Record<string, Wanted>>;
  readonly by?: readonly string[];
}

/** The sum or the maximum of gauges, or the sum of the increases of counters per second. */
export interface Reading extends Selection {
  readonly kind: 'sum' | 'max' | 'rate';
}

/** A quantile of the durations that a histogram has counted during the window. */
export interface Quantile extends Selection {
  readonly kind: 'quantile';
  /** From 0 to 1. */
  readonly quantile: number;
}

/** `part` divided by `whole`, without a value where `whole` is 0. */
interface Share {
  readonly kind: 'share';
  readonly part: Expression;
  readonly whole: Expression;
}

interface Sum {
  readonly kind: 'plus';
  readonly terms: readonly [Expression, ...Expression[]];
}

/** 1 minus an expression. */
interface Complement {
  readonly kind: 'complement';
  readonly of: Expression;
}

interface Scaled {
  readonly kind: 'scaled';
  readonly of: Expression;
  readonly factor: number;
}

type Narrowing = Omit<Selection, 'metric'>;

export function sum(metric: string, more: Narrowing = {}): Expression {
  return { kind: 'sum', metric, ...more };
}

export function max(metric: string, more: Narrowing = {}): Expression {
  return { kind: 'max', metric, ...more };
}

export function rate(metric: string, more: Narrowing = {}): Expression {
  return { kind: 'rate', metric, ...more };
}

export function quantile(share: number, metric: string, more: Narrowing = {}): Expression {
  return { kind: 'quantile', quantile: share, metric, ...more };
}

/** The mean of the durations that a histogram has counted during the window. */
export function mean(metric: string, more: Narrowing = {}): Expression {
  return share(rate(`${metric}_sum`, more), rate(`${metric}_count`, more));
}

export function share(part: Expression, whole: Expression): Expression {
  return { kind: 'share', part, whole };
}

export function plus(...terms: [Expression, ...Expression[]]): Expression {
  return { kind: 'plus', terms };
}

export function complement(of: Expression): Expression {
  return { kind: 'complement', of };
}

export function scaled(of: Expression, factor: number): Expression {
  return { kind: 'scaled', of, factor };
}

/** Lists the selections of an expression, each with the name of the metric that a host reports it under. */
export function selectionsOf(expression: Expression): (Selection & { family: string })[] {
  switch (expression.kind) {
    case 'share':
      return [...selectionsOf(expression.part), ...selectionsOf(expression.whole)];
    case 'plus':
      return expression.terms.flatMap(selectionsOf);
    case 'complement':
    case 'scaled':
      return selectionsOf(expression.of);
    default:
      return [{ ...expression, family: expression.metric.replace(/_(bucket|sum|count)$/, '') }];
  }
}
